"""The tables in which loads of declared sources keep their books, all in schema `raw`.

Belongs here: their shapes, the position a source is read from, and the account of each load. Does not belong
here: the raw tables themselves (`versions`), or what is in quarantine (`quarantine`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from warehouse.client import quote
from warehouse.loaders.intake.contract import Verdict
from warehouse.loaders.intake.engines import LANDING, RAW, engine_of
from warehouse.loaders.raw_tables import make_index, make_table

if TYPE_CHECKING:
    from warehouse.client import Warehouse

POSITION, ACCOUNT, VERDICT, ADDED, QUARANTINE = (
    quote(RAW, name)
    for name in ("intake_position", "intake_account", "intake_verdict", "intake_added_column", "quarantine")
)
NOW, NUMBERED = "clock_timestamp()", "generated always as identity"


@dataclass(frozen=True)
class Book:
    """One of the tables: its columns (name, type, whether a value is required); constraints and defaults for
    Postgres, see `raw_tables.make_table`.
    """

    comment: str
    columns: tuple[tuple[str, str, bool], ...]
    rules: str
    defaults: Mapping[str, str]


def _needed(kind: str, *names: str) -> tuple[tuple[str, str, bool], ...]:
    return tuple((name, kind, True) for name in names)


TABLES = {
    "intake_position": Book(
        "One row per source table and part of it: where reading goes on. Written with the rows it speaks of.",
        (*_needed("text", "relation", "part", "position", "load_id"), *_needed("timestamptz", "updated_at")),
        "primary key (relation, part)",
        {"updated_at": NOW},
    ),
    "intake_account": Book(
        "One row per load and table: read = loaded + known + quarantined, always. known: rows whose version "
        "was there already. is_finished: the source was read to its end.",
        (
            *_needed("text", "load_id", "relation"),
            *_needed("bigint", "read_rows", "loaded_rows", "known_rows", "quarantined_rows", "deleted_rows"),
            *_needed("timestamptz", "started_at", "finished_at"),
            ("is_finished", "boolean", True),
        ),
        "primary key (load_id, relation), "
        "constraint reconciles check (read_rows = loaded_rows + known_rows + quarantined_rows)",
        {"deleted_rows": "0", "started_at": NOW, "finished_at": NOW, "is_finished": "false"},
    ),
    "intake_verdict": Book(
        "One row per load, table, subject and finding of its contract.",
        (
            *_needed("text", "load_id", "relation", "subject", "finding"),
            ("is_breach", "boolean", True), ("detail", "text", True), ("judged_at", "timestamptz", True),
        ),
        "primary key (load_id, relation, subject, finding)",
        {"judged_at": NOW},
    ),
    "intake_watermark": Book(
        "One row per raw table with a watermark: no event before it is expected any more. late_rows: "
        "versions that came all the same; they are loaded like any other.",
        (
            ("relation", "text", True), ("watermark", "timestamptz", True), ("late_rows", "bigint", True),
            ("load_id", "text", True), ("updated_at", "timestamptz", True),
        ),
        "primary key (relation)",
        {"updated_at": NOW},
    ),
    "intake_added_column": Book(
        "One row per column that the policy evolve added to a raw table: the type its values are cast to.",
        (*_needed("text", "relation", "column_name", "data_type"), *_needed("timestamptz", "added_at")),
        "primary key (relation, column_name)",
        {"added_at": NOW},
    ),
    "quarantine": Book(
        "One row per row of a source that could not be loaded, with its reason and place. status: held, "
        "replayed or dropped. repaired: the row as mended by hand.",
        (
            ("quarantine_id", "bigint", True), *_needed("text", "relation", "source_position", "reason"),
            ("column_name", "text", False), ("source_row", "text", True), ("repaired_row", "text", False),
            *_needed("text", "status", "load_id"), ("quarantined_at", "timestamptz", True),
            ("settled_at", "timestamptz", False), ("content_sha256", "bytea", True),
        ),
        "primary key (quarantine_id), check (status in ('held', 'replayed', 'dropped'))",
        {"quarantine_id": NUMBERED, "status": "'held'", "quarantined_at": NOW},
    ),
}  # fmt: skip


def ensure_books(wh: Warehouse) -> None:
    """Create what is missing."""
    there = engine_of(wh).tables_there(wh, list(TABLES))
    if there == TABLES.keys():
        return
    wh.ensure_schema(RAW)
    wh.ensure_schema(LANDING)
    for name, book in TABLES.items():
        if name not in there:
            make_table(wh, RAW, name, book.columns, book.comment, rules=book.rules, defaults=book.defaults)
    once = ("relation", "source_position", "content_sha256")
    make_index(wh, RAW, "quarantine", "quarantine__once", once, is_unique=True)


def keep_added_column(wh: Warehouse, relation: str, name: str, data_type: str) -> None:
    """Note a column before it is added: the catalogue of BigQuery tells JSON and text not apart."""
    wh.execute(
        f"insert into {ADDED} (relation, column_name, data_type, added_at) "
        f"values (%(relation)s, %(name)s, %(type)s, {NOW}) on conflict (relation, column_name) "
        "do update set data_type = excluded.data_type, added_at = excluded.added_at",
        {"relation": relation, "name": name, "type": data_type},
    )


def added_types(wh: Warehouse, relation: str) -> dict[str, str]:
    """The types of columns that were added, by name."""
    sql = f"select column_name, data_type from {ADDED} where relation = %(relation)s"
    return {row["column_name"]: row["data_type"] for row in wh.query(sql, {"relation": relation})}


def positions(wh: Warehouse, relation: str) -> dict[str, str]:
    """Where reading goes on, by part of the source; empty before the first load."""
    sql = f"select part, position from {POSITION} where relation = %(relation)s"
    return {row["part"]: row["position"] for row in wh.query(sql, {"relation": relation})}


def keep_positions(wh: Warehouse, relation: str, load_id: str, resume: Mapping[str, str]) -> None:
    if resume:
        rows = [{"part": part, "position": position} for part, position in resume.items()]
        values, parameters = _values(rows, {"relation": relation, "load_id": load_id}, f", {NOW}")
        wh.execute(
            f"insert into {POSITION} (relation, load_id, part, position, updated_at) values {values} "
            "on conflict (relation, part) do update set position = excluded.position, "
            "load_id = excluded.load_id, updated_at = excluded.updated_at",
            parameters,
        )


def add_to_account(
    wh: Warehouse, relation: str, load_id: str, read: int, loaded: int, known: int, quarantined: int
) -> None:
    """Raises WarehouseError (constraint `reconciles`) where the counts do not add up."""
    counts = {"read": read, "loaded": loaded, "known": known, "quarantined": quarantined}
    changes = ", ".join(f"{name}_rows = a.{name}_rows + excluded.{name}_rows" for name in counts)
    _account(wh, relation, load_id, counts, changes)
    engine_of(wh).check_account(wh, ACCOUNT, relation, load_id)


def finish_account(wh: Warehouse, relation: str, load_id: str, deleted: int) -> None:
    """The load's account is closed, and there where nothing was read."""
    counts = dict.fromkeys(("read", "loaded", "known", "quarantined"), 0)
    changes = "deleted_rows = excluded.deleted_rows, is_finished = excluded.is_finished"
    _account(wh, relation, load_id, counts | {"deleted": deleted, "is_finished": True}, changes)


def _account(wh: Warehouse, relation: str, load_id: str, values: Mapping[str, Any], changes: str) -> None:
    wh.execute(
        f"insert into {ACCOUNT} as a (load_id, relation, read_rows, loaded_rows, known_rows, "
        "quarantined_rows, deleted_rows, is_finished, started_at, finished_at) "
        "values (%(load)s, %(relation)s, %(read)s, %(loaded)s, %(known)s, %(quarantined)s, %(deleted)s, "
        f"%(is_finished)s, {NOW}, {NOW}) on conflict (load_id, relation) do update set {changes}, "
        "finished_at = excluded.finished_at",
        {"load": load_id, "relation": relation, "deleted": 0, "is_finished": False, **values},
    )


def keep_verdicts(wh: Warehouse, relation: str, load_id: str, verdicts: Iterable[Verdict]) -> None:
    if rows := [vars(verdict) for verdict in verdicts]:
        values, parameters = _values(rows, {"relation": relation, "load_id": load_id}, f", {NOW}")
        wh.execute(
            f"insert into {VERDICT} (relation, load_id, subject, finding, is_breach, detail, judged_at) "
            f"values {values} on conflict (load_id, relation, subject, finding) do nothing",
            parameters,
        )


def _values(
    rows: Iterable[Mapping[str, Any]], constant: Mapping[str, Any], ending: str
) -> tuple[str, dict[str, Any]]:
    """Rows for `values`, each of the constants, its own values in order, and SQL; and the parameters."""
    texts, parameters = [], dict(constant)
    for nth, row in enumerate(rows):
        parameters |= {f"{name}_{nth}": value for name, value in row.items()}
        marks = [*constant, *(f"{name}_{nth}" for name in row)]
        texts.append(f"({', '.join(f'%({mark})s' for mark in marks)}{ending})")
    return ", ".join(texts), parameters
