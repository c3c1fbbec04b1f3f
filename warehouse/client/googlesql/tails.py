"""Upper tails of chi-square and Kolmogorov, which the registry's schema holds as functions of Postgres' own
language (`ml.drift_functions`): here as expressions, for BigQuery's functions of SQL have no loops.

Belongs here: their GoogleSQL. Does not belong here: what is tested by them.

Method: of whole degrees of freedom the tail of chi-square is a finite sum of positive terms (Abramowitz and
Stegun, 26.4.4 and 26.4.5), begun for odd ones by erfc(sqrt(x / 2)), for which W. J. Cody's rational functions
stand (Math. Comp. 23, 1969); each term is the exponential of a sum of logarithms. Kolmogorov's two series are
those of Postgres' function, term by term.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from warehouse.client.googlesql.casts import casted, written
from warehouse.client.googlesql.kinds import FLOAT, INT, Rewrite, TranslationError, Typed

if TYPE_CHECKING:
    from sqlglot import exp

NEAR = (
    (1.85777706184603153e-1, 3.16112374387056560, 1.13864154151050156e2, 3.77485237685302021e2,
     3.20937758913846947e3),
    (1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3),
)  # fmt: skip
MIDDLE = (
    (2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594, 6.61191906371416295e1,
     2.98635138197400131e2, 8.81952221241769090e2, 1.71204761263407058e3, 2.05107837782607147e3,
     1.23033935479799725e3),
    (1.0, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2, 1.62138957456669019e3,
     3.29079923573345963e3, 4.36261909014324716e3, 3.43936767414372164e3, 1.23033935480374942e3),
)  # fmt: skip
FAR = (
    (1.63153871373020978e-2, 3.05326634961232344e-1, 3.60344899949804439e-1, 1.25781726111229246e-1,
     1.60837851487422766e-2, 6.58749161529837803e-4),
    (1.0, 2.56852019228982242, 1.87295284992346725, 5.27905102951428412e-1, 6.05183413124413191e-2,
     2.33520497626869185e-3),
)  # fmt: skip
"""Cody's coefficients, of the highest power first: of x² to 0.46875², of x to 4, of 1 / x² beyond."""


def _horner(coefficients: Sequence[float], x: str) -> str:
    first, *rest = map(repr, coefficients)
    text = first
    for one in rest:
        text = f"({text} * {x} + {one})"
    return text


def _ratio(of: tuple[Sequence[float], Sequence[float]], x: str) -> str:
    return f"{_horner(of[0], x)} / {_horner(of[1], x)}"


def _erfc_times_exp() -> str:
    """exp(z) erfc(sqrt(z)) of a positive z, whose root is s."""
    near = f"(1.0 - s * {_ratio(NEAR, 'z')}) * EXP(LEAST(z, 1.0))"
    far = f"({1 / math.sqrt(math.pi)!r} - {_ratio(FAR, '(1.0 / z)')} / z) / s"
    return f"CASE WHEN s <= 0.46875 THEN {near} WHEN s <= 4.0 THEN {_ratio(MIDDLE, 's')} ELSE {far} END"


# p positive terms behind the first; h = 1/2 for odd degrees. Arguments that have no logarithm are kept away
# from it, for the branches of a CASE may be evaluated beside one another.
CHI_SQUARE = (
    """
(SELECT CASE
    WHEN x IS NULL OR d IS NULL OR d < 1 THEN NULL WHEN IS_NAN(x) THEN x WHEN x <= 0.0 THEN 1.0
    WHEN IS_INF(x) THEN 0.0
    ELSE LEAST(1.0, IF(h = 0.0, 1.0, ERFC) * EXP(-z) + IFNULL((
        SELECT SUM(EXP(front + (SELECT SUM(LN(z) - LN(i - h)) FROM UNNEST(GENERATE_ARRAY(1, k)) AS i)))
        FROM UNNEST(GENERATE_ARRAY(1, p)) AS k), 0.0)) END
FROM (SELECT *, SQRT(z) AS s, IF(h = 0.0, -z, -z - 0.5 * LN(z) - HALF_LN_PI) AS front
    FROM (SELECT *, IF(x > 0.0 AND NOT IS_INF(x), x / 2.0, 1.0) AS z, IF(MOD(d, 2) = 1, 0.5, 0.0) AS h,
            IF(MOD(d, 2) = 1, DIV(d, 2), DIV(d, 2) - 1) AS p
        FROM (SELECT {x} AS x, {d} AS d))))
""".replace("ERFC", _erfc_times_exp())
    .replace("HALF_LN_PI", repr(math.log(math.pi) / 2))
    .strip()
)

KOLMOGOROV = (
    """
(SELECT CASE
    WHEN x IS NULL THEN NULL WHEN IS_NAN(x) THEN x WHEN x <= 0.05 THEN 1.0 WHEN x > 18.0 THEN 0.0
    WHEN x < 1.0 THEN 1.0 - ROOT_2_PI / z * (SELECT SUM(IF(e > 700.0, 0.0, EXP(-LEAST(e, 700.0)))) FROM (
        SELECT POW(2 * k - 1, 2) * PI_2 / (8.0 * z * z) AS e FROM UNNEST(GENERATE_ARRAY(1, 20)) AS k))
    ELSE LEAST(1.0, (SELECT SUM(IF(e > 700.0, 0.0, w * EXP(-LEAST(e, 700.0)))) FROM (
        SELECT IF(MOD(k, 2) = 1, 2.0, -2.0) AS w, 2.0 * k * k * z * z AS e
        FROM UNNEST(GENERATE_ARRAY(1, 20)) AS k))) END
FROM (SELECT x, IF(x > 0.05 AND x <= 18.0, x, 1.0) AS z FROM (SELECT {x} AS x)))
""".replace("ROOT_2_PI", repr(math.sqrt(2 * math.pi)))
    .replace("PI_2", repr(math.pi**2))
    .strip()
)


def of_schema(node: exp.Dot, of: Rewrite) -> Typed:
    """`ml.chi_square_sf(x, degrees_of_freedom)` and `ml.kolmogorov_sf(x)`."""
    name = f"{node.this.name}.{node.expression.name}".lower()
    given = [of(one) for one in node.expression.expressions] if node.expression.key == "anonymous" else []
    if name == "ml.chi_square_sf" and len(given) == 2:
        parts: dict[str, Any] = {"x": casted(given[0], FLOAT).sql, "d": casted(given[1], INT).sql}
        return Typed(written(CHI_SQUARE, **parts), FLOAT)
    if name == "ml.kolmogorov_sf" and len(given) == 1:
        return Typed(written(KOLMOGOROV, x=casted(given[0], FLOAT).sql), FLOAT)
    raise TranslationError(
        f"{node.sql('postgres')[:80]} has no translation; allowed: ml.chi_square_sf(x, n), "
        "ml.kolmogorov_sf(x)."
    )


def tails() -> dict[type, Any]:
    """By sqlglot's class, who translates it."""
    from sqlglot import exp

    return {exp.Dot: of_schema}
