"""Least squares from cofactors: coefficients, their errors and tests, without a digit lost before the end.

The normal equations are solved in fractions, so the condition of the data costs no digits: what float solvers
lose to it, this does not have to lose. Only the printed numbers are rounded, each once. (Beyond 40 columns
the fractions are right to 33 digits, `ml.indb.rational`.)

Belongs here: ordinary least squares and its statistics. Does not belong here: penalties
(`ml.indb.elastic_net`), robust errors (`ml.indb.robust`), the document (`ml.indb.linear_document`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from ml.indb.cofactors import Cofactors
from ml.indb.design import Design, Term, design_of, refuse_constant, terms_of
from ml.indb.errors import InDatabaseError
from ml.indb.moments import refuse_beyond
from ml.indb.rational import Solved, nearest, solve, square_root

INTERCEPT = "intercept"


@dataclass(frozen=True)
class LeastSquares:
    """A fit on `rows` rows. `exact` (k,) holds the coefficients as fractions in the order of `names`, the
    intercept first where there is one; `inverse` (k, k) of the cross products; `residual` and `total` are
    sums of squares, the total about the mean only with an intercept. With a `weight`, rows and sums are
    weighted, and `counted` rows decide the degrees of freedom, where they are not None.
    """

    terms: tuple[Term, ...]
    target: str
    references: dict[str, str | None]
    rows: int
    has_intercept: bool
    exact: tuple[Fraction, ...]
    inverse: tuple[tuple[Fraction, ...], ...]
    residual: Fraction
    total: Fraction
    counted: int | None = None
    weight: str | None = None

    @property
    def names(self) -> list[str]:
        first = [INTERCEPT] if self.has_intercept else []
        return [*first, *(term.name for term in self.terms)]

    @property
    def coefficients(self) -> list[float]:
        return [nearest(value) for value in self.exact]

    @property
    def degrees(self) -> int:
        """Degrees of freedom of the residuals: rows less coefficients."""
        return self.observations - len(self.exact)

    @property
    def observations(self) -> int:
        return self.rows if self.counted is None else self.counted

    @property
    def residual_deviation(self) -> float:
        """The standard deviation of the residuals; NaN without degrees of freedom."""
        return square_root(self.residual / self.degrees) if self.degrees else math.nan

    @property
    def standard_errors(self) -> list[float]:
        if not self.degrees:
            return [math.nan] * len(self.exact)
        variance = self.residual / self.degrees
        return [square_root(variance * row[at]) for at, row in enumerate(self.inverse)]

    @property
    def t_values(self) -> list[float]:
        return _ratios(self.coefficients, self.standard_errors)

    @property
    def p_values(self) -> list[float]:
        """Two-sided, by Student's t."""
        return student(self.t_values, self.degrees)

    def intervals(self, level: float = 0.95) -> list[tuple[float, float]]:
        """Confidence intervals of the coefficients at `level`."""
        return intervals_of(self.coefficients, self.standard_errors, self.degrees, level)

    def table(self, level: float = 0.95) -> list[dict[str, float | str]]:
        """One dict a coefficient: name, coefficient, standard_error, t, p, low, high."""
        columns = zip(
            self.names, self.coefficients, self.standard_errors, self.t_values, self.p_values,
            self.intervals(level), strict=True,
        )  # fmt: skip
        return [
            {
                "name": name,
                "coefficient": b,
                "standard_error": error,
                "t": t,
                "p": p,
                "low": low,
                "high": high,
            }
            for name, b, error, t, p, (low, high) in columns
        ]

    @property
    def r_squared(self) -> float:
        return nearest(1 - self.residual / self.total)

    @property
    def adjusted_r_squared(self) -> float:
        free = self.observations - (1 if self.has_intercept else 0)
        return nearest(1 - self.residual / self.total * free / self.degrees) if self.degrees else math.nan

    @property
    def f_value(self) -> float:
        """Of all terms against none; infinite where nothing is left over."""
        if not self.degrees:
            return math.nan
        if not self.residual:
            return math.inf
        return nearest((self.total - self.residual) / len(self.terms) / (self.residual / self.degrees))

    @property
    def f_p_value(self) -> float:
        from scipy.special import fdtrc

        return float(fdtrc(len(self.terms), self.degrees, self.f_value)) if self.degrees else math.nan


def least_squares(
    cofactors: Cofactors, features: Iterable[str], target: str, *, intercept: bool = True
) -> LeastSquares:
    """Fit the target on numbers and categories that were measured.

    Raises:
        InDatabaseError: a column that is constant or made up by others, too few rows, a name that was not
            measured, a target that some rows lack, or a coefficient beyond doubles.
    """
    terms, references = terms_of(cofactors, features)
    design = design_of(cofactors, terms, target, references)
    if intercept:
        refuse_constant(design)
    needed = len(terms) + int(intercept)
    if cofactors.observations < needed:
        raise InDatabaseError(
            f"{cofactors.observations} rows for {needed} coefficients; allowed: at least as many rows. Widen "
            "the window, or use fewer features."
        )
    solved = _solved(design, intercept)
    refuse_dependent(design, solved.dependent, intercept)
    fit = _fit(design, solved, intercept)
    refuse_beyond(fit.names, fit.exact)
    return fit


def _solved(design: Design, intercept: bool) -> Solved:
    count = len(design.terms)
    rows = [list(row[:count]) for row in design.products[:count]]
    right = [[row[count]] for row in design.products[:count]]
    if intercept:
        rows = [[design.rows, *design.sums[:count]]] + [
            [total, *row] for total, row in zip(design.sums, rows, strict=False)
        ]
        right = [[design.sums[count]], *right]
    return solve(rows, right)


def refuse_dependent(design: Design, dependent: dict[int, dict[int, Fraction]], intercept: bool) -> None:
    """
    Raises:
        InDatabaseError: a column equals a sum of others in every row; says which sum.
    """
    names = (["1"] if intercept else []) + [term.name for term in design.terms]
    scales = ([1] if intercept else []) + list(design.scales[: len(design.terms)])
    for place, weights in dependent.items():
        raise InDatabaseError(dependency(names, scales, place, weights, f"all {design.rows} rows"))


def dependency(
    names: Sequence[str], scales: Sequence[int], place: int, weights: Mapping[int, Fraction], rows: str
) -> str:
    """The words for a column that is a weighted sum of others; the weights are in steps of `scales`."""
    sizes = {at: nearest(weight * scales[at] / scales[place]) for at, weight in weights.items()}
    made = " + ".join(f"{size!r} · {names[at]}" for at, size in sizes.items()) or "0"
    return (
        f"column {names[place]!r} equals {made} in {rows}, so their coefficients cannot be told apart; "
        f"allowed: columns of which none follows from others. Leave out {names[place]!r}."
    )


def _fit(design: Design, solved: Solved, intercept: bool) -> LeastSquares:
    scales = ([1] if intercept else []) + list(design.scales[:-1])
    unit, count = design.scales[-1], len(design.terms)
    steps = [Fraction(row[0], solved.denominator) for row in solved.solutions]
    sums = ([design.sums[count]] if intercept else []) + [row[count] for row in design.products[:count]]
    square = design.products[count][count]
    residual = square - sum((b * s for b, s in zip(steps, sums, strict=True)), start=Fraction(0))
    total = square - (Fraction(design.sums[count] ** 2, design.rows) if intercept else 0)
    inverse = [
        tuple(Fraction(v * scales[i] * scales[j], solved.denominator) for j, v in enumerate(row))
        for i, row in enumerate(solved.inverse)
    ]
    exact = tuple(step * scale / unit for step, scale in zip(steps, scales, strict=True))
    return LeastSquares(
        design.terms, design.target, design.references, design.rows, intercept, exact, tuple(inverse),
        max(residual, Fraction(0)) / unit**2, Fraction(total) / unit**2, design.counted, design.weight,
    )  # fmt: skip


def _ratios(values: list[float], errors: list[float]) -> list[float]:
    return [
        value / error if error else math.copysign(math.inf, value) if value else math.nan
        for value, error in zip(values, errors, strict=True)
    ]


def student(t_values: list[float], degrees: int) -> list[float]:
    """Two-sided p-values of t-values."""
    from scipy.special import stdtr

    return [2.0 * float(stdtr(degrees, -abs(t))) if degrees else math.nan for t in t_values]


def intervals_of(
    values: list[float], errors: list[float], degrees: int, level: float
) -> list[tuple[float, float]]:
    """value ± error · quantile of Student's t.

    Raises:
        InDatabaseError: a level outside (0, 1).
    """
    from scipy.special import stdtrit

    if not 0.0 < level < 1.0:
        raise InDatabaseError(f"confidence level is {level!r}; allowed: between 0 and 1.")
    wide = float(stdtrit(degrees, 0.5 + level / 2)) if degrees else math.nan
    return [(value - wide * error, value + wide * error) for value, error in zip(values, errors, strict=True)]
