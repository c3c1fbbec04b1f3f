"""Losses in whole numbers: derivatives of scores, equal to the last digit to those that SQL computes.

A score and a target are whole numbers of steps of 2**-bits. Squared loss needs whole numbers alone. Logistic
loss and softmax need one exp a score by libm, which Postgres calls too, and round a probability to a step; it
keeps one step of distance from 0 and from 1. With K classes there are K scores and second derivatives have
the factor K / (K - 1), as in Friedman's "Greedy function approximation" (2001) and in LightGBM.

Belongs here: derivatives, the loss, the first scores, a leaf's value. Does not belong here: the same as SQL
(`ml.indb.loss_sql`), sums over rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ml.document.ops.activation import CLAMP, sigmoid
from ml.indb.errors import InDatabaseError
from ml.indb.histograms import Totals
from ml.indb.tree_settings import L2_BITS

LARGEST_LEAF = 32
"""No leaf of logistic loss or softmax moves the log odds by more: exp(-32) is far below a step."""

ALLOWED = {
    "regression": ("squared",), "binary": ("logistic", "squared"), "multiclass": ("softmax",)
}  # fmt: skip


@dataclass(frozen=True)
class Loss:
    """`name`: squared, logistic or softmax. `bits`: a step is 2**-bits. `outputs`: how many scores a row
    has, one a target. `weight_steps`: weights, and what is summed with them, count in so many steps of 1.
    """

    name: str
    bits: int
    outputs: int = 1
    weight_steps: int = 1

    @property
    def steps(self) -> Fraction:
        """Steps in a unit."""
        return Fraction(2) ** self.bits

    @property
    def curvatures(self) -> int:
        """How many second derivatives a row has: with squared loss its weight, whatever the output."""
        return 1 if self.name == "squared" else self.outputs

    @property
    def penalty_multiple(self) -> int:
        """What a penalty in steps of 2**-20 is multiplied by, to be added to `curvature`."""
        return 1 if self.name == "squared" else 1 << self.bits

    def curvature(self, h: int, l2_steps: int) -> int:
        """A sum of second derivatives with its penalty, in one whole unit."""
        return h * 2**L2_BITS + l2_steps * self.penalty_multiple * self.weight_steps

    def starts(self, totals: Totals) -> list[int]:
        """The best constant scores in steps: the mean; the log odds of the second class; the logarithm of
        each class's share. A share keeps one step of distance from 0 and from 1.
        """
        means = [Fraction(target, totals.weight) for target in totals.targets]
        if self.name == "squared":
            return [round(mean) for mean in means]
        means = [max(Fraction(1), min(mean, self.steps - 1)) for mean in means]
        if self.name == "softmax":
            return [round(Fraction(math.log(mean / self.steps)) * self.steps) for mean in means]
        return [round(Fraction(math.log(mean / (self.steps - mean))) * self.steps) for mean in means]

    def value(self, g: int, curvature: int) -> Fraction:
        """A leaf's best value in steps, not yet rounded."""
        return Fraction(-g * 2**L2_BITS * self.penalty_multiple, curvature)

    def shrunk(self, value: Fraction, rate: Fraction) -> int:
        """A leaf in steps: its value times the rate, halves to even."""
        steps = round(value * rate)
        most = abs(steps) if self.name == "squared" else round(LARGEST_LEAF * self.steps)
        return max(-most, min(steps, most))

    def gain_steps(self, gain: float) -> Fraction:
        """A gain in units of g * g / curvature."""
        return Fraction(gain) * self.weight_steps * self.steps**2 / (2**L2_BITS * self.penalty_multiple)

    def gain(self, steps: Fraction) -> float:
        """A gain in units of g * g / curvature as what the loss falls by, twice, without a learning rate."""
        return float(steps * 2**L2_BITS * self.penalty_multiple / self.steps**2 / self.weight_steps)

    def derivatives(self, w: np.ndarray, s: np.ndarray, f: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """First (outputs, rows) and second (curvatures, rows) derivatives, int64, of cells of weight w
        (rows,), targets s (outputs, rows), both times their weight, and scores f (outputs, rows).
        """
        if self.name == "squared":
            return w * f - s, w[None]
        one = 1 << self.bits
        p = self._softmax(f) if self.name == "softmax" else by_value(f[0], self._sigmoid)[None]
        h = (p * (one - p) + one - 1) // one
        if self.name == "softmax":
            h = (h * self.outputs + self.outputs - 2) // (self.outputs - 1)
        return w * p - s, w * h

    def loss(self, w: np.ndarray, s: np.ndarray, f: np.ndarray) -> int:
        """The loss of cells, for squared loss up to a constant, in steps squared."""
        if not f.size:
            return 0
        weights, targets, scores = (column.astype(object) for column in (w, s, f))
        if self.name == "squared":
            return int((weights * scores * scores - 2 * scores * targets).sum())
        one = 1 << self.bits
        if self.name == "softmax":
            top, _, total = self._exps(f)
            normal = top + np.rint(np.array([math.log(x) for x in total.tolist()]) * one).astype(np.int64)
        else:
            normal = by_value(f[0], lambda score: round(_softplus(score / one) * one))
        return int((weights * normal.astype(object) * one).sum() - (scores * targets).sum())

    def _sigmoid(self, score: int) -> int:
        one = 1 << self.bits
        return min(max(round(sigmoid(score / one) * one), 1), one - 1)

    def _exps(self, f: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The largest score (rows,), exps of scores less it (outputs, rows), and their sum (rows,) from the
        first.
        """
        top = f.max(axis=0)
        x = np.maximum((f - top) / float(1 << self.bits), -CLAMP)
        exps = np.array([math.exp(one) for one in x.ravel().tolist()]).reshape(x.shape)
        total = exps[0]
        for one in exps[1:]:
            total = total + one
        return top, exps, total

    def _softmax(self, f: np.ndarray) -> np.ndarray:
        _, exps, total = self._exps(f)
        one = 1 << self.bits
        return np.clip(np.rint(exps / total * one).astype(np.int64), 1, one - 1)


def _softplus(x: float) -> float:
    return max(x, 0.0) + math.log(1.0 + math.exp(-min(abs(x), CLAMP)))


def by_value(f: np.ndarray, function: Callable[[int], int]) -> np.ndarray:
    """`function` of each different score once, in plain Python."""
    values, places = np.unique(f, return_inverse=True)
    return np.array([function(value) for value in values.tolist()], dtype=np.int64)[places.reshape(-1)]


def loss_of(name: str | None, objective: str, bits: int, outputs: int = 1, weight_steps: int = 1) -> Loss:
    """The named loss, or the objective's usual one.

    Raises:
        InDatabaseError: a loss that the objective does not have.
    """
    allowed = ALLOWED[objective]
    if name not in (None, *allowed):
        raise InDatabaseError(f"loss is {name!r} for a {objective} label; allowed: {', '.join(allowed)}.")
    return Loss(name or allowed[0], bits, outputs, weight_steps)
