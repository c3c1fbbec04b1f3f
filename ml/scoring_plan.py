"""Where to score: in the warehouse by SQL, or in a stream through Python. Measured, not believed.

Belongs here: the calibration of one document on a sample of its own feature rows, kept in the warehouse, and
the choice with its reason. Does not belong here: the scoring (`ml.score`).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ml.document import DocumentError
from ml.document.passes import prepared_scoring
from ml.feature_query import feature_sql
from warehouse.client import quote

if TYPE_CHECKING:
    from ml.predictor import Predictor
    from warehouse.client import Warehouse

ENGINES = ("warehouse", "stream")
SAMPLE_ROWS = 4_000
LARGEST_SAMPLE = 256_000
LEAST_SHARE = 0.05
"""Of the seconds of one measurement: less is noise."""
FEW_ROWS = 2_000
"""So few rows are scored in the warehouse unmeasured: either way takes no time worth a calibration."""
VALID_DAYS = 7
PARALLEL_GAIN = 0.7
"""What each further process of a parallel scan adds, as a share of the first: the leader also gathers."""


@dataclass(frozen=True)
class Plan:
    """The choice for `rows` rows. Seconds are estimates of scoring alone, None where nothing was measured;
    `stream_bytes` would leave the warehouse as Arrow on the streamed path.
    """

    engine: str
    reason: str
    rows: int
    warehouse_seconds: float | None = None
    stream_seconds: float | None = None
    stream_bytes: int | None = None


def plan(wh: Warehouse, predictor: Predictor, rows: int, engine: str | None = None) -> Plan:
    """Choose for `rows` rows; `engine` (or the declaration, where it is not auto) overrides.

    Raises:
        ValueError: an engine that does not exist.
    """
    wanted = engine or predictor.spec.scoring.engine
    if wanted != "auto":
        if wanted not in ENGINES:
            raise ValueError(f"engine {wanted!r}; allowed: auto, {', '.join(ENGINES)}.")
        return Plan(wanted, "as asked for", rows)
    if rows <= FEW_ROWS:
        return Plan("warehouse", f"{rows:,} rows are too few to measure", rows)
    measured = _stored(wh, predictor.sha256) or calibrate(wh, predictor)
    if not measured:
        return Plan("warehouse", "there are no feature rows to measure on", rows)
    return _choose(measured, rows, _processes(wh))


def _choose(measured: dict[str, Any], rows: int, processes: int) -> Plan:
    share = 1 + PARALLEL_GAIN * (processes - 1)
    inside = measured["warehouse_fixed_seconds"] + rows * measured["warehouse_row_seconds"] / share
    outside = measured["stream_fixed_seconds"] + rows * measured["stream_row_seconds"]
    size = round(rows * measured["stream_row_bytes"])
    chosen = "warehouse" if inside <= outside else "stream"
    reason = (
        f"{rows:,} rows: {inside:.2f} s in the warehouse with {processes} processes, {outside:.2f} s "
        f"streamed with {size / 1e6:.1f} MB out, estimated from {measured['sample_rows']:,} rows"
    )
    return Plan(chosen, reason, rows, inside, outside, size)


def calibrate(wh: Warehouse, predictor: Predictor) -> dict[str, Any] | None:
    """Measure both paths on a sample of feature rows and keep the result; None where there are none.

    A document that the warehouse cannot take costs infinitely much there.
    """
    try:
        rows, fixed_inside, inside_row = _measure_warehouse(wh, predictor)
    except DocumentError:
        rows, fixed_inside, inside_row = SAMPLE_ROWS, math.inf, math.inf
    if not rows:
        return None
    sample = _sample(predictor, rows)
    table, fetch = _timed(lambda: wh.fetch_arrow(sample))
    if not table.num_rows:
        return None
    one, fixed_fetch = _timed(lambda: wh.fetch_arrow(f"select * from ({sample}) as s limit 1"))
    _, fixed_predict = _timed(lambda: predictor.predict(one))
    answers, predict = _timed(lambda: predictor.predict(table))
    copy = _copy_seconds(wh, answers)
    measured = {
        "artifact_sha256": predictor.sha256,
        "sample_rows": table.num_rows,
        "warehouse_fixed_seconds": fixed_inside,
        "warehouse_row_seconds": inside_row,
        "stream_fixed_seconds": fixed_fetch + fixed_predict,
        "stream_row_seconds": (max(fetch - fixed_fetch, 0.0) + predict + copy) / table.num_rows,
        "stream_row_bytes": table.nbytes / table.num_rows,
    }
    _store(wh, measured)
    return measured


def _measure_warehouse(wh: Warehouse, predictor: Predictor) -> tuple[int, float, float]:
    """Sample rows, fixed seconds and seconds a row of the warehouse.

    A cheap model over few rows takes no longer than one row does. So the sample grows until the rows weigh
    more than all that is fixed, or until there are no more of them; then a row counts at least the share of
    the whole that such a measurement can tell from nothing.
    """
    fixed = min(_warehouse_seconds(wh, predictor, _sample(predictor, 1))[1] for _ in range(2))
    wanted = SAMPLE_ROWS
    while True:
        rows, seconds = _warehouse_seconds(wh, predictor, _sample(predictor, wanted))
        if rows < wanted or seconds > 2 * fixed or wanted >= LARGEST_SAMPLE:
            return rows, fixed, max(seconds - fixed, LEAST_SHARE * seconds) / max(rows, 1)
        wanted *= 4


def _sample(predictor: Predictor, rows: int) -> str:
    return f"select * from ({feature_sql(predictor.spec)}) as f limit {rows}"


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    began = time.perf_counter()
    return work(), time.perf_counter() - began


def _warehouse_seconds(wh: Warehouse, predictor: Predictor, sample: str) -> tuple[int, float]:
    """Rows and seconds. Written to a table, as scoring does; the sample is read once, so no part of it is
    left out.
    """
    began = time.perf_counter()
    with prepared_scoring(wh, predictor.document, f"({sample})", [predictor.spec.key_column]) as scored:
        wh.execute(f"create temporary table calibration as {scored}")
        seconds = time.perf_counter() - began
    rows = wh.scalar("select count(*) from calibration")
    wh.execute("drop table calibration")
    return rows, seconds


def _copy_seconds(wh: Warehouse, answers: Any) -> float:
    plain = answers.select(["margin", "score"])
    with wh.transaction():
        wh.execute(
            "create temporary table calibration_copy (margin double precision, score double precision) "
            "on commit drop"
        )
        _, seconds = _timed(lambda: wh.copy_arrow("pg_temp", "calibration_copy", plain))
    return seconds


def _processes(wh: Warehouse) -> int:
    """Processes that may work on one query at once, as far as the server says; cores are not known to it."""
    workers = wh.scalar(
        "select least(current_setting('max_parallel_workers_per_gather')::int, "
        "current_setting('max_parallel_workers')::int)"
    )
    return 1 + int(workers) if not wh.settings.is_embedded else min(1 + int(workers), _cores())


def _cores() -> int:
    import psutil

    return psutil.cpu_count() or 1


def _stored(wh: Warehouse, sha256: str) -> dict[str, Any] | None:
    rows = wh.query(
        "select * from ml.scoring_calibration where artifact_sha256 = %(sha256)s "
        f"and measured_at > now() - interval '{VALID_DAYS} days'",
        {"sha256": sha256},
    )
    return rows[0] if rows else None


def _store(wh: Warehouse, measured: dict[str, Any]) -> None:
    columns = ", ".join(quote(name) for name in measured)
    values = ", ".join(f"%({name})s" for name in measured)
    with wh.transaction():
        wh.execute("delete from ml.scoring_calibration where artifact_sha256 = %(artifact_sha256)s", measured)
        wh.execute(
            f"insert into ml.scoring_calibration ({columns}) values ({values}) on conflict do nothing",
            measured,
        )
