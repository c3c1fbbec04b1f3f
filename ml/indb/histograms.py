"""Histograms: rows, first and second derivatives by node, feature and bin, as exact whole numbers.

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


@dataclass(frozen=True)
class Totals:
    """Training rows as they enter: `rows`, their `weight`, and `target`, the sum of weight times label in
    steps.
    """

    rows: int
    weight: int
    target: int


@dataclass(frozen=True)
class Layout:
    """Where each feature's bins lie: feature f from `starts[f]`, its bin for missing last."""

    bins: tuple[Bins, ...]

    @cached_property
    def starts(self) -> list[int]:
        """By feature, and one past the end."""
        return np.concatenate([[0], np.cumsum([one.count + 1 for one in self.bins])]).tolist()

    def empty(self) -> np.ndarray:
        """A histogram without rows: (3, slots) int64 of rows, first and second derivatives."""
        return np.zeros((3, self.starts[-1]), dtype=np.int64)

    def slots(self, feature: int, codes: np.ndarray) -> np.ndarray:
        """Places of a feature's codes; missing, -1, has the last one."""
        count = self.bins[feature].count
        return self.starts[feature] + np.where(codes < 0, count, codes)

    def of(self, histogram: np.ndarray, feature: int) -> np.ndarray:
        """One feature's part, (3, bins + 1)."""
        return histogram[:, self.starts[feature] : self.starts[feature + 1]]


class Engine(Protocol):
    """Rows with scores. Each of its numbers is exact, so every engine gives the same ones."""

    layout: Layout
    totals: Totals
    bytes_out: int

    def begin(self, loss: Loss, start: int) -> None:
        """Give every row the score `start` (steps) and its derivatives."""

    def sample(self, seed: int, tree: int) -> None:
        """Begin a forest's tree: every row counts as often as its hash draws it."""

    def histograms(self, tree: GrownTree, nodes: Sequence[int]) -> dict[int, np.ndarray]:
        """The histogram of each of these nodes of a growing tree, over training rows."""

    def add(self, tree: GrownTree) -> None:
        """Add the tree's leaves to the scores."""

    def validation_loss(self) -> int:
        """The loss on the validation rows, in the loss's own steps, up to a constant."""

    def close(self) -> None:
        """Drop what it made."""
