"""Rows that could not be loaded: kept with reason and place, listed, repaired by hand, and tried again.

Belongs here: the quarantine's rows. Does not belong here: what is wrong with a row (`contract`), or loading
it again (`intake.replay`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from warehouse.loaders.declaration import LoadError
from warehouse.loaders.intake.batch import Reject
from warehouse.loaders.intake.bookkeeping import QUARANTINE, ensure_books
from warehouse.loaders.intake.engines import engine_of

if TYPE_CHECKING:
    from warehouse.client import Warehouse

STATUSES = ("held", "replayed", "dropped")


@dataclass(frozen=True)
class Held:
    """One row of `raw.quarantine`; `row` is what the source gave, or its repair."""

    quarantine_id: int
    relation: str
    source_position: str
    reason: str
    column_name: str | None
    row: dict[str, Any]
    status: str


def send(wh: Warehouse, relation: str, rejects: Sequence[Reject]) -> None:
    """What must be done of `hold` before its transaction."""
    engine_of(wh).send_rejects(wh, relation, list(map(_carried, rejects)))


def hold(wh: Warehouse, relation: str, load_id: str, rejects: Sequence[Reject]) -> None:
    """Keep rejects, which were sent; one that is there already, from the same place with the same content, is
    not kept twice.
    """
    if rejects:
        engine_of(wh).hold(wh, QUARANTINE, relation, load_id, list(map(_carried, rejects)))


def _carried(reject: Reject) -> dict[str, str | None]:
    return {
        "source_position": reject.position,
        "reason": reject.reason.replace("\0", "\\0"),
        "column_name": reject.column or None,
        "source_row": row_text(reject.row),
    }


def row_text(row: Mapping[str, Any]) -> str:
    """A row as JSON text that Postgres' text can hold: what JSON has not is written as Python shows it."""
    text = json.dumps(row, ensure_ascii=True, default=str)
    return text.replace("\0", "\\u0000")


def held(wh: Warehouse, relation: str | None = None, status: str = "held", limit: int = 1_000) -> list[Held]:
    """Rows in quarantine, oldest first; of one raw table (without the schema) or all."""
    ensure_books(wh)
    if status not in STATUSES:
        raise LoadError("no such status", value=status, allowed=", ".join(STATUSES), next_step="name one")
    where = "status = %(status)s" + (" and relation = %(relation)s" if relation else "")
    rows = wh.query(
        "select quarantine_id, relation, source_position, reason, column_name, "
        f"coalesce(repaired_row, source_row) as row, status from {QUARANTINE} where {where} "
        "order by quarantine_id limit %(limit)s",
        {"status": status, "relation": relation, "limit": limit},
    )
    return [Held(**{**row, "row": json.loads(row["row"])}) for row in rows]


def find(wh: Warehouse, quarantine_id: int) -> Held:
    """Raises LoadError where there is no such row."""
    ensure_books(wh)
    rows = wh.query(
        "select quarantine_id, relation, source_position, reason, column_name, "
        f"coalesce(repaired_row, source_row) as row, status from {QUARANTINE} where quarantine_id = %(id)s",
        {"id": quarantine_id},
    )
    if not rows:
        raise LoadError(
            "no such row in quarantine", value=quarantine_id, allowed="a quarantine_id",
            next_step="list them with `starhouse quarantine list`",
        )  # fmt: skip
    return Held(**{**rows[0], "row": json.loads(rows[0]["row"])})


def repair(wh: Warehouse, quarantine_id: int, values: Mapping[str, Any]) -> Held:
    """Put values in place of those the source gave; the source's own stay in `source_row`."""
    found = find(wh, quarantine_id)
    if found.status != "held":
        raise LoadError(
            f"row {quarantine_id} is settled", value=found.status, allowed="held", next_step="name a held row"
        )
    mended = row_text({**found.row, **values})
    wh.execute(
        f"update {QUARANTINE} set repaired_row = %(row)s where quarantine_id = %(id)s",
        {"row": mended, "id": quarantine_id},
    )
    return find(wh, quarantine_id)


def settle(wh: Warehouse, ids: Sequence[int], status: str) -> int:
    """Mark held rows as replayed or dropped; how many."""
    return wh.execute(
        f"update {QUARANTINE} set status = %(status)s, settled_at = clock_timestamp() "
        "where quarantine_id = any(%(ids)s) and status = 'held'",
        {"status": status, "ids": list(ids)},
    )


def note(wh: Warehouse, quarantine_id: int, reason: str, column: str | None) -> None:
    """A row tried again that still cannot be loaded: why now."""
    wh.execute(
        f"update {QUARANTINE} set reason = %(reason)s, column_name = %(column)s where quarantine_id = %(id)s",
        {"reason": reason.replace("\0", "\\0"), "column": column, "id": quarantine_id},
    )
