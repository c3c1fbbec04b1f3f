"""Errors of a least-squares fit that hold without equal variances: HC0 to HC3, from a second scan.

The first scan cannot give them: they weight each row by its own residual, and HC2 and HC3 by its leverage,
which are known only after the fit. Residuals and leverages are NUMERIC, so the sums are again the same in any
order of rows. MacKinnon and White (1985) name the four.

Belongs here: the second scan and the sandwich. Does not belong here: the fit (`ml.indb.linear`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from ml.indb.columns import Number, encoded
from ml.indb.design import Term
from ml.indb.errors import InDatabaseError
from ml.indb.linear import LeastSquares, intervals_of, student
from ml.indb.rational import square_root
from ml.indb.robust_scaled import scaled_sums
from warehouse.client.dialect import POSTGRES

if TYPE_CHECKING:
    from warehouse.client import Warehouse

KINDS = ("HC0", "HC1", "HC2", "HC3")
DIGITS = 40
"""Decimals of a literal in the SQL: far beyond a double's."""

MOST_COLUMNS = 60
"""Its leverage has so many columns squared in terms, for each row."""


@dataclass(frozen=True)
class RobustErrors:
    """`standard_errors` in the order of the fit's names, with their t- and p-values and intervals."""

    kind: str
    fit: LeastSquares
    standard_errors: list[float]

    @property
    def t_values(self) -> list[float]:
        return [
            value / error if error else math.nan
            for value, error in zip(self.fit.coefficients, self.standard_errors, strict=True)
        ]

    @property
    def p_values(self) -> list[float]:
        """Two-sided, by Student's t with the fit's degrees of freedom."""
        return student(self.t_values, self.fit.degrees)

    def intervals(self, level: float = 0.95) -> list[tuple[float, float]]:
        """Confidence intervals at `level`."""
        return intervals_of(self.fit.coefficients, self.standard_errors, self.fit.degrees, level)


def robust_errors(
    wh: Warehouse,
    relation: str,
    numbers: Iterable[Number],
    types: Mapping[str, str],
    fit: LeastSquares,
    kind: str = "HC3",
) -> RobustErrors:
    """Errors of `fit` on the rows it was fitted on; `numbers` and `types` as they were measured.

    Raises:
        InDatabaseError: an unknown kind, a fit with weights, no degrees of freedom, too many columns, other
            rows than the fit's, or for HC2 and HC3 a row that alone decides a coefficient.
    """
    if kind not in KINDS:
        raise InDatabaseError(f"kind of robust errors is {kind!r}; allowed: {', '.join(KINDS)}.")
    if not fit.degrees or len(fit.exact) > MOST_COLUMNS:
        raise InDatabaseError(
            f"robust errors of {len(fit.exact)} coefficients on {fit.rows} rows; allowed: up to "
            f"{MOST_COLUMNS} coefficients, fewer than rows. Use fewer features, or the fit's own errors."
        )
    if fit.weight is not None:
        raise InDatabaseError(
            f"robust errors of a fit with weight {fit.weight!r} are not offered; allowed: fits without one. "
            "Use the fit's own errors."
        )
    named = {number.name: number for number in numbers}
    target = _value(Term("number", fit.target), named, types)
    rows, sums = _sums(wh, fit, _columns(fit, named, types), target, relation, kind)
    if rows != fit.rows or sums is None:
        raise InDatabaseError(
            f"the relation has {rows} rows, the fit had {fit.rows}, or one row alone decides a "
            "coefficient, which HC2 and HC3 cannot weight. Fit again, or take HC1."
        )
    factor = Fraction(fit.rows, fit.degrees) if kind == "HC1" else Fraction(1)
    return RobustErrors(kind, fit, _errors(fit, [value * factor for value in sums]))


def _sums(
    wh: Warehouse, fit: LeastSquares, columns: list[str], target: str, relation: str, kind: str
) -> tuple[int, list[Fraction] | None]:
    if wh.dialect == "bigquery":
        return scaled_sums(wh, fit, columns, target, relation, kind)
    row = wh.query(_sandwich_sql(fit, columns, target, relation, kind))[0]
    known = None not in row["sums"]
    return row["rows"], [Fraction(text) for text in row["sums"]] if known else None


def _columns(fit: LeastSquares, numbers: Mapping[str, Number], types: Mapping[str, str]) -> list[str]:
    """Each column of the fit as NUMERIC in its own unit."""
    found = ["1::numeric"] if fit.has_intercept else []
    return found + [_value(term, numbers, types) for term in fit.terms]


def _value(term: Term, numbers: Mapping[str, Number], types: Mapping[str, str]) -> str:
    x = f"r.{POSTGRES.name_of(term.column)}"
    if term.kind == "level":
        is_level = f"{x} is null" if term.level is None else f"{x}::text = {POSTGRES.text(term.level)}"
        return f"case when {is_level} then 1 else 0 end::numeric"
    parts = encoded(numbers[term.column], types[term.column], x)
    part = parts[1] if term.kind == "missing" else parts[0]
    return f"({part.sql})::numeric * {_decimal(Fraction(1, 10 ** (part.decimals or 0)))}"


def _sandwich_sql(fit: LeastSquares, columns: list[str], target: str, relation: str, kind: str) -> str:
    count = len(columns)
    names = [f"x{at}" for at in range(count)]
    listed = ", ".join(f"{sql} as {name}" for sql, name in zip(columns, names, strict=True))
    residual = " - ".join(
        ["y", *(f"{_decimal(value)} * {name}" for value, name in zip(fit.exact, names, strict=True))]
    )
    lever = " + ".join(
        f"{_decimal(fit.inverse[i][j] * (1 if i == j else 2))} * {names[i]} * {names[j]}"
        for i in range(count)
        for j in range(i, count)
    )
    left = "round(1 - h, 30)"
    weight = {"HC2": f"e * e / nullif({left}, 0)", "HC3": f"e * e / nullif({left} * {left}, 0)"}
    lever = lever if kind in weight else "0"
    sums = ", ".join(f"sum(w * {names[i]} * {names[j]})::text" for i in range(count) for j in range(i, count))
    # A row without a weight would be left out of a sum in silence.
    whole = "case when count(w) = count(*) then"
    return (
        f"select count(*) as rows, {whole} array[{sums}] else array[null]::text[] end as sums from (\n"
        f"select {weight.get(kind, 'e * e')} as w, {', '.join(names)} from (\n"
        f"select {residual} as e, {lever} as h, {', '.join(names)} from (\n"
        f"select {target} as y, {listed} from {relation} as r {POSTGRES.fence}) as s "
        f"{POSTGRES.fence}) as s {POSTGRES.fence}) as s"
    )


def _decimal(value: Fraction) -> str:
    """A literal with 40 digits behind the first that counts."""
    if not value:
        return "0::numeric"
    size = len(str(abs(value.numerator))) - len(str(value.denominator))
    places = max(DIGITS - size, 0)
    whole = round(value * 10**places)
    text = str(abs(whole)).rjust(places + 1, "0")
    head, tail = (text[:-places], text[-places:]) if places else (text, "0")
    return f"({'-' if whole < 0 else ''}{head}.{tail})"


def _errors(fit: LeastSquares, sums: list[Fraction]) -> list[float]:
    """Roots of the diagonal of inverse · sums · inverse."""
    count = len(fit.exact)
    middle, place = [[Fraction(0)] * count for _ in range(count)], 0
    for i in range(count):
        for j in range(i, count):
            middle[i][j] = middle[j][i] = sums[place]
            place += 1
    found = []
    for row in fit.inverse:
        half = [sum(row[i] * middle[i][j] for i in range(count)) for j in range(count)]
        found.append(square_root(sum(h * v for h, v in zip(half, row, strict=True))))
    return found
