"""The tables in which loads of declared sources keep their books, all in schema `raw`.

Belongs here: their shapes, the position a source is read from, and the account of each load. Does not belong
here: the raw tables themselves (`versions`), or what is in quarantine (`quarantine`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from warehouse.client import quote
from warehouse.loaders.audit import RAW
from warehouse.loaders.intake.contract import Verdict

if TYPE_CHECKING:
    from warehouse.client import Warehouse

POSITION, ACCOUNT, VERDICT, QUARANTINE = (
    quote(RAW, name) for name in ("intake_position", "intake_account", "intake_verdict", "quarantine")
)
TABLES = {
    "intake_position": (
        "One row per source table and part of it: where reading goes on. Written with the rows it speaks of.",
        "relation text not null, part text not null, position text not null, load_id text not null, "
        "updated_at timestamptz not null default clock_timestamp(), primary key (relation, part)",
    ),
    "intake_account": (
        "One row per load and table: read = loaded + known + quarantined, always. known: rows whose version "
        "was there already. is_finished: the source was read to its end.",
        "load_id text not null, relation text not null, read_rows bigint not null, "
        "loaded_rows bigint not null, known_rows bigint not null, quarantined_rows bigint not null, "
        "deleted_rows bigint not null default 0, "
        "started_at timestamptz not null default clock_timestamp(), finished_at timestamptz not null "
        "default clock_timestamp(), is_finished boolean not null default false, "
        "primary key (load_id, relation), "
        "constraint reconciles check (read_rows = loaded_rows + known_rows + quarantined_rows)",
    ),
    "intake_verdict": (
        "One row per load, table, subject and finding of its contract.",
        "load_id text not null, relation text not null, subject text not null, finding text not null, "
        "is_breach boolean not null, detail text not null, "
        "judged_at timestamptz not null default clock_timestamp(), "
        "primary key (load_id, relation, subject, finding)",
    ),
    "intake_watermark": (
        "One row per raw table with a watermark: no event before it is expected any more. late_rows: "
        "versions that came all the same; they are loaded like any other.",
        "relation text primary key, watermark timestamptz not null, late_rows bigint not null, "
        "load_id text not null, updated_at timestamptz not null default clock_timestamp()",
    ),
    "quarantine": (
        "One row per row of a source that could not be loaded, with its reason and place. status: held, "
        "replayed or dropped. repaired: the row as mended by hand.",
        "quarantine_id bigint generated always as identity primary key, relation text not null, "
        "source_position text not null, reason text not null, column_name text, source_row text not null, "
        "repaired_row text, status text not null default 'held' "
        "check (status in ('held', 'replayed', 'dropped')), load_id text not null, "
        "quarantined_at timestamptz not null default clock_timestamp(), settled_at timestamptz, "
        "content_sha256 bytea not null",
    ),
}
_ONCE = (
    "create unique index if not exists quarantine__once on {quarantine} "
    "(relation, source_position, content_sha256)"
)


def ensure_books(wh: Warehouse) -> None:
    """Create what is missing."""
    wh.ensure_schema(RAW)
    wh.ensure_schema("landing")
    for name, (comment, columns) in TABLES.items():
        if not wh.table_exists(RAW, name):
            wh.execute(f"create table if not exists {quote(RAW, name)} ({columns})")
            wh.describe(comment, RAW, name)
    wh.execute(_ONCE.format(quarantine=QUARANTINE))


def positions(wh: Warehouse, relation: str) -> dict[str, str]:
    """Where reading goes on, by part of the source; empty before the first load."""
    sql = f"select part, position from {POSITION} where relation = %(relation)s"
    return {row["part"]: row["position"] for row in wh.query(sql, {"relation": relation})}


def keep_positions(wh: Warehouse, relation: str, load_id: str, resume: Mapping[str, str]) -> None:
    for part, position in resume.items():
        wh.execute(
            f"insert into {POSITION} (relation, part, position, load_id) values (%(relation)s, %(part)s, "
            "%(position)s, %(load)s) on conflict (relation, part) do update set "
            "position = excluded.position, load_id = excluded.load_id, updated_at = clock_timestamp()",
            {"relation": relation, "part": part, "position": position, "load": load_id},
        )


def add_to_account(
    wh: Warehouse, relation: str, load_id: str, read: int, loaded: int, known: int, quarantined: int
) -> None:
    """Raises WarehouseError (constraint `reconciles`) where the counts do not add up."""
    wh.execute(
        f"insert into {ACCOUNT} as a "
        "(load_id, relation, read_rows, loaded_rows, known_rows, quarantined_rows) "
        "values (%(load)s, %(relation)s, %(read)s, %(loaded)s, %(known)s, %(quarantined)s) "
        "on conflict (load_id, relation) do update set read_rows = a.read_rows + excluded.read_rows, "
        "loaded_rows = a.loaded_rows + excluded.loaded_rows, "
        "known_rows = a.known_rows + excluded.known_rows, "
        "quarantined_rows = a.quarantined_rows + excluded.quarantined_rows, finished_at = clock_timestamp()",
        {"load": load_id, "relation": relation, "read": read, "loaded": loaded, "known": known,
         "quarantined": quarantined},
    )  # fmt: skip


def finish_account(wh: Warehouse, relation: str, load_id: str, deleted: int) -> None:
    add_to_account(wh, relation, load_id, 0, 0, 0, 0)
    wh.execute(
        f"update {ACCOUNT} set is_finished = true, deleted_rows = %(deleted)s, "
        "finished_at = clock_timestamp() where load_id = %(load)s and relation = %(relation)s",
        {"load": load_id, "relation": relation, "deleted": deleted},
    )


def keep_verdicts(wh: Warehouse, relation: str, load_id: str, verdicts: Iterable[Verdict]) -> None:
    for verdict in verdicts:
        wh.execute(
            f"insert into {VERDICT} (load_id, relation, subject, finding, is_breach, detail) "
            "values (%(load)s, %(relation)s, %(subject)s, %(finding)s, %(is_breach)s, %(detail)s) "
            "on conflict do nothing",
            {"load": load_id, "relation": relation, **vars(verdict)},
        )
