"""The best split of a node, decided on whole numbers.

A split's gain is gl²/hl + gr²/hr, less g²/h of the node. Every candidate's gain is first computed in doubles;
those within a relative 1e-9 of the largest, far more than the rounding of six operations, are compared
exactly, as fractions. Of equal gains the lowest feature wins, then the lowest bin, then missing to the right.
Where a node has no missing value, one would follow the larger child, the right one of equals.

Belongs here: candidates and the choice. Does not belong here: growing a tree from choices (`ml.indb.trees`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np

from ml.indb.histograms import Layout
from ml.indb.losses import Loss
from ml.indb.tree_nodes import Node, Split
from ml.indb.tree_settings import Growth

NEAR = 1e-9


@dataclass(frozen=True)
class Chooser:
    """What stays the same for all nodes of all trees; `ways`: by feature, 1 or -1 where it is monotone."""

    layout: Layout
    growth: Growth
    loss: Loss
    ways: dict[int, int]

    def best(self, node: Node, histogram: np.ndarray, features: Iterable[int]) -> Split | None:
        """The split of the largest gain above the least one, or None."""
        runs = [run for feature in features for run in self._runs(feature, histogram)]
        if not runs:
            return None
        scores = [self._scores(node, run) for run in runs]
        top = max((float(score.max()) for score in scores if len(score)), default=-np.inf)
        if top == -np.inf:
            return None
        near = [
            _Candidate(run, place)
            for run, score in zip(runs, scores, strict=True)
            for place in np.flatnonzero(score >= top - abs(top) * NEAR).tolist()
        ]
        near.sort(key=lambda one: one.order)
        best, gain = None, self.loss.gain_steps(self.growth.min_gain)
        gain += Fraction(node.g * node.g, self._curvature(node.h))
        floor = gain
        for one in near:
            found = self._gain(node, one)
            if found > gain:
                best, gain = one, found
        return None if best is None else best.split(node, gain - floor)

    @cached_property
    def _l2_steps(self) -> int:
        return self.growth.l2_steps

    def _curvature(self, h: int) -> int:
        return self.loss.curvature(h, self._l2_steps)

    def _scores(self, node: Node, run: _Run) -> np.ndarray:
        """Gains in doubles, -inf where a child would be too small."""
        rows, g, h = run.left
        is_allowed = (rows >= self.growth.min_rows) & (node.rows - rows >= self.growth.min_rows)
        is_allowed &= (h > 0) & (node.h - h > 0)
        penalty = float(self._curvature(0))
        left, right = (h.astype(float) * 2.0**20 + penalty), ((node.h - h).astype(float) * 2.0**20 + penalty)
        with np.errstate(divide="ignore", invalid="ignore"):
            scores = g.astype(float) ** 2 / left + (node.g - g).astype(float) ** 2 / right
        return np.where(is_allowed & self._in_order(node, run), scores, -np.inf)

    def _in_order(self, node: Node, run: _Run) -> np.ndarray | bool:
        """Whether the children's values stand in the order that a monotone feature demands."""
        way = self.ways.get(run.feature)
        if way is None:
            return True
        sides = [(int(g), int(h)) for g, h in zip(run.left[1], run.left[2], strict=True)]
        return np.array([
            0 < h < node.h and self._value(node, node.g - g, node.h - h) * way >= self._value(node, g, h) *
            way for g, h in sides
        ], dtype=bool)  # fmt: skip

    def _value(self, node: Node, g: int, h: int) -> Fraction:
        return clipped(self.loss.value(g, self._curvature(h)), node)

    def _gain(self, node: Node, one: _Candidate) -> Fraction:
        _, g, h = one.left
        left, right = self._curvature(h), self._curvature(node.h - h)
        return Fraction(g * g, left) + Fraction((node.g - g) ** 2, right)

    def _runs(self, feature: int, histogram: np.ndarray) -> Iterator[_Run]:
        """A feature's candidates with missing to the right, then with missing to the left."""
        part = self.layout.of(histogram, feature)
        bins, missing = part[:, :-1], part[:, -1:]
        order: list[int] | None = None
        if self.layout.bins[feature].kind == "category":
            order = self._by_answer(bins)
            bins = bins[:, order]
        sums = np.cumsum(bins, axis=1)
        # With all known values on the left only missing ones are on the right, if there are any.
        last = sums.shape[1] if missing[0, 0] else sums.shape[1] - 1
        if last > 0:
            yield _Run(feature, False, sums[:, :last], order, bool(missing[0, 0]))
        if missing[0, 0] and sums.shape[1] > 1:
            yield _Run(feature, True, sums[:, :-1] + missing, order, True)

    def _by_answer(self, bins: np.ndarray) -> list[int]:
        """The categories that the node holds, by their own best value, exactly; equals by code."""
        held = [code for code in range(bins.shape[1]) if bins[0, code] and bins[2, code]]
        values = {
            code: self.loss.value(int(bins[1, code]), self._curvature(int(bins[2, code]))) for code in held
        }
        return sorted(held, key=lambda code: (values[code], code))


@dataclass(frozen=True)
class _Run:
    """Candidates of one feature and one way of missing values; `left` (3, candidates): what goes left."""

    feature: int
    missing_left: bool
    left: np.ndarray
    order: list[int] | None
    has_missing: bool


@dataclass(frozen=True)
class _Candidate:
    run: _Run
    place: int

    @property
    def order(self) -> tuple[int, int, bool]:
        return self.run.feature, self.place, self.run.missing_left

    @property
    def left(self) -> tuple[int, int, int]:
        return tuple(self.run.left[:, self.place].tolist())

    def split(self, node: Node, gain: Fraction) -> Split:
        left, order = self.left, self.run.order
        members = None if order is None else tuple(sorted(order[: self.place + 1]))
        missing_left = self.run.missing_left
        if not self.run.has_missing:
            missing_left = left[0] > node.rows - left[0]
        return Split(self.run.feature, self.place, members, missing_left, left, gain)


def clipped(value: Fraction, node: Node) -> Fraction:
    """A leaf's value within the node's bounds."""
    if node.low is not None and value < node.low:
        return node.low
    return node.high if node.high is not None and value > node.high else value
