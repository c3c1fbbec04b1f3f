"""Scores of documents over the training table, made and judged where the rows are.

Out-of-fold scores become a work table: metrics that are means, and the threshold, are computed from it in
SQL; other metrics take label and score. The rows of the training table that are measured send out date,
label, score and the baseline's groups. Belongs here: those tables and reads. Does not belong here: fits
(`ml.indb.trainers`), the metrics' definitions (`ml.metrics`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ml.document.passes import prepared_scoring
from ml.document.work_tables import WORK_SCHEMA, new_name, prepare
from ml.metrics import METRICS, PROBABILITY_FLOOR, Sample
from warehouse.client import quote
from warehouse.client.dialect import POSTGRES

if TYPE_CHECKING:
    import pyarrow as pa

    from ml.document import Document
    from ml.indb.trainers.source import Source
    from ml.spec import ModelSpec
    from ml.training_set import TrainingSet
    from warehouse.client import Warehouse

_ROW = {
    "mae": "abs(label - score)",
    "rmse": "(label - score) * (label - score)",
    "brier": "(label - score) * (label - score)",
    "log_loss": "-ln(case when label > 0.5 then p else 1 - p end)",
}
"""Metrics that are means over rows (of rmse, the square), as SQL. A row's value is rounded to 15 digits and
summed as NUMERIC, so the sum does not depend on the order of rows.
"""


@dataclass
class OutOfFold:
    """A work table of the scores of one candidate: fold, label, score. `bytes_out` left the warehouse."""

    wh: Warehouse
    table: str
    folds: int
    bytes_out: int = 0

    def values(self, metric: str) -> list[float]:
        """The metric by fold."""
        if metric in _ROW:
            floor = POSTGRES.number(float(PROBABILITY_FLOOR))
            p = f"greatest(least(score, {POSTGRES.number(1.0)} - {floor}), {floor})"
            rows = self.wh.query(
                f"select fold, (sum(({_ROW[metric]})::numeric) / count(*))::float8 as mean "
                f"from (select fold, label, score, {p} as p from {self.table}) as s "
                "group by fold order by fold"
            )
            self.bytes_out += 16 * len(rows)
            means = [row["mean"] for row in rows]
            return [float(np.sqrt(mean)) for mean in means] if metric == "rmse" else means
        found = self._fetched()
        return [self._value(metric, *part) for part in found]

    def threshold(self, rule: str) -> float:
        """As `ml.evaluate.best_threshold`, computed in the warehouse."""
        gain = "2 * hits::float8 / (called + positives)" if rule == "f1" else "(2 * hits - called)::float8"
        sql = f"""
            with by_score as (
                select score, count(*) as rows, sum(label)::bigint as hits from {self.table} group by score),
            running as (
                select score, sum(rows) over w as called, sum(hits) over w as hits,
                    sum(hits) over () as positives
                from by_score window w as (order by score desc))
            select score from running order by {gain} desc, score desc limit 1"""
        self.bytes_out += 8
        return float(self.wh.scalar(sql))

    def drop(self) -> None:
        self.wh.execute(f"drop table if exists {self.table}")

    def _fetched(self) -> list[tuple[np.ndarray, np.ndarray]]:
        before = self.wh.bytes_out
        table = self.wh.fetch_arrow(
            f'select fold, label, score from {self.table} order by fold, place collate "C"'
        )
        self.bytes_out += self.wh.bytes_out - before
        fold, label, score = (table.column(name).to_numpy() for name in ("fold", "label", "score"))
        return [(label[fold == one], score[fold == one]) for one in range(1, self.folds + 1)]

    @staticmethod
    def _value(metric: str, label: np.ndarray, score: np.ndarray) -> float:
        one_day = Sample(label, score, np.zeros(len(label), dtype=np.int64), 1)
        return float(METRICS[metric].of(one_day, np.ones((1, 1)))[0])


def out_of_fold(wh: Warehouse, source: Source, documents: Mapping[int, Document]) -> OutOfFold:
    """Score the rows that each fold holds out by the document fitted without them.

    Raises:
        WarehouseError: a statement fails.
    """
    prepare(wh)
    table = quote(WORK_SCHEMA, new_name("outoffold"))
    key = POSTGRES.name_of(source.key_column)
    label = "label::int::float8" if source.task == "classification" else "label"
    with ExitStack() as open_:
        parts = []
        for fold, document in documents.items():
            names = ", ".join(POSTGRES.name_of(name) for name in source.features)
            rows = (
                f"(select {names}, {key} as __place, {label} as __label "
                f"from {source.relation(source.validates(fold))} as v)"
            )
            select = open_.enter_context(prepared_scoring(wh, document, rows, ["__place", "__label"]))
            parts.append(
                f"select {fold} as fold, __place as place, __label as label, score from ({select}) as s{fold}"
            )
        wh.execute(f"create unlogged table {table} as\n" + "\nunion all\n".join(parts))
    return OutOfFold(wh, table, len(documents))


@dataclass(frozen=True)
class Scored:
    """Rows of one split in order of date and key: label, score (float64), date, and a frame of the features
    that the baseline groups by; all (n,).
    """

    label: np.ndarray
    score: np.ndarray
    date: np.ndarray
    groups: Any


@contextmanager
def scored_rows(
    wh: Warehouse, spec: ModelSpec, training_set: TrainingSet, document: Document
) -> Iterator[str]:
    """A work table of all rows of the training table with their scores; gone afterwards."""
    prepare(wh)
    table = quote(WORK_SCHEMA, new_name("scored"))
    key, date = POSTGRES.name_of(spec.key_column), POSTGRES.name_of(spec.date_column)
    label = "label::int::float8" if spec.is_classification else "label"
    groups = [f"{POSTGRES.name_of(name)} as __g{at}" for at, name in enumerate(spec.baseline.group_by)]
    names = [POSTGRES.name_of(item.name) for item in document.inputs]
    carried = ["split as __split", f"{key} as __key", f"{date} as __date", f"{label} as __label"]
    rows = (
        f"(select {', '.join([*names, *carried, *groups])} "
        f"from {quote(training_set.schema, training_set.table)})"
    )
    keys = ["__split", "__key", "__date", "__label", *(f"__g{at}" for at in range(len(groups)))]
    with prepared_scoring(wh, document, rows, keys) as select:
        wh.execute(f"create unlogged table {table} as\n{select}")
    try:
        yield table
    finally:
        wh.execute(f"drop table if exists {table}")


def read_scored(wh: Warehouse, spec: ModelSpec, table: str, split: str) -> Scored:
    """What measuring needs of one split: no feature but the baseline's groups leaves the warehouse."""
    from ml.feature_frame import to_frame

    by = spec.baseline.group_by
    groups = [f"__g{at} as {POSTGRES.name_of(name)}" for at, name in enumerate(by)]
    found: pa.Table = wh.fetch_arrow(
        f"select {', '.join(['__date', '__label', 'score', *groups])} from {table} "
        f"where __split = '{split}' order by __date, __key collate \"C\""
    )
    features = [next(one for one in spec.features if one.name == name) for name in by]
    return Scored(
        found.column("__label").to_numpy(),
        found.column("score").to_numpy(),
        found.column("__date").to_numpy(),
        to_frame(features, found),
    )


def sample_rows(wh: Warehouse, spec: ModelSpec, training_set: TrainingSet, most: int) -> pa.Table:
    """The features of up to `most` test rows, evenly spread over the test window."""
    key, date = POSTGRES.name_of(spec.key_column), POSTGRES.name_of(spec.date_column)
    columns = ", ".join(POSTGRES.name_of(name) for name in spec.feature_names)
    step = max(1, training_set.test_rows // most)
    order = f'row_number() over (order by {date}, {key} collate "C") - 1'
    return wh.fetch_arrow(
        f"select {columns} from (select *, {order} as __at "
        f"from {quote(training_set.schema, training_set.table)} where split = 'test') as t "
        f"where __at % {step} = 0 order by __at"
    )
