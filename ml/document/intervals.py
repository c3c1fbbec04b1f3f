"""Where a value lies among the constants that trees compare it with: the number of its interval, or category.

Belongs here: finding that number for many values at once. Does not belong here: what an interval means to a
tree (`ml.document.bit_tables`).

`places` gives every value a whole number from 0 up to `size`, two of which are the last: for a missing value,
and before it for what lies above all thresholds or in no set.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

CELLS = 4_096
MOST_ROUNDS = 6
"""More comparisons than this in a cell take longer than a binary search."""


@dataclass(frozen=True)
class Grid:
    """Equal cells over the thresholds: a value's cell says how many thresholds lie in lower cells, and
    `rounds` comparisons find it among those of its own. Every step from x to its cell keeps order, rounded or
    not, so a threshold in a lower cell is lower and one in a higher cell higher.
    """

    low: float
    scale: float
    starts: np.ndarray
    rounds: int

    def cells(self, x: np.ndarray) -> np.ndarray:
        cell = x - self.low
        cell *= self.scale
        np.fmax(cell, -1.0, out=cell)
        np.fmin(cell, CELLS, out=cell)
        cell += 1.0
        return cell.astype(np.intp)


@dataclass(frozen=True)
class Intervals:
    """A column of numbers: place i holds the x above i thresholds and at most the next one."""

    operand: int
    thresholds: np.ndarray
    grid: Grid | None

    @property
    def key(self) -> tuple[int, bool]:
        return self.operand, False

    @property
    def size(self) -> int:
        return len(self.thresholds) + 2

    def places(self, x: np.ndarray) -> np.ndarray:
        place = self.thresholds.searchsorted(x) if self.grid is None else self._by_grid(self.grid, x)
        missing = np.isnan(x)
        if missing.any():
            place[missing] = self.size - 1
        return place

    def _by_grid(self, grid: Grid, x: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore"):  # what leaves a double's range lies in an outermost cell
            place = grid.starts.take(grid.cells(x))
        bounds = np.append(self.thresholds, np.inf)
        for _ in range(grid.rounds):
            place += bounds.take(place) < x
        return place


@dataclass(frozen=True)
class Codes:
    """A column of categories, coded as numbers: place i holds the i-th code."""

    operand: int
    codes: np.ndarray

    @property
    def key(self) -> tuple[int, bool]:
        return self.operand, True

    @property
    def size(self) -> int:
        return len(self.codes) + 2

    def places(self, x: np.ndarray) -> np.ndarray:
        place = np.minimum(np.searchsorted(self.codes, x), len(self.codes) - 1)
        found = np.where(self.codes[place] == x, place, len(self.codes))
        return np.where(np.isnan(x), len(self.codes) + 1, found)


def columns_of(
    trees: Sequence[Mapping[str, Any]], sets: Sequence[Sequence[float]]
) -> tuple[Intervals | Codes, ...]:
    """Every column that the trees compare, by operand; one compared both ways stands twice."""
    thresholds: dict[int, set[float]] = {}
    codes: dict[int, set[float]] = {}
    for tree in trees:
        for feature, test, threshold in zip(tree["feature"], tree["test"], tree["threshold"], strict=True):
            if feature == -1:
                continue
            if test == "in":
                codes.setdefault(feature, set()).update(sets[int(threshold)])
            else:
                constants = thresholds.setdefault(feature, set())
                if test != "known":
                    constants.add(at_most(test, threshold))
    intervals = [_intervals(feature, values) for feature, values in sorted(thresholds.items())]
    return (*intervals, *(Codes(feature, np.array(sorted(own))) for feature, own in sorted(codes.items())))


def at_most(test: str, threshold: float) -> float:
    """The t of `x <= t` that says the same as the test of every known x."""
    return float(threshold) if test == "<=" else math.nextafter(threshold, -math.inf)


def _intervals(operand: int, values: set[float]) -> Intervals:
    thresholds = np.array(sorted(values), dtype=np.float64)
    return Intervals(operand, thresholds, _grid(thresholds))


def _grid(thresholds: np.ndarray) -> Grid | None:
    """The cells, or None where the thresholds are too few, or lie too unevenly, to gain by them."""
    if len(thresholds) < 2:
        return None
    low, span = float(thresholds[0]), float(thresholds[-1]) - float(thresholds[0])
    scale = (CELLS - 1) / span if math.isfinite(span) else 0.0
    if not (0.0 < scale < math.inf):
        return None
    without = Grid(low, scale, np.empty(0), 0)
    cells = without.cells(thresholds)
    rounds = int(np.bincount(cells).max())
    if rounds > MOST_ROUNDS:
        return None
    return Grid(low, scale, np.searchsorted(cells, np.arange(CELLS + 2)), rounds)
