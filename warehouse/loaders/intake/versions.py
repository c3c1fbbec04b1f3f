"""Raw tables of declared sources: every version of every row, each with the instant from which it was known.

A version is written once: a row that comes again, by a replay, a repeated delivery or a second load, changes
nothing. A correction is a new version beside the old one, so what was known at any instant stays answerable.

- events: a row is new where no version of its key has the same content.
- changes: a row is new where its key has no version of that instant and content.
- snapshot: a row is new where the newest version of its key has another content.

Belongs here: the shape of a raw table, and writing versions. Does not belong here: transactions, counting.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from warehouse.client import quote
from warehouse.loaders import raw_tables
from warehouse.loaders.declaration import LoadError
from warehouse.loaders.intake import bookkeeping
from warehouse.loaders.intake.contract import INFERRED
from warehouse.loaders.intake.declared import DeclaredColumn, DeclaredTable
from warehouse.loaders.intake.engines import CONTENT, LANDING, ORDER, RAW, Moment, engine_of, listed

if TYPE_CHECKING:
    import pyarrow as pa

    from warehouse.client import Warehouse

ADDED = [
    ("event_at", "timestamptz", True),
    ("known_at", "timestamptz", True),
    ("is_deleted", "boolean", True),
    ("content_sha256", "bytea", True),
    ("source_position", "text", True),
    ("loaded_at", "timestamptz", True),
    ("load_id", "text", True),
]
_PLAIN = {"timestamptz": "timestamp with time zone", "integer": "bigint"}


def ensure_raw_table(wh: Warehouse, relation: str, table: DeclaredTable) -> None:
    """Create the raw table, or add declared columns it lacks.

    Raises:
        LoadError: a column stands there with another type.
    """
    declared = {column.name: _PLAIN.get(column.sql_type, column.sql_type) for column in table.columns}
    shape = wh.column_types(RAW, relation)
    if not shape:
        columns = [(name, kind, name in table.needed) for name, kind in declared.items()]
        columns += [own for own in ADDED if own[0] not in declared]
        raw_tables.make_table(
            wh, RAW, relation, columns, table.description or relation,
            defaults={"is_deleted": "false"}, day="loaded_at", clusters=table.key,
        )  # fmt: skip
        version = (*table.key, "known_at", CONTENT, "is_deleted")
        raw_tables.make_index(wh, RAW, relation, f"{relation}__version", version, is_unique=True)
        return
    for name, kind in declared.items():
        if name not in shape:
            _add_column(wh, relation, name, kind)
        elif not raw_tables.is_stored_as(wh, kind, shape[name]):
            raise LoadError(
                f"raw.{relation}: column {name} has another type than declared",
                value=shape[name],
                allowed=kind,
                next_step="declare it under another name, or drop the table and load it anew",
            )


def evolve(wh: Warehouse, relation: str, kinds: Mapping[str, str | None]) -> None:
    """Add columns of these inferred kinds (None: not told yet) to the raw table where it lacks them."""
    there = wh.column_types(RAW, relation)
    for name, kind in kinds.items():
        if kind and name not in there:
            bookkeeping.keep_added_column(wh, relation, name, INFERRED[kind])
            _add_column(wh, relation, name, INFERRED[kind])


def _add_column(wh: Warehouse, relation: str, name: str, kind: str) -> None:
    raw_tables.check_column(wh, name, kind)
    wh.execute(f"alter table {quote(RAW, relation)} add column {quote(name)} {kind}")


def added_columns(wh: Warehouse, relation: str, table: DeclaredTable) -> tuple[DeclaredColumn, ...]:
    """Columns of the raw table that are neither declared nor our own: the policy evolve once added them."""
    from warehouse.loaders.intake.declared import DATA_TYPES

    known = {*(column.name for column in table.columns), *(name for name, _, _ in ADDED)}
    shape = wh.column_types(RAW, relation)
    types = bookkeeping.added_types(wh, relation)
    return tuple(
        DeclaredColumn(name, DATA_TYPES[kind], kind)
        for name, kind in {name: types.get(name, kind) for name, kind in shape.items()}.items()
        if name not in known and kind in DATA_TYPES
    )


def land(
    wh: Warehouse, relation: str, table: DeclaredTable, added: tuple[DeclaredColumn, ...], rows: pa.Table
) -> None:
    """Carry rows into a landing table made new: declared and added columns, known_at, source_position, and
    their order.
    """
    engine_of(wh).land(wh, relation, (*table.columns, *added), rows)


def write_versions(
    wh: Warehouse,
    relation: str,
    table: DeclaredTable,
    added: tuple[DeclaredColumn, ...],
    load_id: str,
    moment: Moment,
) -> int:
    """Insert the landed rows that are new versions; how many those were. Within the caller's transaction."""
    engine = engine_of(wh)
    names = [column.name for column in (*table.columns, *added)]
    own = [name for name, _, _ in ADDED if name not in names]
    event_at = f"{quote(table.event_at)}::timestamptz" if table.event_at else "known_at"
    values = {
        "event_at": event_at,
        "known_at": "known_at", "is_deleted": "false", "content_sha256": "content_sha256",
        "source_position": "source_position", "loaded_at": moment.sql, "load_id": "%(load)s",
    }  # fmt: skip
    chosen = ", ".join([*map(quote, names), *(values[name] for name in own)])
    landed = engine.landed(relation, (*table.columns, *added), table.known_at)
    sql = (
        f"with landed as ({landed}), fresh as ({engine.fresh(relation, table)}) "
        f"insert into {quote(RAW, relation)} ({listed((*names, *own))}) select {chosen} from fresh"
    )
    return engine.insert_versions(wh, relation, table, sql, {"load": load_id, **moment.parameters})


def repeated_keys(
    wh: Warehouse, relation: str, table: DeclaredTable, added: tuple[DeclaredColumn, ...]
) -> list[dict]:
    """Landed rows (order and the position of the row that stays) of a key that comes again, with another
    content, at the same instant. All but the last.
    """
    engine = engine_of(wh)
    landed = engine.landed(relation, (*table.columns, *added), table.known_at)
    return wh.query(f"with landed as ({landed}), {engine.repeated((*table.key, 'known_at'))}")


def drop_landed(wh: Warehouse, relation: str, orders: list[int]) -> None:
    wh.execute(f"delete from {quote(LANDING, relation)} where {ORDER} = any(%(orders)s)", {"orders": orders})


def newest_versions(relation: str, key: Sequence[str]) -> str:
    """A query of the newest version of each key, deleted ones too: the rule of the dbt macro
    `newest_versions`. Of versions known at one instant the one loaded later counts, of those the later
    position.
    """
    newest = "order by known_at desc, loaded_at desc, source_position desc"
    return (
        f"select v.* from (select *, row_number() over (partition by {listed(key)} {newest}) as version_rank "
        f"from {quote(RAW, relation)}) as v where v.version_rank = 1"
    )


def day_hash(wh: Warehouse, relation: str, key: Sequence[str], day: dt.date) -> str:
    """SHA-256 over the content of the newest versions whose event lies on a day (UTC), whatever their order:
    two loads of the day are the same where it is, on either engine.
    """
    rows = (
        f"select {CONTENT} from ({newest_versions(relation, key)}) as n "
        f"where not is_deleted and (event_at at time zone 'UTC')::date = %(day)s"
    )
    return engine_of(wh).hash_of(wh, rows, {"day": day})


def clear(wh: Warehouse, relation: str) -> None:
    """Drop what was landed."""
    engine_of(wh).clear(wh, relation)
