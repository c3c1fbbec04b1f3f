"""Tables and views of a Postgres database, as Arrow.

Without a `cursor` the relation is read whole; with one, from the greatest value seen, less `lookback_s`
seconds (or units) where the cursor is an instant: a transaction that began earlier may commit later. Rows
read twice are known.

Belongs here: the statements sent to the source. Does not belong here: connecting
(`warehouse.client.source_database`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from warehouse.client import quote
from warehouse.client.settings import Secret
from warehouse.client.source_database import SourceDatabase
from warehouse.loaders.declaration import LoadError
from warehouse.loaders.intake.batch import Batch
from warehouse.loaders.intake.casting import arrow_type
from warehouse.loaders.intake.connectors.places import Keyed
from warehouse.loaders.intake.declared import DeclaredSource, DeclaredTable

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_ROWS = 100_000
LOOKBACK_S = 600
AS_THEY_ARE = {"bigint", "integer", "smallint", "double precision", "real", "boolean", "date", "text",
               "character varying", "timestamp with time zone"}  # fmt: skip
"""Types that travel as Arrow's own; all others travel as their text."""


def read(
    source: DeclaredSource, table: DeclaredTable, connection: Secret | None, positions: Mapping[str, str]
) -> Iterator[Batch]:
    """Batches in the order of the cursor, or of the key.

    Raises:
        LoadError: no connection, no such relation. WarehouseError: the source cannot be reached.
    """
    database = _open(source, connection)
    types = _types(database, source, table)
    chosen = [
        f"{quote(name)}" if kind in AS_THEY_ARE else f"{quote(name)}::text as {quote(name)}"
        for name, kind in types.items()
    ]
    sql = f"select {', '.join(chosen)} from {quote(*table.read.split('.'))}"
    if table.cursor:
        since = positions.get("")
        if since is not None:
            sql += f" where {quote(table.cursor)} >= {_literal(since)}::{types[table.cursor]}"
            if types[table.cursor].startswith("timestamp"):
                seconds = float(table.options.get("lookback_s", LOOKBACK_S))
                sql += f" - interval '{seconds} seconds'"
        sql += f" order by {quote(table.cursor)} nulls first"
    yield from _batches(database, sql, table)


def keys(source: DeclaredSource, table: DeclaredTable, connection: Secret | None) -> pa.Table:
    """The keys that are in the source now."""
    import pyarrow as pa

    database = _open(source, connection)
    names = ", ".join(quote(name) for name in table.key)
    parts = list(database.stream(f"select {names} from {quote(*table.read.split('.'))}"))
    if parts:
        return pa.Table.from_batches(parts)
    kinds = {column.name: column.kind for column in table.columns}
    return pa.table({name: pa.array([], arrow_type(kinds[name])) for name in table.key})


def _open(source: DeclaredSource, connection: Secret | None) -> SourceDatabase:
    if connection is None:
        raise LoadError(
            f"source {source.name} has no connection", value="none",
            allowed="an environment variable with postgresql://user:password@host:port/database",
            next_step="set `connection` in its declaration",
        )  # fmt: skip
    return SourceDatabase(connection)


def _types(database: SourceDatabase, source: DeclaredSource, table: DeclaredTable) -> dict[str, str]:
    found = database.query(
        "select a.attname as name, format_type(a.atttypid, null) as type from pg_attribute a "
        "where a.attrelid = to_regclass(%(relation)s) and a.attnum > 0 and not a.attisdropped "
        "order by attnum",
        {"relation": quote(*table.read.split("."))},
    )
    if not found:
        raise LoadError(
            f"source {source.name} has no such relation", value=table.read,
            allowed="a table or view the login may read", next_step="correct `read` of the table",
        )  # fmt: skip
    return {row["name"]: row["type"] for row in found}


def _batches(database: SourceDatabase, sql: str, table: DeclaredTable) -> Iterator[Batch]:
    import pyarrow as pa

    waiting: list[pa.RecordBatch] = []
    first = 0
    for part in database.stream(sql):
        waiting.append(part)
        if sum(one.num_rows for one in waiting) >= BATCH_ROWS:
            yield _batch(pa.Table.from_batches(waiting), table, first)
            first += sum(one.num_rows for one in waiting)
            waiting = []
    if waiting and sum(one.num_rows for one in waiting):
        yield _batch(pa.Table.from_batches(waiting), table, first)


def _batch(rows: pa.Table, table: DeclaredTable, first: int) -> Batch:
    import pyarrow.compute as pc

    positions = Keyed(table.read, table.key, rows, first + 1)
    resume = {}
    if table.cursor:
        newest = pc.max(rows[table.cursor]).as_py()
        if newest is not None:
            resume = {"": newest.isoformat() if isinstance(newest, dt.datetime | dt.date) else str(newest)}
    return Batch(rows, positions, resume)


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
