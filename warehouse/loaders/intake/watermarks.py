"""The watermark of a stream: the instant before which every event is taken to have come.

It is the newest event's instant less the declared lateness, never goes back, and moves in the transaction of
the rows that move it. A window that ends at or before it is final; an event that still comes for one is late:
it is loaded like any other, lands in its window by its own instant, and is counted. (Akidau et al., "The
Dataflow Model", VLDB 2015, call this a heuristic watermark.)

Belongs here: moving it and reading it. Does not belong here: windows, which are dbt models.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from warehouse.client import quote
from warehouse.loaders.audit import RAW
from warehouse.loaders.intake.engines import Moment

if TYPE_CHECKING:
    from warehouse.client import Warehouse

WATERMARK = quote(RAW, "intake_watermark")


def advance(wh: Warehouse, relation: str, load_id: str, lateness_s: float, moment: Moment) -> None:
    """Count this load's versions that came behind the watermark since it last moved, and move it. Within the
    transaction that wrote them (their loaded_at is its moment).
    """
    parameters = {"relation": relation, "load": load_id, **moment.parameters}
    written = (
        f"from {quote(RAW, relation)} as r where r.load_id = %(load)s and r.loaded_at = {moment.sql} "
        "and not r.is_deleted"
    )
    wh.execute(
        f"update {WATERMARK} as w set late_rows = w.late_rows + (select count(*) {written} "
        "and r.event_at < w.watermark) where w.relation = %(relation)s",
        parameters,
    )
    newest = wh.scalar(f"select max(r.event_at) as newest {written}", parameters)
    if newest is not None:
        wh.execute(
            f"insert into {WATERMARK} as w (relation, watermark, late_rows, load_id, updated_at) "
            "values (%(relation)s, %(watermark)s, 0, %(load)s, clock_timestamp()) "
            "on conflict (relation) do update set watermark = greatest(w.watermark, excluded.watermark), "
            "load_id = excluded.load_id, updated_at = excluded.updated_at",
            {"relation": relation, "load": load_id, "watermark": newest - dt.timedelta(seconds=lateness_s)},
        )


def watermark(wh: Warehouse, relation: str) -> tuple[dt.datetime, int] | None:
    """The watermark (UTC) and how many versions came late; None before the first event."""
    rows = wh.query(
        f"select watermark, late_rows from {WATERMARK} where relation = %(relation)s", {"relation": relation}
    )
    return (rows[0]["watermark"], rows[0]["late_rows"]) if rows else None
