"""The same orders in every kind of source, for the benchmarks of loads: files and a Postgres database.

Belongs here: making rows, chunk by chunk, and writing them. Does not belong here: sources that a server gives
(`intake_servers`), measuring.
"""

from __future__ import annotations

import gzip
import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from tests.warehouse.loaders.intake.declaring import columns, orders
from warehouse.loaders.intake.declared import DeclaredSource

if TYPE_CHECKING:
    import pyarrow as pa

COLUMNS = (
    "order_id bigint, customer text, city text, amount double precision, quantity bigint, is_paid boolean, "
    "paid_at timestamptz, note text"
)
CHUNK_ROWS = 100_000
FILES = {
    "parquet": "orders.parquet",
    "csv": "orders.csv",
    "jsonl": "orders.jsonl",
    "gzip": "packed.csv.gz",
    "zip": "packed.zip",
}
KINDS = (*FILES, "postgres", "s3", "kafka", "kinesis", "mongodb", "http")


@dataclass(frozen=True)
class Way:
    """A source to load from: its declaration, its address, and how many rows it holds."""

    source: DeclaredSource
    address: str
    rows: int


def chunks_of(count: int) -> Iterator[pa.Table]:
    """Orders of eight columns, about 100 bytes each as CSV."""
    for first in range(0, count, CHUNK_ROWS):
        yield _chunk(first, min(CHUNK_ROWS, count - first))


def _chunk(first: int, count: int) -> pa.Table:
    import numpy as np
    import pyarrow as pa

    number = np.arange(first, first + count)
    chance = np.random.default_rng([2013, first])
    instant = np.datetime64("2013-01-01T00:00:00", "us") + number.astype("timedelta64[s]")
    return pa.table({
        "order_id": number,
        "customer": [f"customer {n}" for n in chance.integers(0, 10_000, count)],
        "city": np.array(["York", "Ulm", "Ghent", "Évora"])[chance.integers(0, 4, count)].tolist(),
        "amount": chance.normal(100, 30, count),
        "quantity": chance.integers(1, 20, count),
        "is_paid": chance.random(count) < 0.9,
        "paid_at": pa.array(instant).cast(pa.timestamp("us", "UTC")),
        "note": [f"left at the door of number {n}" for n in chance.integers(0, 500, count)],
    })  # fmt: skip


def as_json(rows: pa.Table) -> list[dict[str, Any]]:
    return [{**row, "paid_at": row["paid_at"].isoformat()} for row in rows.to_pylist()]


def declared(kind: str, read: str, history: str = "events", **options: Any) -> DeclaredSource:
    """The source and its one table; `options` are the source's."""
    mine = options.pop("table", {})
    table = orders(columns=columns(COLUMNS), read=read, history=history, options=mine)
    return DeclaredSource("shop", kind, "SHOP_URL", (table,), options)


def write_files(kinds: set[str], count: int, folder: Path) -> dict[str, Way]:
    """The files of these kinds, in the folder."""
    makers: dict[str, Callable[[Path, int], None]] = {
        "parquet": _parquet, "csv": _csv, "jsonl": _json_lines, "gzip": _gzip, "zip": _zip,
    }  # fmt: skip
    made = {}
    for kind, name in FILES.items():
        if kind in kinds:
            makers[kind](folder / name, count)
            made[kind] = Way(declared("files", name), folder.as_uri(), count)
    return made


def _parquet(path: Path, count: int) -> None:
    from pyarrow import parquet

    chunks = chunks_of(count)
    first = next(chunks)
    with parquet.ParquetWriter(path, first.schema) as writer:
        for chunk in (first, *chunks):
            writer.write_table(chunk)


def _csv(path: Path, count: int) -> None:
    with path.open("wb") as target:
        _csv_into(target, count)


def _csv_into(target: IO[bytes], count: int) -> None:
    from pyarrow import csv

    for number, chunk in enumerate(chunks_of(count)):
        csv.write_csv(chunk, target, csv.WriteOptions(include_header=number == 0))


def _json_lines(path: Path, count: int) -> None:
    with path.open("w", encoding="utf-8") as target:
        for chunk in chunks_of(count):
            target.writelines(json.dumps(row) + "\n" for row in as_json(chunk))


def _gzip(path: Path, count: int) -> None:
    with gzip.open(path, "wb", compresslevel=1) as target:
        _csv_into(target, count)


def _zip(path: Path, count: int) -> None:
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("orders.csv", "w", force_zip64=True) as target,
    ):
        _csv_into(target, count)


def fill_postgres(database: Any, address: str, count: int) -> Way:
    """The orders as a table of an open database, whose address is given."""
    database.execute("drop table if exists orders")
    database.execute(f"create table orders ({COLUMNS})")
    for chunk in chunks_of(count):
        database.copy_arrow("public", "orders", chunk)
    return Way(declared("postgres", "orders"), address, count)
