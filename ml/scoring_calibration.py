"""What scoring costs either way: a document on a sample of the rows it is to score, by the code that will
score them.

Belongs here: measuring. Does not belong here: the choice, and keeping what was measured (`ml.scoring_plan`).
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml.document import DocumentError
from ml.document.work_tables import WORK_SCHEMA, new_name, prepare
from ml.scoring_engines import Scored, Scoring, fill
from warehouse.client import quote

if TYPE_CHECKING:
    from warehouse.client import Warehouse

SAMPLE_ROWS = 4_000
LARGEST_SAMPLE = 256_000
LEAST_SHARE, LEAST_SECONDS = 0.05, 0.2
"""Of the seconds of one measurement, and seconds: less is noise."""


@dataclass(frozen=True)
class Calibration:
    """Seconds of scoring `rows` rows are fixed + rows · row, in the warehouse by one process. Seconds are
    infinite in the warehouse where it cannot take the document. `stream_row_bytes` leave it a row.
    """

    sample_rows: int
    warehouse_fixed_seconds: float
    warehouse_row_seconds: float
    stream_fixed_seconds: float
    stream_row_seconds: float
    stream_row_bytes: float


def calibrate(wh: Warehouse, scoring: Scoring) -> Calibration | None:
    """Measure both ways on the first rows of the relation; None where there are none."""
    prepare(wh)
    rows, fixed, row, scored = _measured(wh, "stream", scoring)
    if not rows:
        return None
    try:
        sampled, inside, inside_row, _ = _measured(wh, "warehouse", scoring)
    except DocumentError:
        sampled, inside, inside_row = rows, math.inf, math.inf
    return Calibration(min(rows, sampled), inside, inside_row, fixed, row, scored.bytes_out / rows)


def _measured(wh: Warehouse, engine: str, scoring: Scoring) -> tuple[int, float, float, Scored]:
    """Sample rows, fixed seconds and seconds a row, and what the last sample moved.

    A cheap model over few rows takes no longer than one row does. So the sample grows until the rows weigh
    more than all that is fixed, or until there are no more of them; then a row counts at least the share of
    the whole that such a measurement can tell from nothing. What is made once, as an evaluator's tables, is
    made before.
    """
    _seconds(wh, engine, scoring, SAMPLE_ROWS)
    fixed = min(_seconds(wh, engine, scoring, 1)[0] for _ in range(2))
    wanted = SAMPLE_ROWS
    while True:
        seconds, scored = _seconds(wh, engine, scoring, wanted)
        if scored.rows < wanted or seconds > max(2 * fixed, LEAST_SECONDS) or wanted >= LARGEST_SAMPLE:
            row = max(seconds - fixed, LEAST_SHARE * seconds) / max(scored.rows, 1)
            return scored.rows, fixed, row, scored
        wanted *= 4


def _seconds(wh: Warehouse, engine: str, scoring: Scoring, rows: int) -> tuple[float, Scored]:
    """One scoring of so many rows. The limit has one process of the warehouse do it."""
    into = (WORK_SCHEMA, new_name("calibration"))
    try:
        began = time.perf_counter()
        scored = fill(wh, engine, scoring.of(f"(select * from {scoring.relation} as s limit {rows})"), into)
        return time.perf_counter() - began, scored
    finally:
        wh.execute(f"drop table if exists {quote(*into)}")
