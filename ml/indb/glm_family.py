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

from warehouse.client.dialect import POSTGRES

FARTHEST = 1_000.0
"""A step is refused that makes a line's own target as unlikely as e to the power of minus this."""

MOST_LOG = 200.0
"""Logarithms of means are held within this where they enter exp."""

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
        return Bounds(self.n, self.n, self.n * (FARTHEST + 10.0))

    def stages(self, peak: float) -> list[Stage]:
        return _two_classes() if self.margins == 1 else _classes(self.margins)


def _two_classes() -> list[Stage]:
    """The shorter way of two classes: u is the odds of the less likely one."""
    far, low = POSTGRES.number(FARTHEST), POSTGRES.number(-LEAST)
    # Weights leave a base class that no row has at rounding's size.
    base = f"n - s1 > n * {POSTGRES.number(1e-12)}"
    first = {
        "u": f"exp(-least(abs(e0), {low}))",
        "o": f"(s1 > 0 and e0 < -{far}) or ({base} and e0 > {far})",
    }
    made = {
        "r0": "s1 - n * ((case when e0 < 0 then u else '1'::float8 end) / (1 + u))",
        "w0_0": "n * (u / (1 + u) / (1 + u))",
        "l": f"case when e0 < 0 then s1 * e0 when {base} then (n - s1) * -e0 else 0 end - n * ln(1 + u)",
        "q": "n",
    }
    return [first, made]


def _classes(margins: int) -> list[Stage]:
    number, every, low = POSTGRES.number, range(margins), POSTGRES.number(LEAST)
    top = f"greatest({', '.join([number(0.0), *(f'e{at}' for at in every)])})"
    base = " - ".join(["n", *(f"s{at + 1}" for at in every)])
    away = {"away": "-top", **{f"away{at}": f"e{at} - top" for at in every}}
    has = {"away": f"base > n * {number(1e-12)}", **{f"away{at}": f"s{at + 1} > 0" for at in every}}
    over = " or ".join(f"({is_there} and {name} < {number(-FARTHEST)})" for name, is_there in has.items())
    shares = {f"u{at}": f"exp(greatest(away{at}, {low}))" for at in every}
    made = {f"r{at}": f"s{at + 1} - n * p{at}" for at in every}
    for at in every:
        made[f"w{at}_{at}"] = f"n * p{at} * ((total - u{at}) / total)"
        made |= {f"w{at}_{to}": f"-(n * p{at} * p{to})" for to in range(at + 1, margins)}
    sums = [f"case when {has['away']} then base * away else 0 end"]
    sums += [f"case when s{at + 1} > 0 then s{at + 1} * away{at} else 0 end" for at in every]
    made |= {"l": f"{' + '.join(sums)} - n * ln(total)", "q": "n"}
    total = " + ".join([f"exp(greatest(away, {low}))", *shares])
    return [
        {"top": top, "base": base}, away, {"o": over, **shares}, {"total": total},
        {f"p{at}": f"u{at} / total" for at in every}, made,
    ]  # fmt: skip


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
        return Bounds(most, most, FARTHEST * (self.n if self.is_gamma else self.s) + most)

    def stages(self, peak: float) -> list[Stage]:
        number = POSTGRES.number
        sign = "-" if self.is_gamma else ""
        mean = f"exp(greatest(least({sign}e0, {number(MOST_LOG)}), {number(-MOST_LOG)}))"
        most, far = number(self.most(peak)), number(FARTHEST)
        if self.is_gamma:
            weight = "n" if self.is_expected else "s1 * m"
            made = {"r0": "s1 * m - n", "w0_0": weight, "l": "-(n * e0 + s1 * m)"}
            size, over = "s1 * m", f"abs(e0) > {far}"
        else:
            target = "case when s1 > 0 then s1 * e0 else 0 end"
            made = {"r0": "s1 - n * m", "w0_0": "n * m", "l": f"{target} - n * m"}
            size, over = "n * m", f"e0 > {number(MOST_LOG)} or (s1 > 0 and e0 < -{far})"
        return [{"m": mean}, {"o": f"{over} or {size} > {most}"}, {**made, "q": size}]


Family = Softmax | Logarithmic


def family_of(name: str, margins: int, largest: tuple[float, float], is_expected: bool = False) -> Family:
    """The family by its name, given the largest n and s of a line."""
    if name in ("poisson", "gamma"):
        return Logarithmic(name == "gamma", *largest, is_expected)
    return Softmax(margins, largest[0])
