"""Histograms: rows, second and first derivatives by node, feature and bin, as exact whole numbers.

Belongs here: how they lie in memory, and what an engine that makes them offers. Does not belong here: the
engines (`ml.indb.histogram_sql`, `ml.indb.cells`), or choosing a split (`ml.indb.splits`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from ml.indb.bins import Bins
    from ml.indb.losses import Loss
    from ml.indb.tree_nodes import GrownTree

MOST_SUM = 2**62
"""Above this a sum might leave a bigint."""

ROWS, CURVATURE, FIRST = 0, 1, 2
"""The parts of a histogram: rows, second derivatives, and from `FIRST` on first derivatives."""


@dataclass(frozen=True)
class Totals:
    """Training rows as they enter: `rows`, their `weight`, and `targets`, the sums of weight times target in
    steps.
    """

    rows: int
    weight: int
    targets: tuple[int, ...]


@dataclass(frozen=True)
class Layout:
    """Where each feature's bins lie: feature f from `starts[f]`, its bin for missing last."""

    bins: tuple[Bins, ...]

    @cached_property
    def starts(self) -> list[int]:
        """By feature, and one past the end."""
        return np.concatenate([[0], np.cumsum([one.count + 1 for one in self.bins])]).tolist()

    @property
    def size(self) -> int:
        """Places in a histogram."""
        return self.starts[-1]

    def empty(self, outputs: int) -> np.ndarray:
        """A histogram without rows: (2 + outputs, size) int64 of rows, second and first derivatives."""
        return np.zeros((FIRST + outputs, self.size), dtype=np.int64)

    def slots(self, feature: int, codes: np.ndarray) -> np.ndarray:
        """Places of a feature's codes; missing, -1, has the last one."""
        count = self.bins[feature].count
        return self.starts[feature] + np.where(codes < 0, count, codes)


class Engine(Protocol):
    """Rows with scores. Each of its numbers is exact, so every engine gives the same ones.

    A round is: `aim` and `histograms` for each tree, `grown` when it is done, `update` after the last.
    """

    layout: Layout
    totals: Totals
    bytes_out: int

    def begin(self, loss: Loss, starts: Sequence[int]) -> None:
        """Give every row these scores (steps) and their derivatives."""

    def sample(self, seed: int, tree: int) -> None:
        """Begin a forest's tree: every row counts as often as its hash draws it."""

    def aim(self, outputs: Sequence[int]) -> None:
        """Begin a tree on the first derivatives of these outputs."""

    def histograms(self, tree: GrownTree, nodes: Sequence[int]) -> dict[int, np.ndarray]:
        """The histogram of each of these nodes of a growing tree, over training rows."""

    def grown(self, tree: GrownTree, outputs: Sequence[int], *, is_last: bool = True) -> None:
        """Add the values of a tree's leaves to these outputs' scores, with the next `update`. `is_last`: it
        is the tree whose histograms were last asked for; another may count for validation rows only.
        """

    def update(self) -> None:
        """Let the scores of grown trees count: derivatives follow from them."""

    def validation_loss(self, divide: int = 1) -> int:
        """The loss on the validation rows, in the loss's own steps, up to a constant. `divide`: the answer is
        the score divided by it, and the loss (squared) comes multiplied by its square.
        """

    def close(self) -> None:
        """Drop what it made."""
