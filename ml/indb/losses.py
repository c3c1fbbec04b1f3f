"""Losses in whole numbers: derivatives of a score, for Python and for SQL, equal to the last digit.

A score and a label are whole numbers of steps of 2**-bits. Squared loss needs whole numbers alone. Logistic
loss needs one exp a row by libm, which Postgres calls too, and rounds the probability to a step; a
probability keeps one step of distance from 0 and from 1.

Belongs here: derivatives, the loss, the first score, a leaf's value. Does not belong here: sums over rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ml.document.dialect import POSTGRES
from ml.document.ops.activation import CLAMP, sigmoid, sigmoid_sql
from ml.indb.errors import InDatabaseError
from ml.indb.histograms import Totals
from ml.indb.tree_settings import L2_BITS

LARGEST_LEAF = 32
"""No leaf of logistic loss moves the log odds by more: exp(-32) is far below a step."""


@dataclass(frozen=True)
class Loss:
    """`name`: squared or logistic. `bits`: a step is 2**-bits."""

    name: str
    bits: int

    @property
    def steps(self) -> Fraction:
        """Steps in a unit."""
        return Fraction(2) ** self.bits

    @property
    def penalty_multiple(self) -> int:
        """What a penalty in steps of 2**-20 is multiplied by, to be added to `curvature`."""
        return 1 if self.name == "squared" else 1 << self.bits

    def curvature(self, h: int, l2_steps: int) -> int:
        """A sum of second derivatives with its penalty, in one whole unit."""
        return h * 2**L2_BITS + l2_steps * self.penalty_multiple

    def start(self, totals: Totals) -> int:
        """The best constant score in steps: the mean, or the log odds of the second class."""
        mean = Fraction(totals.target, totals.weight)
        if self.name == "squared":
            return round(mean)
        odds = mean / (self.steps - mean)
        return round(Fraction(math.log(odds)) * self.steps)

    def value(self, g: int, curvature: int) -> Fraction:
        """A leaf's best value in steps, not yet rounded."""
        return Fraction(-g * 2**L2_BITS * self.penalty_multiple, curvature)

    def shrunk(self, value: Fraction, rate: Fraction) -> int:
        """A leaf in steps: its value times the rate, halves to even."""
        steps = round(value * rate)
        most = round(LARGEST_LEAF * self.steps) if self.name == "logistic" else abs(steps)
        return max(-most, min(steps, most))

    def gain_steps(self, gain: float) -> Fraction:
        """A gain in units of g * g / curvature."""
        return Fraction(gain) * self.steps**2 / (2**L2_BITS * self.penalty_multiple)

    def derivatives(self, w: np.ndarray, s: np.ndarray, f: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """First and second derivatives (rows,) int64 of cells of weight w, target sum s and score f."""
        if self.name == "squared":
            return w * f - s, w
        one = 1 << self.bits
        p = _by_value(f, lambda score: min(max(round(sigmoid(score / one) * one), 1), one - 1))
        return w * p - s, w * ((p * (one - p) + one - 1) // one)

    def derivatives_sql(self, w: str, s: str, f: str) -> tuple[str, str, str]:
        """The same in SQL: an expression to be computed first and named p, then g and h of it."""
        if self.name == "squared":
            return "0", f"{w} * {f} - {s}", w
        one = 1 << self.bits
        p = sigmoid_sql(self._unit(f), POSTGRES)
        p = f"least(greatest(round(({p}) * {POSTGRES.number(one)})::bigint, 1), {one - 1})"
        return p, f"{w} * p - {s}", f"{w} * ((p * ({one} - p) + {one - 1}) / {one})"

    def loss(self, w: np.ndarray, s: np.ndarray, f: np.ndarray) -> int:
        """The loss of cells, up to a constant, in steps squared."""
        w, s, f = (column.astype(object) for column in (w, s, f))
        if self.name == "squared":
            return int((w * f * f - 2 * f * s).sum()) if len(f) else 0
        one = 1 << self.bits
        softplus = _by_value(f, lambda score: round(_softplus(score / one) * one)).astype(object)
        return int((w * softplus * one - f * s).sum()) if len(f) else 0

    def loss_sql(self, w: str, s: str, f: str) -> str:
        """The same in SQL, summed as NUMERIC."""
        if self.name == "squared":
            return f"sum({w}::numeric * {f} * {f} - 2 * {f}::numeric * {s})"
        one, x = 1 << self.bits, self._unit(f)
        number = POSTGRES.number
        log = f"ln({number(1.0)} + exp(-least(abs({x}), {number(CLAMP)})))"
        softplus = f"round((greatest({x}, {number(0.0)}) + {log}) * {number(one)})::bigint"
        return f"sum({w}::numeric * {softplus} * {one} - {f}::numeric * {s})"

    def _unit(self, f: str) -> str:
        return f"({f}::float8 / {POSTGRES.number(1 << self.bits)})"


def _softplus(x: float) -> float:
    return max(x, 0.0) + math.log(1.0 + math.exp(-min(abs(x), CLAMP)))


def _by_value(f: np.ndarray, function: Callable[[int], int]) -> np.ndarray:
    """`function` of each different score once, in plain Python."""
    values, places = np.unique(f.astype(np.int64), return_inverse=True)
    return np.array([function(value) for value in values.tolist()], dtype=np.int64)[places.reshape(-1)]


def loss_of(name: str | None, objective: str, bits: int) -> Loss:
    """The named loss, or the objective's usual one.

    Raises:
        InDatabaseError: a loss that the objective does not have.
    """
    allowed = ("squared",) if objective == "regression" else ("logistic", "squared")
    if name not in (None, *allowed):
        raise InDatabaseError(f"loss is {name!r} for a {objective} label; allowed: {', '.join(allowed)}.")
    return Loss(name or allowed[0], bits)
