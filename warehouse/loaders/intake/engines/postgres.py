"""Loads of declared sources into Postgres: see `engines`.

Belongs here: what only Postgres reads or does. Does not belong here: steps, books.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from warehouse.client import quote
from warehouse.loaders.intake.engines import CONTENT, LANDING, ORDER, RAW, Moment, listed, same_key

if TYPE_CHECKING:
    import pyarrow as pa

    from warehouse.client import Warehouse
    from warehouse.loaders.intake.batch import Reject
    from warehouse.loaders.intake.contract import Cast
    from warehouse.loaders.intake.declared import DeclaredColumn, DeclaredTable

CARRIED_AS_TEXT = {"decimal", "json"}


@contextmanager
def transaction(wh: Warehouse) -> Iterator[Moment]:
    """One transaction of a load."""
    with wh.transaction():
        yield Moment("now()")


def tables_there(wh: Warehouse, names: Sequence[str]) -> set[str]:
    """Which of these tables of `raw` there are."""
    sql = "select c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace "
    sql += "where n.nspname = %(schema)s and c.relname = any(%(names)s)"
    return {row["name"] for row in wh.query(sql, {"schema": RAW, "names": list(names)})}


def within_limits(columns: Sequence[DeclaredColumn], made: Mapping[str, Cast]) -> Mapping[str, Cast]:
    """Values that the engine could not hold become faults; Postgres holds all."""
    return made


def land(wh: Warehouse, relation: str, columns: Sequence[DeclaredColumn], rows: pa.Table) -> None:
    """Carry rows into a landing table made new: declared and added columns, position, order."""
    target = quote(LANDING, relation)
    kinds = {c.name: "text" if c.kind in CARRIED_AS_TEXT else c.sql_type for c in columns}
    own = {"known_at": "timestamptz", "source_position": "text", ORDER: "bigint"}
    kinds |= {name: kind for name, kind in own.items() if name not in kinds}
    wh.execute(f"drop table if exists {target}")
    made = ", ".join(f"{quote(name)} {kind}" for name, kind in kinds.items())
    wh.execute(f"create unlogged table {target} ({made})")
    if rows.num_rows:
        wh.load_arrow(LANDING, relation, rows, mode="append")


def landed(relation: str, columns: Sequence[DeclaredColumn], known_at: str | None) -> str:
    """The landed rows with their declared types and the hash of their content."""
    typed = [
        f"{quote(column.name)}::{column.sql_type} as {quote(column.name)}"
        if column.kind in CARRIED_AS_TEXT
        else quote(column.name)
        for column in columns
    ]
    names = [column.name for column in columns]
    known = f"{quote(known_at)}::timestamptz" if known_at else "known_at"
    own = [] if "known_at" in names else [f"{known} as known_at"]
    rows = f"select {', '.join([*typed, *own, 'source_position', ORDER])} from {quote(LANDING, relation)}"
    # the text of a row tells every value apart: doubles show all their digits, missing is not empty
    return (
        f"select t.*, sha256(convert_to(row({listed(names)})::text, 'UTF8')) as {CONTENT} from ({rows}) as t"
    )


def fresh(relation: str, table: DeclaredTable) -> str:
    """The rows of `landed` that are new versions."""
    raw, key = quote(RAW, relation), listed(table.key)
    same = same_key(table.key, "r", "l")
    if table.history == "snapshot":
        before = (
            f"select case when r.is_deleted then null else r.content_sha256 end from {raw} as r "
            f"where {same} and r.known_at <= l.known_at "
            "order by r.known_at desc, r.loaded_at desc, r.source_position desc limit 1"
        )
        window = f"over (partition by {key} order by known_at, {ORDER})"
        return (
            f"select l.* from (select *, lag(content_sha256) {window} as before from landed) as l "
            f"where l.content_sha256 is distinct from coalesce(l.before, ({before}))"
        )
    once_by = f"{key}{', known_at' if table.history == 'changes' else ''}, content_sha256"
    once = f"select distinct on ({once_by}) * from landed order by {once_by}, known_at, {ORDER}"
    same += " and r.content_sha256 = l.content_sha256 and not r.is_deleted"
    if table.history == "changes":
        same += " and r.known_at = l.known_at"
    return f"select l.* from ({once}) as l where not exists (select from {raw} as r where {same})"


def repeated(key: Sequence[str]) -> str:
    """What follows `with landed as (…),`: the rows of a key that comes again later with another content."""
    return (
        f"ranked as (select {ORDER}, {CONTENT}, last_value(source_position) over w as last_position, "
        f"last_value({CONTENT}) over w as last_content from landed window w as (partition by {listed(key)} "
        f"order by {ORDER} rows between unbounded preceding and unbounded following)) "
        f"select {ORDER}, last_position from ranked where {CONTENT} <> last_content order by {ORDER}"
    )


def insert_versions(
    wh: Warehouse, relation: str, table: DeclaredTable, sql: str, parameters: Mapping[str, Any]
) -> int:
    """Run the insert of new versions; how many rows those were."""
    # by the index each batch costs the same; a hash of the raw table, which the planner takes, grows with it:
    # 1.0 s instead of 0.2 s for 140,000 rows beside 860,000
    wh.execute("set local enable_hashjoin = off; set local enable_mergejoin = off")
    return wh.execute(sql, parameters)


def send_rejects(wh: Warehouse, relation: str, rejects: Sequence[Reject]) -> None:
    """Nothing: `hold` takes them within the transaction."""


def hold(
    wh: Warehouse, books: str, relation: str, load_id: str, rejects: Sequence[Mapping[str, Any]]
) -> None:
    """Insert rejects into the quarantine `books`, but those that are there: an index of it tells."""
    wh.execute(
        f"insert into {books} (relation, source_position, reason, column_name, source_row, load_id, "
        "content_sha256) select %(relation)s, position, reason, nullif(col, ''), content, %(load)s, "
        "sha256(convert_to(content, 'UTF8')) from unnest(%(positions)s::text[], %(reasons)s::text[], "
        "%(columns)s::text[], %(rows)s::text[]) as r (position, reason, col, content) "
        "on conflict (relation, source_position, content_sha256) do nothing",
        {
            "relation": relation,
            "load": load_id,
            "positions": [reject["source_position"] for reject in rejects],
            "reasons": [reject["reason"] for reject in rejects],
            "columns": [reject["column_name"] or "" for reject in rejects],
            "rows": [reject["source_row"] for reject in rejects],
        },
    )


def send_keys(wh: Warehouse, relation: str, keys: pa.Table) -> None:
    """Nothing: `keys_table` takes them within the transaction."""


def keys_table(wh: Warehouse, relation: str, types: Mapping[str, str], keys: pa.Table) -> str:
    """A table of the source's keys, for this transaction; its quoted name."""
    name = f"{relation}__keys"
    columns = ", ".join(f"{quote(column)} {types[column]}" for column in keys.column_names)
    wh.execute(f"create temporary table {quote(name)} ({columns}) on commit drop")
    wh.copy_arrow("pg_temp", name, keys)
    return quote("pg_temp", name)


def clear(wh: Warehouse, relation: str) -> None:
    """Drop what was landed for a batch."""
    wh.execute(f"drop table if exists {quote(LANDING, relation)}")


def check_account(wh: Warehouse, books: str, relation: str, load_id: str) -> None:
    """Nothing: a constraint of the table refuses counts that do not add up."""


def hash_of(wh: Warehouse, rows: str, parameters: Mapping[str, Any]) -> str:
    """SHA-256, in hex, over the contents that a query gives, in their own order."""
    joined = f"coalesce(string_agg({CONTENT}, ''::bytea order by {CONTENT}), ''::bytea)"
    return wh.scalar(f"select encode(sha256({joined}), 'hex') from ({rows}) as c", parameters)
