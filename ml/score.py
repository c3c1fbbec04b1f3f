"""Batch scoring: a model's champion over every feature row of a window, into `ml.prd_<model>`.

Belongs here: streaming feature rows out in bounded memory, and writing the predictions back in one
transaction. Does not belong here: the answer itself (`ml.predictor`), the feature query (`ml.feature_query`),
realised quality (dbt, reporting).
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from ml.feature_query import feature_sql
from ml.predictor import Predictor
from ml.registry_schema import ensure_model
from warehouse.client import quote

if TYPE_CHECKING:
    from ml.spec import ModelSpec
    from warehouse.client import Warehouse

BATCH_ROWS = 50_000
ANALYZE_ROWS = 10_000


class ScoreError(RuntimeError):
    """Nothing was scored, and what stood before still stands."""


@dataclass(frozen=True)
class ScoreResult:
    """What one run did. Dates are local and inclusive, None for open; bytes are of Arrow buffers; seconds
    wall time.
    """

    model_name: str
    version: int
    artifact_sha256: str
    start: dt.date | None
    end: dt.date | None
    rows: int
    replaced_rows: int
    bytes_out: int
    bytes_in: int
    seconds: float


def _batches(wh: Warehouse, sql: str) -> Iterator[pa.Table]:
    # Closed also after an error: the stream holds a connection of its own.
    with wh.stream_arrow(sql) as reader:
        for batch in reader:
            table = pa.Table.from_batches([batch])
            for offset in range(0, table.num_rows, BATCH_ROWS):
                yield table.slice(offset, BATCH_ROWS)


def _prediction_rows(predictor: Predictor, table: pa.Table, scored_at: dt.datetime) -> pa.Table:
    answers, spec, rows = predictor.predict(table), predictor.spec, table.num_rows
    return pa.table(
        {
            "model_name": pa.repeat(spec.name, rows),
            "flight_key": table.column(spec.key_column),
            "flight_date": table.column(spec.date_column),
            "prediction_at": table.column("prediction_at"),
            "model_version": pa.repeat(pa.scalar(predictor.version, pa.int32()), rows),
            "score": answers.column("score"),
            "threshold": pa.repeat(pa.scalar(predictor.threshold, pa.float64()), rows),
            "is_positive": answers.column("is_positive"),
            "scored_at": pa.repeat(pa.scalar(scored_at, pa.timestamp("us", "UTC")), rows),
        }
    )


def _delete(wh: Warehouse, partition: str, start: dt.date | None, end: dt.date | None) -> int:
    return wh.execute(
        f"delete from {partition} where (%(start)s::date is null or flight_date >= %(start)s) "
        "and (%(end)s::date is null or flight_date <= %(end)s)",
        {"start": start, "end": end},
    )


def _nothing_to_score(spec: ModelSpec, start: dt.date | None, end: dt.date | None) -> ScoreError:
    return ScoreError(
        f"model {spec.name}: no feature rows from {start or 'the first day'} to {end or 'the last day'} "
        f"in {', '.join(spec.feature_tables)}. Build the features of that window first."
    )


def score(
    wh: Warehouse,
    spec: ModelSpec | str,
    start: dt.date | None = None,
    end: dt.date | None = None,
    progress: Callable[[str], None] | None = None,
) -> ScoreResult:
    """Score all feature rows from `start` to `end` (inclusive; None = open) with the champion, labelled or
    not.

    The window's earlier predictions are replaced in the same transaction: run twice, it leaves the same rows,
    and a reader sees the old ones or the new ones. A failure leaves the old ones.

    Raises:
        NoChampionError: no version is in charge.
        ScoreError: the window is turned round, or holds no feature rows.
        ArtifactError: the champion's stored bytes are not those registered.
    """
    if start is not None and end is not None and end < start:
        raise ScoreError(
            f"window from {start} to {end}; allowed: an end from the start on. Turn the two round."
        )
    began = time.perf_counter()
    predictor = Predictor.load(wh, spec)
    name = predictor.spec.name
    ensure_model(wh, name)
    table_name = f"prd_{name}"
    rows = bytes_out = bytes_in = 0
    with wh.transaction():
        wh.execute(
            "select pg_advisory_xact_lock(hashtextextended(%(name)s, 0))", {"name": f"ml.score.{name}"}
        )
        scored_at = wh.scalar("select clock_timestamp()")
        replaced = _delete(wh, quote("ml", table_name), start, end)
        for table in _batches(wh, feature_sql(predictor.spec, start, end)):
            answers = _prediction_rows(predictor, table, scored_at)
            wh.copy_arrow("ml", table_name, answers)
            rows, bytes_out, bytes_in = (
                rows + table.num_rows,
                bytes_out + table.nbytes,
                bytes_in + answers.nbytes,
            )
            if progress is not None:
                progress(f"{name}: {rows:,} rows scored ({time.perf_counter() - began:.1f} s)")
        if not rows:
            raise _nothing_to_score(predictor.spec, start, end)
        if rows >= ANALYZE_ROWS:  # a few rows change no plan, and autovacuum sees to them
            wh.execute(f"analyze {quote('ml', table_name)}")
    seconds = time.perf_counter() - began
    return ScoreResult(
        name, predictor.version, predictor.sha256, start, end, rows, replaced, bytes_out, bytes_in, seconds
    )
