"""Loads of every kind of source beside plain COPY, dlt's default path and pandas:
`python -m tests.benchmarks.intake_load [ROWS …] [--kinds csv,postgres,…] [--repeats N]` writes
`build/bench/intake_load_<kind>_<rows>.json`, a record a source and size.

Each load runs in a process of its own, into an empty database; its peak memory is taken from outside. The
peers read the same rows from a Parquet file; those that hold all rows in memory, or take hours, are measured
up to a million rows. Belongs here: this comparison. Does not belong here: the sources (`intake_sources`,
`intake_servers`), one load (`intake_ways`).
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections import defaultdict
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

from tests.benchmarks.intake_servers import filled_servers
from tests.benchmarks.intake_sources import KINDS, Way, fill_postgres, write_files
from tests.benchmarks.intake_ways import DATABASE, INCLUDES, PEERS, command
from tests.benchmarks.memory import watch
from tests.benchmarks.progress import progress
from tests.benchmarks.record import record, versions
from warehouse.client import connection_urls, load_settings, open_warehouse

ORIGIN = "starhouse_bench_intake_origin"
GOAL = 3.0
"""Times dlt's default path."""
COPY_GOAL = 0.5
"""Of plain COPY, where dlt is not measured."""
PEER_MOST_ROWS = 1_000_000
LARGE_KINDS = {"parquet", "csv", "jsonl", "gzip", "zip", "postgres", "s3"}
"""Kinds that are measured beyond a million rows."""

Found = dict[str, list[tuple[float, int]]]


def main(sizes: list[int], kinds: list[str], repeats: int) -> None:
    settings = load_settings()
    try:
        with progress("intake_load"):
            for rows in sizes:
                chosen = set(kinds) & LARGE_KINDS if rows > PEER_MOST_ROWS else set(kinds)
                with tempfile.TemporaryDirectory(prefix="starhouse-intake-") as name:
                    _compare(settings, Path(name), rows, chosen, repeats)
    finally:
        with open_warehouse(settings) as wh:
            for database in (DATABASE, ORIGIN):
                wh.execute(f"drop database if exists {database} with (force)")


def _compare(settings: Any, folder: Path, rows: int, kinds: set[str], repeats: int) -> None:
    """Every kind and peer in turns, `repeats` times; a record a kind."""
    peers = PEERS if rows <= PEER_MOST_ROWS else PEERS[:1]
    found: Found = defaultdict(list)
    origin = replace(settings, database=ORIGIN)
    with ExitStack() as stack:
        ways = write_files(kinds | {"parquet"}, rows, folder)
        ways = {kind: way for kind, way in ways.items() if kind in kinds}
        if "postgres" in kinds:
            database = stack.enter_context(open_warehouse(origin))
            ways["postgres"] = fill_postgres(database, connection_urls(origin).libpq, rows)
        ways |= filled_servers(stack, kinds, rows, folder)
        for _ in range(repeats):
            for name in (*peers, *ways):
                with open_warehouse(settings) as wh:
                    wh.execute(f"drop database if exists {DATABASE} with (force)")
                way = ways.get(name)
                one = _one(name, folder, way, way.rows if way else rows)
                found[name].append(one)
                speed = (way.rows if way else rows) / one[0]
                print(f"{rows:>10,} {name:<12} {speed:>10,.0f} rows/s, {one[1] / 1e6:,.0f} MB", flush=True)
    with open_warehouse(settings) as wh:
        server = wh.scalar("show server_version")
    for kind, way in ways.items():
        _write(kind, way, rows, found, server)


def _one(name: str, folder: Path, way: Way | None, rows: int) -> tuple[float, int]:
    """(seconds, peak bytes) of one load in a process of its own, which must load every row."""
    result = folder / "result.json"
    environment = {**os.environ, "SHOP_URL": way.address if way else ""}
    usage = watch(command(name, folder, result, way), env=environment)
    if usage.returncode:
        raise SystemExit(f"{name} ended with {usage.returncode}")
    told = json.loads(result.read_text())
    if told["rows"] != rows:
        raise SystemExit(f"{name} loaded {told['rows']} rows of {rows}")
    return told["seconds"], usage.peak_bytes


def _write(kind: str, way: Way, rows: int, found: Found, server: str) -> None:
    """The record of a kind; the peers' speeds are those of the same run and size."""
    sizes = {name: way.rows if name == kind else rows for name in found}
    speeds = {name: [sizes[name] / seconds for seconds, _ in taken] for name, taken in found.items()}
    peer, goal = ("dlt_default", GOAL) if "dlt_default" in found else ("copy", COPY_GOAL)
    shown = (kind, *(name for name in PEERS if name in found))
    result = record(
        f"intake_load_{kind}_{rows}",
        peer={"dlt_default": "dlt's default path", "copy": "plain COPY"}[peer],
        rows=way.rows,
        ours=speeds[kind],
        theirs=speeds[peer],
        goal=goal,
        unit="rows/s",
        includes=INCLUDES,
        versions=versions("dlt", "pandas", "pyarrow", "adbc-driver-postgresql", postgres=server),
        kind=kind,
        rows_per_second={name: median(speeds[name]) for name in shown},
        peak_bytes={name: max(peak for _, peak in found[name]) for name in shown},
        to_copy=median(speeds[kind]) / median(speeds["copy"]),
    )
    beside = f", {result['quotient']:.2f} of {result['peer']}" if peer != "copy" else ""
    print(f"{kind}, {rows:,} rows: {result['to_copy']:.2f} of plain COPY{beside}")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.intake_load")
    parser.add_argument("rows", nargs="*", type=int, default=[100_000])
    parser.add_argument("--kinds", type=lambda text: text.split(","), default=list(KINDS))
    parser.add_argument("--repeats", type=int, default=1)
    given = parser.parse_args()
    if unknown := set(given.kinds) - set(KINDS):
        parser.error(f"--kinds: {', '.join(sorted(unknown))}; allowed are {', '.join(KINDS)}")
    return given


if __name__ == "__main__":
    chosen = arguments()
    main(chosen.rows, chosen.kinds, chosen.repeats)
