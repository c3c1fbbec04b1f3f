"""Loads of declared sources into BigQuery: see `engines`. Statements are the house's, translated on their
way.

What Postgres has by a constraint is asked for here before the commit: one version of a key, instant and
content, counts that add up; numbers of rows in quarantine are given under the lock of the books. Belongs
here: what only BigQuery needs. Does not belong here: steps, books, how a statement is translated
(`warehouse.client.googlesql`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from warehouse.client import WarehouseError, quote
from warehouse.loaders.intake.casting import SIZES
from warehouse.loaders.intake.content import content_sha256, json_text
from warehouse.loaders.intake.converters import fits_numeric, shown
from warehouse.loaders.intake.engines import CONTENT, LANDING, ORDER, RAW, Moment, listed, same_key

if TYPE_CHECKING:
    import pyarrow as pa

    from warehouse.client import Warehouse
    from warehouse.loaders.intake.contract import Cast
    from warehouse.loaders.intake.declared import DeclaredColumn, DeclaredTable

BOOKS_LOCK = "intake books"
MOST_DIGITS, MOST_SCALE = 76, 38
"""Of a BIGNUMERIC: digits, and those of them behind the point."""
KEYS, REJECTS = "__keys", "__rejects"


@contextmanager
def transaction(wh: Warehouse) -> Iterator[Moment]:
    """One transaction of a load. Of two that change the same books BigQuery ends one, so they take turns."""
    with wh.advisory_lock(BOOKS_LOCK):
        moment = wh.scalar("select clock_timestamp() as moment")
        with wh.transaction():
            yield Moment("%(moment)s", {"moment": moment})


def tables_there(wh: Warehouse, names: Sequence[str]) -> set[str]:
    return {name for name in names if wh.table_exists(RAW, name)}


def within_limits(columns: Sequence[DeclaredColumn], made: Mapping[str, Cast]) -> Mapping[str, Cast]:
    """Decimals that a BIGNUMERIC would round or not hold become faults of their rows."""
    for column in columns:
        if column.kind != "decimal" or SIZES.search(column.sql_type):
            continue
        values, faults = made[column.name]
        for row, text in enumerate(values.to_pylist()):
            if text is not None and not fits_numeric(text, MOST_DIGITS, MOST_SCALE):
                faults[row] = f"{shown(text)} does not fit BIGNUMERIC without rounding"
    return made


def land(wh: Warehouse, relation: str, columns: Sequence[DeclaredColumn], rows: pa.Table) -> None:
    """Carry rows and the hash of their content into a landing table made new, by one load job."""
    import pyarrow as pa

    for column in columns:
        if column.kind == "json":
            texts = [None if text is None else json_text(text) for text in rows[column.name].to_pylist()]
            place = rows.schema.get_field_index(column.name)
            rows = rows.set_column(place, column.name, pa.array(texts, pa.string()))
    wh.load_arrow(
        LANDING, relation, rows.append_column(CONTENT, content_sha256(columns, rows)), mode="replace"
    )


def landed(relation: str, columns: Sequence[DeclaredColumn], known_at: str | None) -> str:
    """The landed rows with their declared types."""
    names = [column.name for column in columns]
    typed = [
        f"{quote(c.name)}::{c.sql_type} as {quote(c.name)}" if c.kind == "decimal" else quote(c.name)
        for c in columns
    ]
    known = f"{quote(known_at)}::timestamptz" if known_at else "known_at"
    own = [] if "known_at" in names else [f"{known} as known_at"]
    chosen = ", ".join([*typed, *own, "source_position", ORDER, CONTENT])
    return f"select {chosen} from {quote(LANDING, relation)}"


def fresh(relation: str, table: DeclaredTable) -> str:
    """The rows of `landed` that are new versions: those of `postgres.fresh`, by joins in place of a subquery
    a row, which BigQuery has not.
    """
    raw, key = quote(RAW, relation), listed(table.key)
    if table.history == "snapshot":
        window = f"over (partition by {key} order by known_at, {ORDER})"
        ordered = f"select *, lag({CONTENT}) {window} as before from landed"
        prior = (
            f"select o.{ORDER} as of_row, case when r.is_deleted then null else r.{CONTENT} end as content, "
            f"row_number() over (partition by o.{ORDER} order by r.known_at desc, r.loaded_at desc, "
            f"r.source_position desc) as nth from ({ordered}) as o join {raw} as r "
            f"on {same_key(table.key, 'r', 'o')} and r.known_at <= o.known_at where o.before is null"
        )
        return (
            f"select l.* from ({ordered}) as l left join ({prior}) as p "
            f"on p.of_row = l.{ORDER} and p.nth = 1 "
            f"where l.{CONTENT} is distinct from coalesce(l.before, p.content)"
        )
    at_once = ", known_at" if table.history == "changes" else ""
    window = f"over (partition by {key}{at_once}, {CONTENT} order by known_at, {ORDER})"
    once = f"select *, row_number() {window} as nth from landed"
    same = f"{same_key(table.key, 'r', 'l')} and r.{CONTENT} = l.{CONTENT} and not r.is_deleted"
    if at_once:
        same += " and r.known_at = l.known_at"
    known = f"select 1 as one from {raw} as r where {same}"
    return f"select l.* from ({once}) as l where l.nth = 1 and not exists ({known})"


def repeated(key: Sequence[str]) -> str:
    """What follows `with landed as (…),`: the rows of a key that comes again later with another content."""
    window = f"over (partition by {listed(key)} order by {ORDER} desc)"
    return (
        f"ranked as (select *, row_number() {window} as nth from landed) "
        f"select l.{ORDER}, r.source_position as last_position from ranked as l join ranked as r "
        f"on {same_key(key, 'l', 'r')} and r.nth = 1 where l.{CONTENT} <> r.{CONTENT} order by l.{ORDER}"
    )


def insert_versions(
    wh: Warehouse, relation: str, table: DeclaredTable, sql: str, parameters: Mapping[str, Any]
) -> int:
    """Run the insert of new versions; how many rows those were.

    Raises:
        WarehouseError: a version is there twice.
    """
    written = wh.execute(sql, parameters)
    version = [*table.key, "known_at", CONTENT, "is_deleted"]
    typed = landed(relation, table.columns, table.known_at)
    landed_keys = f"select distinct {listed(table.key)} from ({typed}) as t"
    twice = (
        f"select {listed(table.key, 'r')} from {quote(RAW, relation)} as r join ({landed_keys}) as l "
        f"on {same_key(table.key, 'r', 'l')} group by {listed(version, 'r')} having count(*) > 1 limit 1"
    )
    if written and (found := wh.query(twice)):
        raise WarehouseError(
            f"Loading raw.{relation} failed: a version of {found[0]} would stand there twice. Nothing was "
            "written. Load again, one load of a table at a time."
        )
    return written


def send_rejects(wh: Warehouse, relation: str, rejects: Sequence[Mapping[str, Any]]) -> None:
    """Land rejects, each place and content once."""
    import pyarrow as pa

    if not rejects:
        return
    once = {(one["source_position"], one["source_row"]): one for one in reversed(rejects)}
    rows = [
        {**one, "nth": nth, CONTENT: hashlib.sha256(one["source_row"].encode()).digest()}
        for nth, one in enumerate(reversed(once.values()))
    ]
    texts = [(name, pa.string()) for name in ("source_position", "reason", "column_name", "source_row")]
    schema = pa.schema([*texts, ("nth", pa.int64()), (CONTENT, pa.binary())])
    wh.load_arrow(LANDING, f"{relation}{REJECTS}", pa.Table.from_pylist(rows, schema), mode="replace")


def hold(
    wh: Warehouse, books: str, relation: str, load_id: str, rejects: Sequence[Mapping[str, Any]]
) -> None:
    """Insert the landed rejects into the quarantine `books`, but those that are there."""
    carried = "source_position, reason, column_name, source_row"
    there = (
        f"select 1 as one from {books} as q where q.relation = %(relation)s "
        f"and q.source_position = l.source_position and q.{CONTENT} = l.{CONTENT}"
    )
    wh.execute(
        f"insert into {books} (quarantine_id, relation, {carried}, status, load_id, quarantined_at, "
        f"{CONTENT}) "
        f"select b.highest + row_number() over (order by l.nth), %(relation)s, {carried}, 'held', %(load)s, "
        f"clock_timestamp(), l.{CONTENT} from {quote(LANDING, f'{relation}{REJECTS}')} as l "
        f"cross join (select coalesce(max(quarantine_id), 0) as highest from {books}) as b "
        f"where not exists ({there})",
        {"relation": relation, "load": load_id},
    )


def send_keys(wh: Warehouse, relation: str, keys: pa.Table) -> None:
    """Land the source's keys."""
    wh.load_arrow(LANDING, f"{relation}{KEYS}", keys, mode="replace")


def keys_table(wh: Warehouse, relation: str, types: Mapping[str, str], keys: pa.Table) -> str:
    """The landed keys, numbers that travel as text as the numbers they are."""
    typed = [
        f"{quote(name)}::{types[name]} as {quote(name)}" if types[name].startswith("numeric") else quote(name)
        for name in keys.column_names
    ]
    return f"(select {', '.join(typed)} from {quote(LANDING, f'{relation}{KEYS}')})"


def clear(wh: Warehouse, relation: str) -> None:
    """Drop what was landed for a batch."""
    for name in (relation, f"{relation}{REJECTS}", f"{relation}{KEYS}"):
        if wh.table_exists(LANDING, name):  # cheaper to ask than to send a job that finds nothing
            wh.execute(f"drop table if exists {quote(LANDING, name)}")


def check_account(wh: Warehouse, books: str, relation: str, load_id: str) -> None:
    """Raises WarehouseError where a load's counts do not add up."""
    sql = f"select read_rows, loaded_rows, known_rows, quarantined_rows from {books} "
    sql += "where load_id = %(load)s and relation = %(relation)s"
    for row in wh.query(sql, {"load": load_id, "relation": relation}):
        if row["read_rows"] != row["loaded_rows"] + row["known_rows"] + row["quarantined_rows"]:
            raise WarehouseError(
                f"The account of {relation} breaks the rule reconciles: {row}. Nothing was written."
            )


def hash_of(wh: Warehouse, rows: str, parameters: Mapping[str, Any]) -> str:
    """SHA-256, in hex, over the contents that a query gives, in their own order. They are hashed here, 32
    bytes a row: an aggregate of BigQuery may not grow beyond a few million of them.
    """
    made = hashlib.sha256()
    for content in sorted(row[CONTENT] for row in wh.query(rows, parameters)):
        made.update(content)
    return made.hexdigest()
