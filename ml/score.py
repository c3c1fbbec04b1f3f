"""Batch scoring: a model's champion over the feature rows of a window, into `ml.prd_<model>`.

Only rows whose features changed since they were scored by this version are scored. Where the measured plan
says so the warehouse scores them itself by the document's SQL and nothing leaves it; else they are streamed
out, predicted in bounded memory and copied in. Both give the same bits.

Belongs here: the exchange of old for new in one transaction. Does not belong here: the
answer itself (`ml.document`), which rows changed (`ml.changed_rows`), the choice (`ml.scoring_plan`), the two
ways (`ml.scoring_engines`), realised quality (dbt, reporting).
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml.changed_rows import changed_sql, gone_sql
from ml.feature_query import feature_sql
from ml.prediction_tables import stored_in
from ml.predictor import Predictor
from ml.registry_schema import ensure_model
from ml.scoring_engines import Scoring, fill
from ml.scoring_plan import Plan, plan
from warehouse.client import quote

if TYPE_CHECKING:
    from ml.spec import ModelSpec
    from warehouse.client import Warehouse

ANALYZE_ROWS = 10_000
CARRIED = ("prediction_at", "features_hash")


class ScoreError(RuntimeError):
    """Nothing was scored, and what stood before still stands."""


@dataclass(frozen=True)
class ScoreResult:
    """What one run did. Dates are local and inclusive, None for open; `rows` stand in the window, of which
    `scored_rows` were scored now and `replaced_rows` of those had an older score; bytes are of Arrow buffers;
    seconds wall time, `engine_seconds` of the scoring alone, beside the plan's estimate.
    """

    model_name: str
    version: int
    artifact_sha256: str
    start: dt.date | None
    end: dt.date | None
    rows: int
    scored_rows: int
    replaced_rows: int
    removed_rows: int
    plan: Plan
    bytes_out: int
    bytes_in: int
    engine_seconds: float
    seconds: float


def score(
    wh: Warehouse,
    spec: ModelSpec | str,
    start: dt.date | None = None,
    end: dt.date | None = None,
    progress: Callable[[str], None] | None = None,
    engine: str | None = None,
) -> ScoreResult:
    """Score the feature rows from `start` to `end` (inclusive; None = open) with the champion, labelled or
    not, that are new, changed, or scored by another version; predictions without a feature row are removed.

    The scores are computed beside the old ones and take their place in one transaction: a reader sees the old
    ones or the new ones, and a failure leaves the old ones.
    `engine` ("warehouse", "stream", "auto") overrides the declaration.

    Raises:
        NoChampionError: no version is in charge.
        ScoreError: the window is turned round, holds no feature rows, or a row has no answer.
        ArtifactError: the champion's stored bytes are not those registered.
    """
    if start is not None and end is not None and end < start:
        raise ScoreError(
            f"window from {start} to {end}; allowed: an end from the start on. Turn the two round."
        )
    began = time.perf_counter()
    predictor = Predictor.load(wh, spec)
    ensure_model(wh, predictor.spec.name)
    run = _Run(wh, predictor, start, end, progress, began)
    rows = run.count()
    chosen = plan(wh, predictor, rows, engine)
    run.tell(f"{chosen.engine}: {chosen.reason}")
    with wh.advisory_lock(f"ml.score.{predictor.spec.name}"), run.work_table():
        engine_seconds = run.compute(chosen.engine)
        with wh.transaction():
            replaced, scored, removed = run.replace()
            if scored >= ANALYZE_ROWS:  # a few rows change no plan, and autovacuum sees to them
                wh.analyze("ml", f"prd_{run.spec.name}")
    run.tell(f"{scored:,} of {rows:,} rows scored")
    return ScoreResult(
        predictor.spec.name, predictor.version, predictor.sha256, start, end, rows, scored, replaced, removed,
        chosen, run.bytes_out, run.bytes_in, engine_seconds, time.perf_counter() - began,
    )  # fmt: skip


class _Run:
    """One scoring: the work table is filled by either engine, then takes the place of older scores."""

    def __init__(
        self, wh: Warehouse, predictor: Predictor, start: dt.date | None, end: dt.date | None,
        progress: Callable[[str], None] | None, began: float,
    ) -> None:  # fmt: skip
        self.wh, self.predictor, self.spec = wh, predictor, predictor.spec
        self.start, self.end, self.progress, self.began = start, end, progress, began
        self.keys = [self.spec.key_column, self.spec.date_column, *CARRIED]
        self.stored = stored_in(wh, self.spec.name)
        self.work_name = f"scored_{self.spec.name}"
        self.work = quote("ml", self.work_name)
        self.bytes_out = self.bytes_in = 0

    def tell(self, message: str) -> None:
        if self.progress is not None:
            seconds = time.perf_counter() - self.began
            self.progress(f"{self.spec.name}: {message} ({seconds:.1f} s)")

    def count(self) -> int:
        rows = self.wh.scalar(f"select count(*) from ({feature_sql(self.spec, self.start, self.end)}) as f")
        if not rows:
            raise ScoreError(
                f"model {self.spec.name}: no feature rows from {self.start or 'the first day'} to "
                f"{self.end or 'the last day'} in {', '.join(self.spec.feature_tables)}. "
                "Build the features of that window first."
            )
        return int(rows)

    @contextmanager
    def work_table(self) -> Iterator[None]:
        """No work table of an earlier, killed run before, and none afterwards."""
        self.wh.execute(f"drop table if exists {self.work}")
        try:
            yield
        finally:
            self.wh.execute(f"drop table if exists {self.work}")

    def compute(self, engine: str) -> float:
        """Fill the work table with the scores of the changed rows; the seconds it took."""
        began = time.perf_counter()
        changed = f"({changed_sql(self.spec, self.predictor.version, self.start, self.end)})"
        title = f"{self.spec.name}, version {self.predictor.version}"
        scoring = Scoring(self.predictor.document, changed, tuple(self.keys), title=title)
        scored = fill(
            self.wh,
            engine,
            scoring,
            ("ml", self.work_name),
            lambda rows: self.tell(f"{rows:,} rows predicted"),
        )
        self.bytes_out, self.bytes_in = scored.bytes_out, scored.bytes_in
        return time.perf_counter() - began

    def replace(self) -> tuple[int, int, int]:
        """Put the scores in place of older ones; rows replaced, inserted, and removed with their features."""
        missing = self.wh.scalar(f"select count(*) from {self.work} where margin is null or score is null")
        if missing:
            raise ScoreError(
                f"model {self.spec.name} version {self.predictor.version}: {missing:,} rows have no "
                "answer, as a feature is missing that the model does not impute. Nothing was scored; train "
                "it with an imputer, or fill the feature."
            )
        key, date = quote(self.spec.key_column), quote(self.spec.date_column)
        positive = "null::boolean" if self.predictor.threshold is None else "decision = 1"
        target, own = self.stored
        replaced = self.wh.execute(
            f"delete from {target} as p using {self.work} as w where {own} and p.flight_key = w.{key}"
        )
        inserted = self.wh.execute(
            f"""insert into {target} (model_name, flight_key, flight_date, prediction_at, model_version,
                    margin, score, threshold, is_positive, features_hash, scored_at)
                select %(name)s, {key}, {date}, prediction_at, %(version)s, margin, score,
                    %(threshold)s, {positive}, features_hash, now() from {self.work}""",
            {
                "name": self.spec.name,
                "version": self.predictor.version,
                "threshold": self.predictor.threshold,
            },
        )
        removed = self.wh.execute(gone_sql(self.spec, self.stored, self.start, self.end))
        return replaced, inserted, removed
