"""What deviance, likelihood and AIC need beside the fit: sums of functions of single targets, and formulas.

Formulas and conventions are those of R's `glm`: the gamma family's likelihood takes deviance / rows as its
dispersion, and AIC counts the dispersion as one parameter there. Belongs here: these. Does not belong here:
the fit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from warehouse.client.dialect import POSTGRES

SHIFTED = 20
"""Below this the series of the logarithm of gamma is taken so many steps further on: right to 2e-15."""


@dataclass(frozen=True)
class Moment:
    """A function of one target that is summed over rows: its SQL, and its largest size."""

    sql: Callable[[str], str]
    most: float


@dataclass(frozen=True)
class Deviance:
    """`kernel` is the log-likelihood up to what the coefficients do not change."""

    deviance: float
    null_deviance: float
    log_likelihood: float
    aic: float


def moments_of(family: str, target: tuple[float, float]) -> list[Moment]:
    """The functions to sum for a family: the target's square last."""
    low, high = target
    if family == "poisson":
        entropy = max(_entropy(high), _entropy(low) if low else 0.0, 0.5)
        factorials = math.lgamma(high + 1.0) + 1.0
        return [
            Moment(lambda y: f"case when {y} > 0 then {y} * ln({y}) else 0 end", entropy),
            Moment(lambda y: log_gamma_sql(f"({y} + 1)"), factorials),
            Moment(_square, max(high * high, 1.0)),
        ]
    if family == "gamma":
        largest = max(abs(math.log(low)), abs(math.log(high)), 1e-3)
        return [Moment(lambda y: f"ln({y})", largest), Moment(_square, high * high)]
    return []


def _square(y: str) -> str:
    """Without underflow, which raises in Postgres."""
    return f"case when {y} < {POSTGRES.number(1e-50)} then 0 else {y} * {y} end"


def _entropy(y: float) -> float:
    return abs(y * math.log(y))


def log_gamma_sql(z: str) -> str:
    """ln Γ(z) of z from 1 on, by Stirling's series (Abramowitz and Stegun 6.1.41)."""
    number = POSTGRES.number
    product = " * ".join(f"({z} + {step})" for step in range(SHIFTED))
    far = f"({z} + {SHIFTED})"
    return (
        f"case when {z} < {SHIFTED} then {_stirling(far, number)} - ln({product}) "
        f"else {_stirling(z, number)} end"
    )


def _stirling(z: str, number: Callable[[float], str]) -> str:
    square, half = f"(1 / {z} / {z})", number(0.5 * math.log(2.0 * math.pi))
    series = f"{number(1 / 1260)} - {square} * {number(1 / 1680)}"
    series = f"({number(1 / 12)} - {square} * ({number(1 / 360)} - {square} * ({series}))) / {z}"
    return f"(({z} - 0.5) * ln({z}) - {z} + {half} + {series})"


def deviance_of(
    family: str, kernel: float, weight: float, totals: Sequence[float], moments: Sequence[float], count: int
) -> Deviance:
    """Of a fit with `count` coefficients on rows of `weight` in all; `totals` and `moments` as the table has
    them.
    """
    if family == "poisson":
        total = totals[0]
        null = total * math.log(total / weight) - total
        likelihood = kernel - moments[1]
        saturated = moments[0] - total
        return Deviance(
            2.0 * (saturated - kernel), 2.0 * (saturated - null), likelihood, 2.0 * (count - likelihood)
        )
    if family == "gamma":
        return _gamma(kernel, weight, totals[0], moments[0], count)
    shares = [weight - math.fsum(totals), *totals]
    null = math.fsum(share * math.log(share / weight) for share in shares)
    return Deviance(-2.0 * kernel, -2.0 * null, kernel, 2.0 * (count - kernel))


def _gamma(kernel: float, weight: float, total: float, logs: float, count: int) -> Deviance:
    null = -weight * (math.log(total / weight) + 1.0)
    deviance = max(-2.0 * (logs + kernel + weight), 0.0)
    if not deviance:
        return Deviance(0.0, -2.0 * (logs + null + weight), math.inf, -math.inf)
    shape = weight / deviance
    likelihood = (
        (shape - 1.0) * logs + shape * kernel - weight * (math.lgamma(shape) - shape * math.log(shape))
    )
    return Deviance(deviance, -2.0 * (logs + null + weight), likelihood, 2.0 * (count + 1 - likelihood))
