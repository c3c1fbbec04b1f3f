"""One load in a process of its own: `python -m tests.benchmarks.intake_ways WAY FOLDER RESULT [SOURCE]`.

Seconds are taken inside it, after its imports and with the server reached, and written to RESULT. Belongs
here: our own load, plain COPY, dlt's default path and pandas. Does not belong here: comparing them
(`intake_load`).
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.benchmarks.intake_sources import COLUMNS, FILES, Way, declared
from warehouse.client import connection_urls, load_settings, open_warehouse

DATABASE = "starhouse_bench_intake"
PEERS = ("copy", "dlt_default", "pandas")
INCLUDES = {
    "ours": "reading the source, contract and types of each value, landing, content hash, versions, "
    "positions, counts, commit",
    "theirs": "pandas' reading of the same rows from a Parquet file to dicts, dlt's extract, normalize and "
    "insert_values",
    "copy": "reading the Parquet file by groups of rows, Arrow to CSV, one COPY, a unique index, commit",
    "pandas": "read_parquet and to_sql(method='multi', chunksize=1000)",
    "neither": "imports, connecting to the server, the server's own memory",
}


def command(way: str, folder: Path, result: Path, given: Way | None) -> list[str]:
    """The command of one load; `given`: the source of our own."""
    made = [sys.executable, "-m", "tests.benchmarks.intake_ways", way, str(folder), str(result)]
    if given:
        table = given.source.tables[0]
        spec = {"kind": given.source.kind, "read": table.read, "table": dict(table.options)}
        made.append(json.dumps({**spec, **given.source.options}))
    return made


def run(way: str, folder: Path, result: Path, spec: str | None) -> None:
    """One load, here."""
    settings = replace(load_settings(), database=DATABASE)
    peers = {"copy": _copy, "dlt_default": _dlt, "pandas": _pandas}
    with open_warehouse(settings) as wh:
        wh.execute("select 1")
        load = _ours(settings, spec) if spec else peers[way](settings, folder / FILES["parquet"])
        began = time.perf_counter()
        load()
        seconds = time.perf_counter() - began
        relation = "raw.shop__orders" if spec else "public.orders"
        rows = wh.scalar(f"select count(*) from {relation}")
    result.write_text(json.dumps({"seconds": seconds, "rows": rows}))


def _ours(settings: Any, spec: str) -> Callable[[], Any]:
    import adbc_driver_postgresql.dbapi  # noqa: F401
    import pyarrow.csv
    import pyarrow.parquet  # noqa: F401

    from warehouse.loaders.intake.connectors import connector
    from warehouse.loaders.intake.loader import DeclaredLoader

    source = declared(**json.loads(spec))
    connector(source.kind)
    return lambda: DeclaredLoader(source).load(settings)


class _Csv:
    """The rows of a Parquet file as CSV, group by group, for COPY to read from."""

    def __init__(self, path: Path) -> None:
        from pyarrow import parquet

        # with pre_buffer all that was read of the file stays in memory
        file = parquet.ParquetFile(path, pre_buffer=False, buffer_size=1 << 20)
        self._groups, self._waiting = file.iter_batches(65_536), b""

    def read(self, size: int) -> bytes:
        import io

        import pyarrow.csv as csv

        if not self._waiting:
            group = next(self._groups, None)
            if group is not None:
                target = io.BytesIO()
                csv.write_csv(group, target, csv.WriteOptions(include_header=False))
                self._waiting = target.getbuffer()
        part, self._waiting = self._waiting[:size], self._waiting[size:]
        return bytes(part)


def _copy(settings: Any, path: Path) -> Callable[[], Any]:
    import psycopg2
    import pyarrow.csv
    import pyarrow.parquet  # noqa: F401

    def load() -> None:
        connection = psycopg2.connect(connection_urls(settings).libpq)
        with connection, connection.cursor() as cursor:
            cursor.execute(f"create table orders ({COLUMNS})")
            cursor.copy_expert("copy orders from stdin (format csv)", _Csv(path), 1 << 16)
            cursor.execute("create unique index on orders (order_id)")

    return load


def _dlt(settings: Any, path: Path) -> Callable[[], Any]:
    import dlt
    import pyarrow.parquet as parquet

    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    address = connection_urls(settings).dlt

    def load() -> None:
        pipeline = dlt.pipeline(
            "intake_bench", pipelines_dir=str(path.parent / "dlt"), dataset_name="public",
            destination=dlt.destinations.postgres(address),
        )  # fmt: skip
        rows = dlt.resource(_rows(parquet.ParquetFile(path)), name="orders", primary_key="order_id")
        pipeline.run(rows, write_disposition="append")

    return load


def _rows(file: Any) -> Any:
    for group in file.iter_batches(10_000):
        yield group.to_pylist()


def _pandas(settings: Any, path: Path) -> Callable[[], Any]:
    import pandas
    import sqlalchemy

    engine = sqlalchemy.create_engine(connection_urls(settings).sqlalchemy)

    def load() -> None:
        pandas.read_parquet(path).to_sql(
            "orders", engine, schema="public", index=False, method="multi", chunksize=1_000
        )

    return load


if __name__ == "__main__":
    run(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), (sys.argv[4:] or [None])[0])
