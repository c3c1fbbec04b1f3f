"""The statements of BigQuery ML, as GoogleSQL: CREATE MODEL with TRANSFORM, and what asks a fitted model.

Judged as text only; ran nowhere. Belongs here: text. Does not belong here: the columns of TRANSFORM
(`ml.bqml.columns`), sending.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ml.bqml.options import EVALUATION
from ml.indb.errors import InDatabaseError
from ml.indb.trainers.source import LABEL
from warehouse.client.dialect import BIGQUERY

if TYPE_CHECKING:
    from ml.indb.trainers.source import Source

JUDGED = "judged as text only; ran nowhere"
MOST_BYTES = 1_000_000
SCHEMA = "ml"
_name, _text = BIGQUERY.name_of, BIGQUERY.text


@dataclass(frozen=True)
class TrainingRows:
    """Which rows a fit reads. `number`: the fold, None for the fit on the whole window. Rows held out are
    those that the fold holds out, or the test window; where they decide when to stop, the last block of dates
    of the fit's own training rows instead, so that no row that judges a model has chosen it.
    """

    source: Source
    table: tuple[str, str]
    number: int | None
    stops_early: bool = False

    def sql(self) -> str:
        """Features, label, and the column by which rows are held out."""
        source = self.source
        label = "cast(label as int64)" if source.task == "classification" else "cast(label as float64)"
        held, rows = self._parts()
        columns = ", ".join(map(_name, source.features))
        return (
            f"select {columns}, {label} as {_name(LABEL)}, {held} as {_name(EVALUATION)} "
            f"from {_name(*self.table)} where {rows}"
        )

    def _parts(self) -> tuple[str, str]:
        """Which rows are held out, and which are read at all."""
        last = len(self.source.folds)
        if not self.stops_early or self.number == 1:  # the first fold has no earlier block to spare
            if self.number is None:
                return "split = 'test'", "split in ('train', 'test')"
            held = f"{self._block()} = {self.number}"
            return held, f"split = 'train' and ({held} or {self._opens()} <= {self.number})"
        spared = last if self.number is None else self.number - 1
        held = f"{self._block()} = {spared}"
        known = "true" if self.number is None else f"{self._opens()} <= {self.number}"
        return held, f"split = 'train' and {known} and ({held} or {self._opens()} <= {spared})"

    def _block(self) -> str:
        """As `Source` numbers the blocks of dates: 0 before the first fold's."""
        date = _name(self.source.date_column)
        cases = " ".join(
            f"when {date} >= date {_text(one.first)} then {one.number}" for one in reversed(self.source.folds)
        )
        return f"(case {cases} else 0 end)"

    def _opens(self) -> str:
        """The first fold that may train on a row, by when its label was known."""
        date = _name(self.source.date_column)
        cases = " ".join(
            f"when {date} < date {_text(one.first)} and label_known_at < timestamp {_text(one.opens)} "
            f"then {one.number}"
            for one in self.source.folds
        )
        return f"(case {cases} else {len(self.source.folds) + 1} end)"


@dataclass(frozen=True)
class Model:
    """A model of BigQuery ML by name, in the dataset of schema `ml`."""

    name: str
    task: str
    kinds: Mapping[str, str] = field(default_factory=dict)

    @property
    def path(self) -> str:
        return _name(SCHEMA, self.name)

    def create(self, transform: Sequence[str], options: Mapping[str, str], rows: str) -> str:
        """CREATE OR REPLACE MODEL.

        Raises:
            InDatabaseError: it is longer than BigQuery takes.
        """
        listed = ",\n  ".join([*transform, _name(LABEL), _name(EVALUATION)])
        given = ", ".join(f"{name} = {value}" for name, value in options.items())
        text = (
            f"create or replace model {self.path}\ntransform (\n  {listed}\n)\noptions ({given})\nas {rows}"
        )
        if len(text.encode()) > MOST_BYTES:
            raise InDatabaseError(
                f"CREATE MODEL has {len(text.encode()):,} bytes; allowed on BigQuery: {MOST_BYTES:,}. Raise "
                "min_frequency, or leave out features with many categories."
            )
        return text

    def label(self, labels: Mapping[str, str], days: int | None = None) -> str:
        """ALTER MODEL: labels, and after how many days it goes."""
        listed = ", ".join(f"({_text(key)}, {_text(value)})" for key, value in labels.items())
        going = "" if days is None else (
            f", expiration_timestamp = timestamp_add(current_timestamp(), interval {int(days)} day)"
        )  # fmt: skip
        return f"alter model {self.path} set options (labels = [{listed}]{going})"

    def drop(self) -> str:
        return f"drop model if exists {self.path}"

    def weights(self) -> str:
        """Rows of processed_input and weight, in the units of TRANSFORM's columns."""
        return (
            f"select processed_input, weight, array_length(category_weights) as categories "
            f"from ML.WEIGHTS(model {self.path}, struct(false as standardize))"
        )

    def feature_info(self) -> str:
        return f"select * from ML.FEATURE_INFO(model {self.path})"

    def evaluate(self, rows: str | None = None) -> str:
        """BigQuery's own measures: of the rows held out, or of given ones."""
        return f"select * from ML.EVALUATE(model {self.path}{_query(rows)})"

    def predict(self, rows: str, kept: Sequence[str] = ()) -> str:
        """Columns of the rows that are kept, and `score`: P(positive), or the label's unit."""
        columns = [*map(_name, kept), f"{self._score()} as score"]
        return f"select {', '.join(columns)} from ML.PREDICT(model {self.path}{_query(rows)}) as p"

    def _score(self) -> str:
        if self.task == "regression":
            return f"p.{_name('predicted_' + LABEL)}"
        probabilities = f"p.{_name('predicted_' + LABEL + '_probs')}"
        return f"(select one.prob from unnest({probabilities}) as one where one.label = 1)"

    def explain_predict(self, rows: str, kept: Sequence[str] = (), most: int = 10) -> str:
        """As `predict`, with the `most` largest attributions by column and the value they start from."""
        columns = [*map(_name, kept), "top_feature_attributions", "baseline_prediction_value"]
        settings = f", struct({int(most)} as top_k_features)"
        return (
            f"select {', '.join(columns)} from ML.EXPLAIN_PREDICT(model {self.path}{_query(rows)}{settings})"
        )

    def export(self, uri: str) -> str:
        """EXPORT MODEL to a folder of a bucket."""
        return f"export model {self.path} options (uri = {_text(uri)})"


def _query(rows: str | None) -> str:
    return "" if rows is None else f", ({rows})"
