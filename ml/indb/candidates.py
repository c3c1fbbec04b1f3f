"""Every split that some nodes could take, at once: what each would send left.

Numbers are cut between bins in their order. Categories are first put in the order of their own best value,
which holds the best division into two groups for one output (Fisher, "On grouping for maximum homogeneity",
1958); with several outputs they are put in the order of each. Missing values go right, then left.

Belongs here: the arrays. Does not belong here: what a split gains (`ml.indb.splits`).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ml.indb.histograms import CURVATURE, FIRST, ROWS, Layout

NEAR = 1e-9
"""Doubles that are closer than this, relative to their size, are compared as fractions: far more than the
rounding of the few operations they come from."""


@dataclass(frozen=True)
class Candidates:
    """`left` (nodes, ways, parts, places) int64: what goes left, by the way of missing values (right, left),
    part of the histogram and place. `missing` (nodes, places): rows without a value. `orders` (nodes, places)
    int64: the code at each place.
    """

    left: np.ndarray
    missing: np.ndarray
    orders: np.ndarray


class Places:
    """Where candidates lie: a feature of numbers once, its bins in their order, a category once for each
    output. By place: `feature`, its `code` before categories are ordered, and where its run `begins`.
    """

    def __init__(self, layout: Layout, outputs: int) -> None:
        runs: list[tuple[int, int, int]] = []
        self.categories: list[tuple[int, int, int]] = []
        size = 0
        for feature, one in enumerate(layout.bins):
            for output in range(outputs if one.kind == "category" else 1):
                runs.append((feature, size, one.count))
                if one.kind == "category":
                    self.categories.append((size, size + one.count, output))
                size += one.count
        self.size = size
        self.feature = np.concatenate([np.full(count, feature) for feature, _, count in runs])
        self.begins = np.concatenate([np.full(count, begin) for _, begin, count in runs])
        self.code = np.arange(size) - self.begins
        starts = np.array(layout.starts)
        self._slot = starts[self.feature] + self.code
        self._missing = starts[self.feature + 1] - 1

    def candidates(self, histograms: np.ndarray, penalty: int) -> Candidates:
        """All candidates of histograms (nodes, parts, slots); `penalty` is added to second derivatives in
        steps of 2**-20, to order categories.
        """
        bins, missing = histograms[:, :, self._slot], histograms[:, :, self._missing]
        orders = np.broadcast_to(self.code, (len(bins), self.size))
        if self.categories:
            orders = orders.copy()
            for begin, end, output in self.categories:
                part = bins[:, :, begin:end]
                order = by_answer(part[:, ROWS], part[:, CURVATURE], part[:, FIRST + output], penalty)
                orders[:, begin:end] = order
                bins[:, :, begin:end] = np.take_along_axis(part, order[:, None, :], axis=2)
        # A run's sums are the running sum less what it was before the run; what overflows on the way comes
        # back.
        sums = np.cumsum(bins, axis=2)
        before = np.where(self.begins > 0, sums[:, :, self.begins - 1], 0)
        right = sums - before
        has_missing = missing[:, ROWS].any()
        left = np.stack([right, right + missing], axis=1) if has_missing else right[:, None]
        return Candidates(left, missing[:, ROWS], orders)


def by_answer(rows: np.ndarray, h: np.ndarray, g: np.ndarray, penalty: int) -> np.ndarray:
    """The codes (nodes, categories) of the categories that nodes hold, by their best value, exactly, equals
    by code; then those that they do not hold.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        values = -g.astype(float) / (h.astype(float) * 2.0**20 + float(penalty))
    values = np.where(rows > 0, values, np.inf)
    orders = np.argsort(values, axis=1, kind="stable")
    ordered = np.take_along_axis(values, orders, axis=1)
    with np.errstate(invalid="ignore"):
        size = np.maximum(np.abs(ordered[:, 1:]), np.abs(ordered[:, :-1]))
        is_close = np.diff(ordered, axis=1) <= size * NEAR
    is_close &= np.isfinite(ordered[:, 1:])
    for node in np.flatnonzero(is_close.any(axis=1)).tolist():
        _settle(orders[node], is_close[node], h[node], g[node], penalty)
    return orders


def _settle(order: np.ndarray, is_close: np.ndarray, h: np.ndarray, g: np.ndarray, penalty: int) -> None:
    """Put runs of close values in their exact order."""
    ends = np.append(np.flatnonzero(~is_close) + 1, len(order)).tolist()
    begin = 0
    for end in ends:
        if end - begin > 1:
            codes = order[begin:end].tolist()
            exact = {code: Fraction(-int(g[code]), int(h[code]) * 2**20 + penalty) for code in codes}
            order[begin:end] = sorted(codes, key=lambda code: (exact[code], code))
        begin = end
