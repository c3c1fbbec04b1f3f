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
from collections.abc import Sequence
from typing import TYPE_CHECKING

from warehouse.client import quote
from warehouse.loaders.audit import RAW
from warehouse.loaders.declaration import LoadError
from warehouse.loaders.intake.declared import DeclaredColumn, DeclaredTable

if TYPE_CHECKING:
    import pyarrow as pa

    from warehouse.client import Warehouse

LANDING = "landing"
CARRIED_AS_TEXT = {"decimal", "json"}
ADDED = [
    ("event_at", "timestamptz not null"),
    ("known_at", "timestamptz not null"),
    ("is_deleted", "boolean not null default false"),
    ("content_sha256", "bytea not null"),
    ("source_position", "text not null"),
    ("loaded_at", "timestamptz not null"),
    ("load_id", "text not null"),
]
ORDER = "landing_order"
_PLAIN = {"timestamptz": "timestamp with time zone", "integer": "bigint"}


def ensure_raw_table(wh: Warehouse, relation: str, table: DeclaredTable) -> None:
    """Create the raw table, or add declared columns it lacks.

    Raises:
        LoadError: a column stands there with another type.
    """
    target = quote(RAW, relation)
    declared = {column.name: _PLAIN.get(column.sql_type, column.sql_type) for column in table.columns}
    if not wh.table_exists(RAW, relation):
        columns = [
            f"{quote(name)} {kind}{' not null' if name in table.needed else ''}"
            for name, kind in declared.items()
        ]
        columns += [f"{quote(name)} {kind}" for name, kind in ADDED if name not in declared]
        wh.execute(f"create table {target} ({', '.join(columns)})")
        wh.describe(table.description or relation, RAW, relation)
        unique = _list((*table.key, "known_at", "content_sha256", "is_deleted"))
        wh.execute(f"create unique index {quote(f'{relation}__version')} on {target} ({unique})")
        return
    shape = wh.column_types(RAW, relation)
    for name, kind in declared.items():
        if name not in shape:
            wh.execute(f"alter table {target} add column {quote(name)} {kind}")
        elif shape[name].replace(" ", "") != kind.replace(" ", ""):
            raise LoadError(
                f"raw.{relation}: column {name} has another type than declared",
                value=shape[name],
                allowed=kind,
                next_step="declare it under another name, or drop the table and load it anew",
            )


def added_columns(wh: Warehouse, relation: str, table: DeclaredTable) -> tuple[DeclaredColumn, ...]:
    """Columns of the raw table that are neither declared nor our own: the policy evolve once added them."""
    from warehouse.loaders.intake.declared import DATA_TYPES

    known = {*(column.name for column in table.columns), *(name for name, _ in ADDED)}
    return tuple(
        DeclaredColumn(name, DATA_TYPES[kind], kind)
        for name, kind in wh.column_types(RAW, relation).items()
        if name not in known and kind in DATA_TYPES
    )


def land(
    wh: Warehouse, relation: str, table: DeclaredTable, added: tuple[DeclaredColumn, ...], rows: pa.Table
) -> None:
    """Carry rows into a landing table made new: declared and added columns, known_at, source_position, and
    their order.
    """
    target = quote(LANDING, relation)
    columns = [
        f"{quote(column.name)} {'text' if column.kind in CARRIED_AS_TEXT else column.sql_type}"
        for column in (*table.columns, *added)
    ]
    carried = {column.name for column in (*table.columns, *added)}
    own = [("known_at", "timestamptz"), ("source_position", "text"), (ORDER, "bigint")]
    columns += [f"{quote(name)} {kind}" for name, kind in own if name not in carried]
    wh.execute(f"drop table if exists {target}")
    wh.execute(f"create unlogged table {target} ({', '.join(columns)})")
    if rows.num_rows:
        wh.load_arrow(LANDING, relation, rows, mode="append")


def write_versions(
    wh: Warehouse, relation: str, table: DeclaredTable, added: tuple[DeclaredColumn, ...], load_id: str
) -> int:
    """Insert the landed rows that are new versions; how many those were. Within the caller's transaction."""
    names = [column.name for column in (*table.columns, *added)]
    own = [name for name, _ in ADDED if name not in names]
    event_at = f"{quote(table.event_at)}::timestamptz" if table.event_at else "known_at"
    values = {
        "event_at": event_at,
        "known_at": "known_at", "is_deleted": "false", "content_sha256": "content_sha256",
        "source_position": "source_position", "loaded_at": "now()", "load_id": "%(load)s",
    }  # fmt: skip
    chosen = ", ".join([*map(quote, names), *(values[name] for name in own)])
    sql = (
        f"with landed as ({_landed(relation, table, added)}), fresh as ({_fresh(relation, table)}) "
        f"insert into {quote(RAW, relation)} ({_list((*names, *own))}) select {chosen} from fresh"
    )
    if wh.dialect == "postgres":
        # by the index each batch costs the same; a hash of the raw table, which the planner takes, grows with
        # it: 1.0 s instead of 0.2 s for 140,000 rows beside 860,000
        wh.execute("set local enable_hashjoin = off; set local enable_mergejoin = off")
    return wh.execute(sql, {"load": load_id})


def repeated_keys(wh: Warehouse, relation: str, table: DeclaredTable) -> list[dict]:
    """Landed rows (order and the position of the row that stays) of a key that comes again, with another
    content, at the same instant. All but the last.
    """
    key = _list((*table.key, "known_at"))
    sql = (
        f"with landed as ({_landed(relation, table, ())}), ranked as (select {ORDER}, source_position, "
        f"content_sha256, last_value(source_position) over w as last_position, "
        f"last_value(content_sha256) over w as last_content from landed window w as (partition by {key} "
        f"order by {ORDER} rows between unbounded preceding and unbounded following)) "
        f"select {ORDER}, last_position from ranked where content_sha256 <> last_content order by {ORDER}"
    )
    return wh.query(sql)


def drop_landed(wh: Warehouse, relation: str, orders: list[int]) -> None:
    wh.execute(f"delete from {quote(LANDING, relation)} where {ORDER} = any(%(orders)s)", {"orders": orders})


def day_hash(wh: Warehouse, relation: str, key: Sequence[str], day: dt.date) -> str:
    """SHA-256 over the content of the newest versions whose event lies on a day (UTC), whatever their order:
    two loads of the day are the same where it is.
    """
    newest = (
        f"select distinct on ({_list(key)}) event_at, is_deleted, content_sha256 from {quote(RAW, relation)} "
        f"order by {_list(key)}, known_at desc, loaded_at desc, source_position desc"
    )
    return wh.scalar(
        "select encode(sha256(coalesce(string_agg(content_sha256, ''::bytea order by content_sha256), "
        f"''::bytea)), 'hex') from ({newest}) as v "
        "where not is_deleted and (event_at at time zone 'UTC')::date = %(day)s",
        {"day": day},
    )


def clear(wh: Warehouse, relation: str) -> None:
    wh.execute(f"drop table if exists {quote(LANDING, relation)}")


def _landed(relation: str, table: DeclaredTable, added: tuple[DeclaredColumn, ...]) -> str:
    """The landed rows with their declared types and the hash of their content."""
    columns = [
        f"{quote(column.name)}::{column.sql_type} as {quote(column.name)}"
        if column.kind in CARRIED_AS_TEXT
        else quote(column.name)
        for column in (*table.columns, *added)
    ]
    names = {column.name for column in (*table.columns, *added)}
    known = f"{quote(table.known_at)}::timestamptz" if table.known_at else "known_at"
    own = [] if "known_at" in names else [f"{known} as known_at"]
    typed = f"select {', '.join([*columns, *own, 'source_position', ORDER])} from {quote(LANDING, relation)}"
    content = _list(column.name for column in (*table.columns, *added))
    # the text of a row tells every value apart: doubles show all their digits, missing is not empty
    return (
        f"select t.*, sha256(convert_to(row({content})::text, 'UTF8')) as content_sha256 from ({typed}) as t"
    )


def _fresh(relation: str, table: DeclaredTable) -> str:
    raw, key = quote(RAW, relation), _list(table.key)
    same_key = " and ".join(f"r.{quote(name)} = l.{quote(name)}" for name in table.key)
    if table.history == "snapshot":
        before = (
            f"select case when r.is_deleted then null else r.content_sha256 end from {raw} as r "
            f"where {same_key} and r.known_at <= l.known_at "
            "order by r.known_at desc, r.loaded_at desc limit 1"
        )
        window = f"over (partition by {key} order by known_at, {ORDER})"
        return (
            f"select l.* from (select *, lag(content_sha256) {window} as before from landed) as l "
            f"where l.content_sha256 is distinct from coalesce(l.before, ({before}))"
        )
    once_by = f"{key}{', known_at' if table.history == 'changes' else ''}, content_sha256"
    once = f"select distinct on ({once_by}) * from landed order by {once_by}, known_at, {ORDER}"
    same = f"{same_key} and r.content_sha256 = l.content_sha256 and not r.is_deleted"
    if table.history == "changes":
        same += " and r.known_at = l.known_at"
    return f"select l.* from ({once}) as l where not exists (select from {raw} as r where {same})"


def _list(names) -> str:
    return ", ".join(quote(name) for name in names)
