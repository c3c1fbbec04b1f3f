"""Loads of every kind of source beside plain COPY, dlt's default path and pandas:
`python -m tests.benchmarks.intake_load [rows] [repeats]` writes `build/bench/intake_load.json`.

Each load runs in a process of its own, into an empty table; seconds are taken inside it, after its imports,
and its peak memory from outside. The peers read the same rows from a Parquet file. Belongs here: this
comparison. Does not belong here: the sources (`intake_sources`).
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

from tests.benchmarks.intake_sources import COLUMNS, filled, rows_of
from tests.benchmarks.memory import watch
from tests.benchmarks.progress import progress
from tests.benchmarks.record import record, versions
from warehouse.client import connection_urls, load_settings, open_warehouse

DATABASE, ORIGIN = "starhouse_bench_intake", "starhouse_bench_intake_origin"
GOAL = 3.0
PEERS = ("copy", "dlt_default", "pandas")
INCLUDES = {
    "ours": "reading the Parquet file, contract and types of each value, landing, content hash, versions, "
    "positions, counts, commit",
    "theirs": "pandas' reading of the Parquet file to dicts, dlt's extract, normalize and insert_values",
    "copy": "reading the Parquet file, Arrow to CSV in memory, COPY, a unique index, commit",
    "pandas": "read_parquet and to_sql(method='multi', chunksize=1000)",
    "neither": "imports, connecting to the server",
}


def main(rows: int, repeats: int) -> None:
    settings = load_settings()
    try:
        with progress("intake_load"), tempfile.TemporaryDirectory(prefix="starhouse-intake-") as name:
            found, sizes = _measure(settings, Path(name), rows, repeats)
    finally:
        with open_warehouse(settings) as wh:
            for database in (DATABASE, ORIGIN):
                wh.execute(f"drop database if exists {database} with (force)")
    _write(settings, found, sizes, rows)


def _measure(settings: Any, folder: Path, rows: int, repeats: int) -> tuple[dict[str, list], dict[str, int]]:
    """Seconds and peak bytes by way, one a repeat; rows by way."""
    found: dict[str, list] = defaultdict(list)
    origin = replace(settings, database=ORIGIN)
    with (
        open_warehouse(origin) as database,
        filled(rows_of(rows), folder, database, connection_urls(origin).libpq) as sources,
    ):
        sizes = {name: count for name, (_, _, count) in sources.items()} | dict.fromkeys(PEERS, rows)
        for _ in range(repeats):
            for way in (*PEERS, *sources):
                with open_warehouse(settings) as wh:
                    wh.execute(f"drop database if exists {DATABASE} with (force)")
                one = _one(way, folder, sources.get(way))
                found[way].append(one)
                print(f"{way:<12} {sizes[way] / one[0]:>10,.0f} rows/s, {one[1] / 1e6:,.0f} MB", flush=True)
    return found, sizes


def _one(way: str, folder: Path, given: tuple | None) -> tuple[float, int]:
    """(seconds, peak bytes) of one load in a process of its own."""
    result = folder / "result.json"
    environment = {**os.environ, "SHOP_URL": given[1] if given else ""}
    command = [sys.executable, "-m", "tests.benchmarks.intake_load", "way", way, str(folder), str(result)]
    if given:
        source = given[0]
        table = source.tables[0]
        command.append(json.dumps({"kind": source.kind, "read": table.read, "table": dict(table.options),
                                   **source.options}))  # fmt: skip
    usage = watch(command, env=environment)
    if usage.returncode:
        raise SystemExit(f"{way} ended with {usage.returncode}")
    return json.loads(result.read_text())["seconds"], usage.peak_bytes


def load_by(way: str, folder: Path, result: Path, spec: str | None) -> None:
    """One load, here; its seconds are written to `result`."""
    settings = replace(load_settings(), database=DATABASE)
    with open_warehouse(settings) as wh:
        wh.execute("select 1")
        run = (
            _ours(settings, spec)
            if spec
            else {"copy": _copy, "dlt_default": _dlt, "pandas": _pandas}[way](
                settings, folder / "orders.parquet"
            )
        )
        began = time.perf_counter()
        run()
        seconds = time.perf_counter() - began
        relation = "raw.shop__orders" if spec else "public.orders"
        if not wh.scalar(f"select count(*) from {relation}"):
            raise SystemExit(f"{way} loaded nothing")
    result.write_text(json.dumps({"seconds": seconds}))


def _ours(settings: Any, spec: str) -> Any:
    import adbc_driver_postgresql.dbapi  # noqa: F401
    import pyarrow.csv
    import pyarrow.parquet  # noqa: F401

    from tests.benchmarks.intake_sources import declared
    from warehouse.loaders.intake.connectors import connector
    from warehouse.loaders.intake.loader import DeclaredLoader

    source = declared(**json.loads(spec))
    connector(source.kind)
    return lambda: DeclaredLoader(source).load(settings)


def _copy(settings: Any, path: Path) -> Any:
    import io

    import psycopg2
    import pyarrow.csv as csv
    import pyarrow.parquet as parquet

    def run() -> None:
        target = io.BytesIO()
        csv.write_csv(parquet.read_table(path), target, csv.WriteOptions(include_header=False))
        target.seek(0)
        connection = psycopg2.connect(connection_urls(settings).libpq)
        with connection, connection.cursor() as cursor:
            cursor.execute(f"create table orders ({COLUMNS})")
            cursor.copy_expert("copy orders from stdin (format csv)", target)
            cursor.execute("create unique index on orders (order_id)")

    return run


def _dlt(settings: Any, path: Path) -> Any:
    import dlt
    import pyarrow.parquet as parquet

    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    # dlt wants a host's name and a password beside a socket's folder
    address = connection_urls(settings).dlt

    def run() -> None:
        pipeline = dlt.pipeline(
            "intake_bench", pipelines_dir=str(path.parent / "dlt"), dataset_name="public",
            destination=dlt.destinations.postgres(address),
        )  # fmt: skip
        pipeline.run(
            dlt.resource(parquet.read_table(path).to_pylist(), name="orders", primary_key="order_id"),
            write_disposition="append",
        )

    return run


def _pandas(settings: Any, path: Path) -> Any:
    import pandas
    import sqlalchemy

    engine = sqlalchemy.create_engine(connection_urls(settings).sqlalchemy)

    def run() -> None:
        pandas.read_parquet(path).to_sql(
            "orders", engine, schema="public", index=False, method="multi", chunksize=1_000
        )

    return run


def _write(settings: Any, found: dict[str, list], sizes: dict[str, int], rows: int) -> None:
    with open_warehouse(settings) as wh:
        server = wh.scalar("show server_version")
    speeds = {way: [sizes[way] / seconds for seconds, _ in taken] for way, taken in found.items()}
    result = record(
        "intake_load",
        peer="dlt's default path",
        rows=rows,
        ours=speeds["parquet"],
        theirs=speeds["dlt_default"],
        goal=GOAL,
        unit="rows/s",
        includes=INCLUDES,
        versions=versions("dlt", "pandas", "pyarrow", "adbc-driver-postgresql", postgres=server),
        rows_per_second={way: median(taken) for way, taken in speeds.items()},
        peak_bytes={way: max(peak for _, peak in taken) for way, taken in found.items()},
        rows_by_way=sizes,
        to_copy=median(speeds["parquet"]) / median(speeds["copy"]),
    )
    print(f"{result['quotient']:.1f} times dlt's default path, {result['to_copy']:.2f} of plain COPY")


if __name__ == "__main__":
    if sys.argv[1:2] == ["way"]:
        load_by(sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]), (sys.argv[5:] or [None])[0])
    else:
        main(int((sys.argv[1:] or ["100000"])[0]), int((sys.argv[2:] or ["3"])[0]))
