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

POSITION, ACCOUNT, VERDICT, QUARANTINE = (
    quote(RAW, name) for name in ("intake_position", "intake_account", "intake_verdict", "quarantine")
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
    wh.execute(
        f"insert into {ACCOUNT} as a (load_id, relation, read_rows, loaded_rows, known_rows, "
        "quarantined_rows, deleted_rows, started_at, finished_at, is_finished) "
        "values (%(load)s, %(relation)s, %(read)s, %(loaded)s, %(known)s, %(quarantined)s, 0, "
        f"{NOW}, {NOW}, false) "
        "on conflict (load_id, relation) do update set read_rows = a.read_rows + excluded.read_rows, "
        "loaded_rows = a.loaded_rows + excluded.loaded_rows, "
        "known_rows = a.known_rows + excluded.known_rows, "
        "quarantined_rows = a.quarantined_rows + excluded.quarantined_rows, finished_at = clock_timestamp()",
        {"load": load_id, "relation": relation, "read": read, "loaded": loaded, "known": known,
         "quarantined": quarantined},
    )  # fmt: skip
    engine_of(wh).check_account(wh, ACCOUNT, relation, load_id)


def finish_account(wh: Warehouse, relation: str, load_id: str, deleted: int) -> None:
    add_to_account(wh, relation, load_id, 0, 0, 0, 0)
    wh.execute(
        f"update {ACCOUNT} set is_finished = true, deleted_rows = %(deleted)s, "
        "finished_at = clock_timestamp() where load_id = %(load)s and relation = %(relation)s",
        {"load": load_id, "relation": relation, "deleted": deleted},
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
