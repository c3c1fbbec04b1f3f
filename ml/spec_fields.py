"""The fields of a model file: what each may hold, taken by itself.

Belongs here: one frozen class a field, with the rules that need only that field. Does not belong here:
rules across fields and reading files (`ml.spec`).
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from ml.spec_errors import not_allowed

Identifier = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
ModelName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,45}$")]
"""At most 46 characters: `trn_<name>__next_pkey` must stay within Postgres' 63."""
Relation = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$")]
FeatureRelation = Annotated[str, StringConstraints(pattern=r"^features\.ftr_[a-z0-9_]+$")]
Task = Literal["classification", "regression"]
Kind = Literal["number", "category", "boolean"]
Engine = Literal["library", "warehouse", "bqml"]
"""Where a model is fitted: by a library on rows read out, inside the warehouse by SQL, or by BigQuery ML."""
Share = Annotated[float, Field(ge=0, le=1)]


class Fields(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Label(Fields):
    """Where the truth stands: a column of a fact, when it became known, and which rows have one at all."""

    table: Relation
    column: Identifier
    known_at: Identifier
    where: Identifier | None = None
    """A boolean column of the same table that must be true, such as `is_arrived`."""


class Feature(Fields):
    """One column of a feature table. `is_seasonal`: its drift is expected with the calendar and calls for
    no retraining. `key`: the column of the label's fact, and of the table, by which a table at a dimension's
    grain is found (`ml.feature_tables`); without one, the entity's key.
    """

    name: Identifier
    table: FeatureRelation
    kind: Kind
    key: Identifier | None = None
    description: str = ""
    is_seasonal: bool = False


class Split(Fields):
    """Local dates, both ends inclusive. Testing starts after training ends, always."""

    train_start: dt.date
    train_end: dt.date
    test_start: dt.date
    test_end: dt.date

    @model_validator(mode="after")
    def _in_order(self) -> Split:
        if self.train_end < self.train_start:
            raise not_allowed(
                str(self.train_end), f"a date from {self.train_start} (train_start) on", "train_end"
            )
        if self.test_start <= self.train_end:
            raise not_allowed(
                str(self.test_start), f"a date after {self.train_end} (train_end)", "test_start"
            )
        if self.test_end < self.test_start:
            raise not_allowed(
                str(self.test_end), f"a date from {self.test_start} (test_start) on", "test_end"
            )
        return self


class Algorithm(Fields):
    """The registered algorithm, fixed parameters, and the small grid that cross-validation chooses from.
    `features`: the declared ones that it looks at, all by default; a row is asked with all of them.
    """

    name: str
    features: Annotated[tuple[Identifier, ...], Field(min_length=1)] | None = None
    params: dict[str, Any] = {}
    grid: dict[str, tuple[Any, ...]] = {}
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0


class Challenger(Fields):
    """A second way to fit the same model on the same rows. Both become versions; the better one out of fold
    is put up for promotion.
    """

    engine: Engine = "warehouse"
    algorithm: Algorithm


class CrossValidation(Fields):
    """Expanding window over blocks of dates; `metric` defaults to log_loss or mae by task."""

    folds: Annotated[int, Field(ge=2, le=12)] = 3
    metric: str | None = None


class Threshold(Fields):
    """The score from which a case counts as positive: a fixed value, or the one that maximises `maximise`
    over the out-of-fold predictions of cross-validation (never over test rows).
    """

    maximise: Literal["f1", "accuracy"] = "f1"
    value: Share | None = None


class Baseline(Fields):
    """The simple rival: the mean label of the training rows in the same group of features."""

    group_by: Annotated[tuple[Identifier, ...], Field(min_length=1, max_length=4)]


class Gate(Fields):
    """One success criterion. Exactly one of `at_least`, `at_most`, `better_than`.

    `by`: "value" judges the point estimate; "interval" judges the unfavourable end of the 95 % interval.
    `better_than` is judged on the paired difference to that rival, by default on its interval.
    """

    metric: str
    at_least: float | None = None
    at_most: float | None = None
    better_than: Literal["constant", "baseline"] | None = None
    by: Literal["value", "interval"] | None = None
    split: Literal["test"] = "test"

    @model_validator(mode="after")
    def _one_criterion(self) -> Gate:
        if self.metric == "accuracy":
            raise not_allowed(
                "accuracy",
                "any other declared metric: with rare positives accuracy rewards saying no to everybody",
                "metric",
            )
        given = [name for name in ("at_least", "at_most", "better_than") if getattr(self, name) is not None]
        if len(given) != 1:
            raise not_allowed(given, "exactly one of at_least, at_most, better_than")
        return self

    @property
    def judged_by(self) -> Literal["value", "interval"]:
        return self.by or ("interval" if self.better_than else "value")


class Drift(Fields):
    """When a window counts as drifted: adjusted p at most `q_value`, and effect at least `psi` or `js`."""

    psi: Annotated[float, Field(gt=0)] = 0.1
    js: Annotated[float, Field(gt=0)] = 0.1
    q_value: Annotated[float, Field(gt=0, lt=1)] = 0.05
    bins: Annotated[int, Field(ge=4, le=50)] = 10
    min_rows: Annotated[int, Field(ge=1)] = 200
    persistent_windows: Annotated[int, Field(ge=1)] = 2
    of_windows: Annotated[int, Field(ge=1)] = 3
    min_importance: Share = 0.01


class Scoring(Fields):
    """Where batch scoring happens: in the warehouse by SQL, in a stream through Python, or where a measured
    plan says it is quicker.
    """

    engine: Literal["auto", "warehouse", "stream"] = "auto"


class Serving(Fields):
    """`path` is the endpoint's first part; without one it is the model's name."""

    path: Identifier | None = None
    max_batch: Annotated[int, Field(ge=1, le=10_000)] = 1_000
