"""What a family makes of the linear predictors of one line: residuals, weights and log-likelihood, in SQL.

Softmax (two or more classes, the first is the base), Poisson and gamma with the logarithm as link. Columns
e0, e1, … are the predictors of a line; a family adds r0, … (how the log-likelihood changes with each), w0_0,
w0_1, … (how these change, negated), l (its log-likelihood up to a constant), q (its size, of which the
largest bounds the next step's sums) and o (whether it is too large to be summed, which refuses a step). No
exponent leaves the range in which Postgres does not raise.

Belongs here: families. Does not belong here: sums over lines (`ml.indb.glm_pass`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ml.document.dialect import POSTGRES

FARTHEST, FARTHEST_LOG = 1_000.0, 200.0
"""A step that takes a predictor beyond these, of a class and of a logarithm, is refused."""

LEAST = -100.0
"""Classes this far below the likeliest have probabilities of e^-100: nothing against a step of the sums."""

ROOM = 16.0
"""A step may raise the largest residual so many times."""

Stage = dict[str, str]
"""Names of columns and the expressions that make them of the columns before."""


@dataclass(frozen=True)
class Bounds:
    """The largest sizes of residuals, weights and log-likelihoods of a line."""

    residual: float
    weight: float
    likelihood: float


@dataclass(frozen=True)
class Softmax:
    """`margins` predictors for one class more. `n` the largest line."""

    margins: int
    n: float

    def start(self, weight: float, totals: Sequence[float]) -> list[float]:
        """Predictors where no feature counts."""
        base = weight - math.fsum(totals)
        return [math.log(total / base) for total in totals]

    def first_peak(self, weight: float, totals: Sequence[float]) -> float:
        return self.n

    def bounds(self, peak: float) -> Bounds:
        return Bounds(self.n, self.n, self.n * (2 * FARTHEST + 10.0))

    def stages(self, peak: float) -> list[Stage]:
        number, zero = POSTGRES.number, "'0'::float8"
        every = range(self.margins)
        top = f"greatest({', '.join([zero, *(f'e{at}' for at in every)])})"
        far = " or ".join(f"abs(e{at}) > {number(FARTHEST)}" for at in every)
        low = number(LEAST)
        weights = {f"u{at}": f"exp(greatest(e{at} - top, {low}))" for at in every}
        total = " + ".join(
            [f"exp(greatest(-top, {low}))", *(f"exp(greatest(e{at} - top, {low}))" for at in every)]
        )
        shares = {f"p{at}": f"u{at} / total" for at in every}
        made = {f"r{at}": f"s{at + 1} - n * p{at}" for at in every}
        for at in every:
            made[f"w{at}_{at}"] = f"n * p{at} * ((total - u{at}) / total)"
            made |= {f"w{at}_{to}": f"-(n * p{at} * p{to})" for to in range(at + 1, self.margins)}
        sums = " + ".join(f"s{at + 1} * (e{at})" for at in every)
        made["l"] = f"{sums} - n * (top + ln(total))"
        return [{"top": top, "o": far}, {**weights, "total": total, "q": "n"}, shares, made]


@dataclass(frozen=True)
class Logarithmic:
    """Poisson, or gamma with observed weights; `is_expected` gives the gamma family its expected ones."""

    is_gamma: bool
    n: float
    s: float
    is_expected: bool = False
    margins: int = 1

    def start(self, weight: float, totals: Sequence[float]) -> list[float]:
        return [math.log(totals[0] / weight)]

    def first_peak(self, weight: float, totals: Sequence[float]) -> float:
        return self.s * weight / totals[0] if self.is_gamma else self.s

    def most(self, peak: float) -> float:
        """The largest n · mean (Poisson) or s / mean (gamma) of a line that is taken."""
        return ROOM * max(peak, self.n if self.is_gamma else self.s)

    def bounds(self, peak: float) -> Bounds:
        most = self.most(peak)
        return Bounds(most, most, FARTHEST_LOG * (self.n if self.is_gamma else self.s) + most)

    def stages(self, peak: float) -> list[Stage]:
        number = POSTGRES.number
        sign = "-" if self.is_gamma else ""
        mean = f"exp(greatest(least({sign}e0, {number(FARTHEST_LOG)}), {number(-FARTHEST_LOG)}))"
        size = "s1 * m" if self.is_gamma else "n * m"
        if self.is_gamma:
            weight = "n" if self.is_expected else "s1 * m"
            made = {"r0": "s1 * m - n", "w0_0": weight, "l": "-(n * e0 + s1 * m)"}
        else:
            made = {"r0": "s1 - n * m", "w0_0": "n * m", "l": "s1 * e0 - n * m"}
        over = f"abs(e0) > {number(FARTHEST_LOG)} or {size} > {number(self.most(peak))}"
        return [{"m": mean}, {"o": over, "q": size}, made]


Family = Softmax | Logarithmic


def family_of(name: str, margins: int, largest: tuple[float, float], is_expected: bool = False) -> Family:
    """The family by its name, given the largest n and s of a line."""
    if name in ("poisson", "gamma"):
        return Logarithmic(name == "gamma", *largest, is_expected)
    return Softmax(margins, largest[0])
