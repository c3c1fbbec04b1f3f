"""The best split of each node, decided on whole numbers.

A split's gain is gl²/hl + gr²/hr, less g²/h of the node, summed over outputs. Every candidate's gain is first
computed in doubles; those within a relative 1e-9 of the largest, far more than the rounding of six
operations, are compared exactly, as fractions. Of equal gains the lowest feature wins, then the lowest bin,
then missing to the right. Where a node has no missing value, one would follow the larger child, the right one
of equals.

With monotone features a child's value is kept within its node's bounds, and a gain is that of the values kept
so, as LightGBM's basic method has it.

Belongs here: gains and the choice. Does not belong here: what the candidates are (`ml.indb.candidates`),
growing a tree from choices (`ml.indb.trees`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np

from ml.indb.candidates import NEAR, Candidates, Places
from ml.indb.histograms import CURVATURE, FIRST, ROWS, Layout
from ml.indb.losses import Loss
from ml.indb.tree_nodes import Node, Split, Sums
from ml.indb.tree_settings import L2_BITS, Growth

Ratio = tuple[int, int]
"""Numerator and denominator, not reduced, the denominator above 0: quicker than a fraction."""

AT_ONCE = 1_000_000
"""Candidates weighed at once: some 100 bytes each."""


@dataclass(frozen=True)
class Chooser:
    """What stays the same for all nodes of all trees; `ways`: by feature, 1 or -1 where it is monotone;
    `outputs`: how many first derivatives a tree has.
    """

    layout: Layout
    growth: Growth
    loss: Loss
    ways: dict[int, int]
    outputs: int = 1

    def best(
        self, nodes: Sequence[Node], histograms: Sequence[np.ndarray], features: Sequence[Iterable[int]]
    ) -> list[Split | None]:
        """By node, the split of the largest gain above the least one, or None."""
        found: list[Split | None] = []
        step = max(AT_ONCE // max(self._places.size, 1), 1)
        for at in range(0, len(nodes), step):
            here = slice(at, at + step)
            found += self._best(nodes[here], np.stack(histograms[here]), features[here])
        return found

    def _best(
        self, nodes: Sequence[Node], histograms: np.ndarray, features: Sequence[Iterable[int]]
    ) -> list[Split | None]:
        made = self._places.candidates(histograms, self._penalty)
        scores, sizes = self._scores(nodes, made)
        if self.growth.features is not None:
            for node, chosen in enumerate(features):
                scores[node][:, ~np.isin(self._places.feature, list(chosen))] = -np.inf
        return [self._chosen(node, made, at, scores[at], sizes[at]) for at, node in enumerate(nodes)]

    @cached_property
    def _places(self) -> Places:
        return Places(self.layout, self.outputs)

    @cached_property
    def _ways(self) -> np.ndarray:
        """1, -1 or 0 by place."""
        return np.array([self.ways.get(feature, 0) for feature in self._places.feature.tolist()])

    @cached_property
    def _penalty(self) -> int:
        return self._curvature(0)

    @cached_property
    def _min_gain(self) -> Fraction:
        return self.loss.gain_steps(self.growth.min_gain)

    @cached_property
    def _l2_steps(self) -> int:
        return self.growth.l2_steps

    def _curvature(self, h: int) -> int:
        return self.loss.curvature(h, self._l2_steps)

    def _scores(self, nodes: Sequence[Node], made: Candidates) -> tuple[np.ndarray, np.ndarray]:
        """Gains (nodes, ways, places) in doubles, -inf where a split is not allowed, and the size of the
        terms they are made of.
        """
        least, left = self.growth.min_rows, made.left
        totals = np.array([node.sums for node in nodes], dtype=np.int64)[:, None, :, None]
        right = totals - left
        is_allowed = (left[:, :, ROWS] >= least) & (right[:, :, ROWS] >= least)
        is_allowed &= (left[:, :, CURVATURE] > 0) & (right[:, :, CURVATURE] > 0)
        if left.shape[1] == 2:
            is_allowed[:, 1] &= made.missing > 0
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            scores = sizes = self._gains(left) + self._gains(right) if not self.ways else None
            if scores is None:
                scores, sizes, is_ordered = self._bounded(nodes, left, right)
                is_allowed &= is_ordered
        return np.where(is_allowed, scores, -np.inf), np.where(is_allowed, sizes, 0.0)

    def _halved(self, side: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """First derivatives (nodes, ways, outputs, places) and second ones with the penalty, as doubles."""
        return side[:, :, FIRST:].astype(float), side[:, :, CURVATURE] * 2.0**L2_BITS + float(self._penalty)

    def _gains(self, side: np.ndarray) -> np.ndarray:
        g, h = self._halved(side)
        return np.square(g).sum(axis=2) / h

    def _bounded(
        self, nodes: Sequence[Node], left: np.ndarray, right: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Gains, sizes, and whether values stand in order, where bounds hold; close values count as in
        order.
        """
        low = np.array([-np.inf if node.low is None else float(node.low) for node in nodes])[:, None, None]
        high = np.array([np.inf if node.high is None else float(node.high) for node in nodes])[:, None, None]
        values, gains, sizes = [], 0.0, 0.0
        for side in (left, right):
            g, h = self._halved(side)
            value = np.clip(-g[:, :, 0] / h * self._unit, low, high)
            values.append(value)
            one, two = 2.0 * g[:, :, 0] * value / self._unit, h * np.square(value / self._unit)
            gains, sizes = gains - (one + two), sizes + np.abs(one) + two
        rise = (values[1] - values[0]) * self._ways
        return gains, sizes, rise >= -NEAR * (np.abs(values[0]) + np.abs(values[1]))

    @property
    def _unit(self) -> float:
        """Steps of a value for -g / h."""
        return float(2**L2_BITS * self.loss.penalty_multiple)

    def _chosen(
        self, node: Node, made: Candidates, at: int, scores: np.ndarray, sizes: np.ndarray
    ) -> Split | None:
        while (top := scores.max(initial=-np.inf)) > -np.inf:
            reach = sizes.ravel()[scores.argmax()] * NEAR
            ways, places = np.nonzero(scores + sizes * NEAR >= top - reach)
            order = np.lexsort((ways, places))
            near = list(zip(places[order].tolist(), ways[order].tolist(), strict=True))
            found = self._largest(node, near, made.left[at])
            if found is not None:
                return self._split(node, *found, made, at)
            scores[ways, places] = -np.inf  # none of them keeps the order that a monotone feature demands
        return None

    def _largest(
        self, node: Node, near: list[tuple[int, int]], left: np.ndarray
    ) -> tuple[int, int, Ratio] | None:
        """Place, way of missing and gain of the first of the largest; None where none is in order."""
        seen: set[Sums] = set()
        best: tuple[int, int, Ratio] | None = None
        for place, way in near:
            sums = tuple(left[way, :, place].tolist())
            if sums in seen or not self._is_ordered(node, place, sums):
                continue
            seen.add(sums)
            top, bottom = self._gain(node, sums)
            if best is None or top * best[2][1] > best[2][0] * bottom:
                best = place, way, (top, bottom)
        return best

    def _split(
        self, node: Node, place: int, way: int, gain: Ratio, made: Candidates, at: int
    ) -> Split | None:
        h = self._curvature(node.h)
        top, bottom = gain[0] * h - sum(g * g for g in node.g) * gain[1], gain[1] * h
        if self._min_gain:
            top = top * self._min_gain.denominator - self._min_gain.numerator * bottom
            bottom *= self._min_gain.denominator
        if top <= 0:
            return None
        feature, begin = int(self._places.feature[place]), int(self._places.begins[place])
        left = tuple(made.left[at, way, :, place].tolist())
        members = None
        if self.layout.bins[feature].kind == "category":
            members = tuple(sorted(made.orders[at, begin : place + 1].tolist()))
        missing_left = way == 1 if made.missing[at, place] else left[ROWS] > node.rows - left[ROWS]
        return Split(feature, place - begin, members, missing_left, left, Fraction(top, bottom))

    def _is_ordered(self, node: Node, place: int, left: Sums) -> bool:
        way = int(self._ways[place])
        if not way:
            return True
        low, high = (self.value(node, *side) for side in _sides(node, left))
        return high * way >= low * way

    def _gain(self, node: Node, left: Sums) -> Ratio:
        """The gain of a split without the node's own, exactly."""
        sides = _sides(node, left)
        if not self.ways:
            (one, low), (two, high) = ((sum(x * x for x in g), self._curvature(h)) for g, h in sides)
            return one * high + two * low, low * high
        gain = Fraction(0)
        for g, h in sides:
            value = self.value(node, g, h) / (2**L2_BITS * self.loss.penalty_multiple)
            gain -= 2 * g[0] * value + self._curvature(h) * value * value
        return gain.numerator, gain.denominator

    def value(self, node: Node, g: Sums, h: int) -> Fraction:
        """The best value in steps of a part of a node, for its first output, within the node's bounds."""
        value = self.loss.value(g[0], self._curvature(h))
        if node.low is not None and value < node.low:
            return node.low
        return node.high if node.high is not None and value > node.high else value


def _sides(node: Node, left: Sums) -> list[tuple[Sums, int]]:
    """First and second derivatives of both children."""
    right = tuple(all_ - part for all_, part in zip(node.sums, left, strict=True))
    return [(side[FIRST:], side[CURVATURE]) for side in (left, right)]
