"""Where to score: in the warehouse by SQL, or in a stream through Python. Measured, not believed.

Belongs here: the choice with its reason, and what was measured, kept in the warehouse by document. Does not
belong here: measuring (`ml.scoring_calibration`), scoring (`ml.scoring_engines`, `ml.score`).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING

from ml.document import DocumentError
from ml.document.passes import scoring_passes
from ml.feature_query import feature_sql
from ml.scoring_calibration import Calibration, calibrate
from ml.scoring_engines import ENGINES, Scoring
from warehouse.client import quote

if TYPE_CHECKING:
    from ml.document import Document
    from ml.predictor import Predictor
    from warehouse.client import Warehouse

FEW_ROWS = 2_000
"""So few rows are scored in the warehouse unmeasured: either way takes no time worth a calibration."""
VALID_DAYS = 7
LARGEST_TEXT = 900_000
"""Bytes of a statement of scoring; the features' query and the translation come on top, up to BigQuery's
megabyte."""
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
    """Choose for `rows` rows of a registered version; `engine` (or the declaration, where it is not auto)
    overrides. What is measured is kept for a week.

    Raises:
        ValueError: an engine that does not exist.
    """
    wanted = engine or predictor.spec.scoring.engine
    if wanted != "auto":
        if wanted not in ENGINES:
            raise ValueError(f"engine {wanted!r}; allowed: auto, {', '.join(ENGINES)}.")
        return Plan(wanted, "as asked for", rows)
    if wh.dialect != "postgres":
        return _unmeasured(predictor.document, wh.dialect, rows)
    if rows <= FEW_ROWS:
        return Plan("warehouse", f"{rows:,} rows are too few to measure", rows)
    measured = _stored(wh, predictor.sha256)
    if measured is None:
        measured = calibrate(wh, _scoring_of(predictor))
        if measured is not None:
            _store(wh, predictor.sha256, measured)
    return _chosen(wh, measured, rows)


def plan_relation(wh: Warehouse, scoring: Scoring, rows: int) -> Plan:
    """Choose for `rows` rows of any relation and document, measured now."""
    if wh.dialect != "postgres":
        return _unmeasured(scoring.document, wh.dialect, rows)
    return _chosen(wh, calibrate(wh, scoring), rows)


def _scoring_of(predictor: Predictor) -> Scoring:
    return Scoring(predictor.document, f"({feature_sql(predictor.spec)})", (predictor.spec.key_column,))


def _unmeasured(document: Document, dialect: str, rows: int) -> Plan:
    """The choice on BigQuery, by what it takes: a sample would be paid for as all rows are, and rows that
    leave are paid for once more.
    """
    try:
        passes = scoring_passes(document, "r", dialect=dialect)
    except DocumentError as error:
        return Plan("stream", str(error), rows)
    count, longest = 1 + len(passes.statements), max(map(len, (*passes.statements, passes.select)))
    if longest > LARGEST_TEXT:
        return Plan("stream", f"a statement of {longest:,} bytes is more than BigQuery takes", rows)
    known = "one statement" if count == 1 else f"{count} statements"
    return Plan("warehouse", f"{rows:,} rows by {known}, the longest of {longest:,} bytes", rows)


def _chosen(wh: Warehouse, measured: Calibration | None, rows: int) -> Plan:
    if measured is None:
        return Plan("warehouse", "there are no feature rows to measure on", rows)
    return _choose(measured, rows, _processes(wh))


def _choose(measured: Calibration, rows: int, processes: int) -> Plan:
    share = 1 + PARALLEL_GAIN * (processes - 1)
    inside = measured.warehouse_fixed_seconds + rows * measured.warehouse_row_seconds / share
    outside = measured.stream_fixed_seconds + rows * measured.stream_row_seconds
    size = round(rows * measured.stream_row_bytes)
    chosen = "warehouse" if inside <= outside else "stream"
    reason = (
        f"{rows:,} rows: {inside:.2f} s in the warehouse with {processes} processes, {outside:.2f} s "
        f"streamed with {size / 1e6:.1f} MB out, estimated from {measured.sample_rows:,} rows"
    )
    return Plan(chosen, reason, rows, inside, outside, size)


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


def _stored(wh: Warehouse, sha256: str) -> Calibration | None:
    columns = ", ".join(quote(field.name) for field in fields(Calibration))
    rows = wh.query(
        f"select {columns} from ml.scoring_calibration where artifact_sha256 = %(sha256)s "
        f"and measured_at > now() - interval '{VALID_DAYS} days'",
        {"sha256": sha256},
    )
    return Calibration(**rows[0]) if rows else None


def _store(wh: Warehouse, sha256: str, measured: Calibration) -> None:
    row = {"artifact_sha256": sha256, **asdict(measured)}
    columns = ", ".join(quote(name) for name in row)
    values = ", ".join(f"%({name})s" for name in row)
    with wh.transaction():
        wh.execute("delete from ml.scoring_calibration where artifact_sha256 = %(artifact_sha256)s", row)
        wh.execute(
            f"insert into ml.scoring_calibration ({columns}) values ({values}) on conflict do nothing", row
        )
