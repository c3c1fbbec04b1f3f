"""What trees are trained on, and how they grow: the declarations.

Belongs here: settings and their checks that need no data. Does not belong here: bins (`ml.indb.bins`), growth
(`ml.indb.trees`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from ml.indb.errors import InDatabaseError

OBJECTIVES = ("regression", "binary", "multiclass")
L2_BITS = 20
"""The penalty is a whole number of steps of 2**-20."""

MOST_STEPS = 2**30
"""Steps in a weight of 1."""


@dataclass(frozen=True)
class TreeRows:
    """The rows to train on. `relation` is SQL that may stand behind FROM; the others name its columns.

    `weight`: numbers from 0, which leaves a row out; they count in whole steps, the coarsest decimal or
    binary ones that all of them lie on (`ml.indb.tree_weights`), or in declared `weight_steps` of 1, to
    which they are rounded, halves to even. `key`: tells rows apart for a forest's samples. `time`: the latest
    share `validation` of the rows by this column is not trained on but decides when boosting stops. `held`:
    a truth value that says the same by row.
    `objective`: "regression", "binary" for a label with two values, "multiclass" for one with more.
    """

    relation: str
    label: str
    numbers: tuple[str, ...] = ()
    booleans: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    objective: str = "regression"
    weight: str | None = None
    key: str | None = None
    time: str | None = None
    validation: float = 0.0
    weight_steps: int | None = None
    held: str | None = None

    def __post_init__(self) -> None:
        if self.objective not in OBJECTIVES:
            raise InDatabaseError(f"objective is {self.objective!r}; allowed: {', '.join(OBJECTIVES)}.")
        names = list(self.features)
        twice = sorted({name for name in names if names.count(name) > 1 or name == self.label})
        if not names or twice:
            raise InDatabaseError(
                f"features {names} of label {self.label!r}: {twice or 'none'} stand twice; allowed: at least "
                "one feature, each named once."
            )
        if self.weight_steps is not None and not (self.weight and 1 <= self.weight_steps <= MOST_STEPS):
            raise InDatabaseError(
                f"weight_steps is {self.weight_steps!r} with weight {self.weight!r}; allowed: 1 to "
                f"{MOST_STEPS} with a weight, or none."
            )
        is_share = 0.0 <= self.validation < 1.0 and bool(self.validation) == bool(self.time)
        if not is_share or (self.time and self.held):
            raise InDatabaseError(
                f"validation is {self.validation!r} with time column {self.time!r} and held {self.held!r}; "
                "allowed: a share between 0 and 1 with a time column, or a column of held rows, or none."
            )

    @property
    def watches(self) -> bool:
        """Whether some rows are held out."""
        return bool(self.time or self.held)

    @property
    def features(self) -> dict[str, str]:
        """Kind by feature, in the order of the model's inputs."""
        kinds = (("number", self.numbers), ("boolean", self.booleans), ("category", self.categories))
        return {name: kind for kind, listed in kinds for name in listed}


@dataclass(frozen=True)
class Growth:
    """How one tree grows: the leaf of the largest gain is split next, until `max_leaves` or `max_depth`.

    `min_rows`: rows that each child keeps. `l2`: added to the sum of second derivatives (of weights, for
    squared loss). `min_gain`: what a split must gain beyond 0. `features`: how many features a node may
    choose from, None for all. `monotone`: by feature of numbers, 1 where the answer may not fall as the
    feature rises, -1 where it may not rise.
    """

    max_depth: int = 6
    max_leaves: int = 31
    min_rows: int = 20
    l2: float = 0.0
    min_gain: float = 0.0
    features: int | None = None
    monotone: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        wrong = {
            "max_depth": not 1 <= self.max_depth <= 30,
            "max_leaves": not 2 <= self.max_leaves <= 4096,
            "min_rows": self.min_rows < 1,
            "l2": not 0.0 <= self.l2 < 2.0**40,
            "min_gain": not 0.0 <= self.min_gain < math.inf,
            "features": self.features is not None and self.features < 1,
            "monotone": any(way not in (-1, 1) for way in self.monotone.values()),
        }
        for name, is_wrong in wrong.items():
            if is_wrong:
                raise InDatabaseError(
                    f"{name} is {getattr(self, name)!r}; allowed: depth 1 to 30, leaves 2 to 4096, rows "
                    "from 1, "
                    "l2 and gain from 0, features from 1, monotone 1 or -1."
                )

    @property
    def l2_steps(self) -> int:
        """The penalty in steps of 2**-20."""
        return round(Fraction(self.l2) * 2**L2_BITS)


@dataclass(frozen=True)
class Boosting:
    """Trees after one another, with several classes one a class in each round. `loss`: "squared", "logistic"
    or "softmax", None by the objective. `patience`: rounds without a better loss on the validation rows until
    it stops; only rounds up to the best stay. `seed`: of the features that nodes may choose from.
    """

    rounds: int = 100
    learning_rate: float = 0.1
    loss: str | None = None
    patience: int = 10
    growth: Growth = field(default_factory=Growth)
    seed: int = 0

    def __post_init__(self) -> None:
        if not (self.rounds >= 1 and 0.0 < self.learning_rate <= 1.0 and self.patience >= 1):
            raise InDatabaseError(
                f"rounds {self.rounds!r}, learning_rate {self.learning_rate!r}, patience {self.patience!r}; "
                "allowed: rounds and patience from 1, a rate above 0 up to 1."
            )


@dataclass(frozen=True)
class Forest:
    """Trees beside one another, each on rows drawn with replacement (Poisson, mean 1, by a hash of the row's
    key); the answer is their mean. One tree without `sample` is a decision tree. For classes its splits are
    Gini's, since p(1 - p) is the variance of 0 and 1, and a leaf holds the share of each class.
    """

    trees: int = 100
    sample: bool = True
    growth: Growth = field(default_factory=lambda: Growth(max_depth=12, max_leaves=512, min_rows=5))
    seed: int = 0

    def __post_init__(self) -> None:
        if self.trees < 1:
            raise InDatabaseError(f"trees is {self.trees!r}; allowed: at least 1.")


def described(settings: Any) -> dict[str, Any]:
    """Settings as plain data, for a document's source."""
    return {
        name: described(value) if isinstance(value, Growth) else dict(value) if name == "monotone" else value
        for name, value in vars(settings).items()
        if value is not None
    }
