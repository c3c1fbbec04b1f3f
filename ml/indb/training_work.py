"""What is to be trained, as far as its cost goes.

Belongs here: the declaration that the planner reads. Does not belong here: statistics of its rows
(`ml.indb.work_statistics`), unit costs (`ml.indb.unit_costs`), the choice (`ml.indb.training_plan`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ml.indb.errors import InDatabaseError
from ml.indb.star import Star

TRAINERS = ("cofactors", "passes", "trees")
KINDS = ("number", "boolean", "category")
MEMORY_BYTES = 2_000_000_000
"""What a training holds at most: a run shares its machine with the server and with other runs."""


@dataclass(frozen=True)
class TrainingWork:
    """`relation` is SQL that may stand behind FROM and gives the rows to train on, with every feature;
    `features`: kind by name (number, boolean, category). `star`: the same rows, not joined.

    `trainer`: "cofactors", everything fitted from one scan of sums (least squares, penalised paths,
    discriminants, components, naive Bayes); "passes", `rounds` scans of sums (generalised linear models,
    k-means); "trees", `rounds` trees of up to `leaves` leaves and `depth` levels. `folds`: parts of a
    cross-validation, 1 for none. `most_bins`: bins of a feature of numbers, for trees. `is_rounded`: numbers
    count in steps so large that the product of two is a bigint; else those with many digits are NUMERIC.
    `memory_rows`: up to so many rows, cells are trained on in memory however many they are. `memory_bytes`:
    what a training may hold in memory; an export that would hold more is not chosen.
    `open_ways`: those that may be chosen, None for all; the others are estimated beside them.
    """

    relation: str
    features: Mapping[str, str]
    label: str
    trainer: str
    star: Star | None = None
    rounds: int = 1
    folds: int = 1
    depth: int = 6
    leaves: int = 31
    most_bins: int = 64
    is_rounded: bool = False
    memory_rows: int = 0
    memory_bytes: int = MEMORY_BYTES
    open_ways: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if self.trainer not in TRAINERS:
            raise InDatabaseError(f"trainer is {self.trainer!r}; allowed: {', '.join(TRAINERS)}.")
        wrong = {name: kind for name, kind in self.features.items() if kind not in KINDS}
        if wrong or not self.features:
            raise InDatabaseError(
                f"features of kinds {wrong}; allowed: at least one feature, each {', '.join(KINDS)}."
            )
        unknown = set(self.open_ways or ()) - set(self.ways)
        if unknown or self.open_ways == ():
            raise InDatabaseError(
                f"open_ways is {self.open_ways!r}; allowed: some of {', '.join(self.ways)}."
            )
        for name in ("rounds", "folds", "depth", "leaves", "most_bins"):
            if getattr(self, name) < 1:
                raise InDatabaseError(f"{name} is {getattr(self, name)!r}; allowed: from 1.")

    @property
    def numbers(self) -> tuple[str, ...]:
        """Features that are measured as numbers, truth values among them."""
        return tuple(name for name, kind in self.features.items() if kind != "category")

    @property
    def categories(self) -> tuple[str, ...]:
        """Features of categories."""
        return tuple(name for name, kind in self.features.items() if kind == "category")

    @property
    def ways(self) -> tuple[str, ...]:
        """The ways that lead to this model."""
        if self.trainer == "cofactors":
            return ("factorised", "joined", "export") if self.star else ("joined", "export")
        return ("cells", "joined", "export")
