"""The second scan of robust errors where a NUMERIC ends after 38 digits behind the point (BigQuery).

Postgres' NUMERIC has no such end, so `ml.indb.robust` multiplies values as they are. Here each column is
first moved behind the point, by a power of ten that leaves it below one, and kept to 18 digits, which is
all of a double; the residual is moved so that its deviation is about one. Products are rounded at 20
digits. So a sum's error is about 1e-20 of its largest term, in whatever order the rows come. Belongs here:
that scan. Does not belong here: what is made of its sums (`ml.indb.robust`).
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

from warehouse.client.dialect import POSTGRES

if TYPE_CHECKING:
    from ml.indb.linear import LeastSquares
    from warehouse.client import Warehouse

VALUE, REST = 18, 20
"""Digits behind the point of a column and of what it is multiplied with: 38 together."""
RESIDUAL = 19
"""Of a residual, which is squared."""


def scaled_sums(
    wh: Warehouse, fit: LeastSquares, columns: Sequence[str], target: str, relation: str, kind: str
) -> tuple[int, list[Fraction] | None]:
    """Rows, and the sums of weighted products of each pair of columns in their own units, the upper half
    row by row; None where a row has no weight. `columns` and `target` are SQL over `r`, a row of
    `relation`.

    Raises:
        TranslationError: a value of more digits than are kept.
    """
    names = [f"x{at}" for at in range(len(columns))]
    listed = [f"{sql} as {name}" for sql, name in zip([*columns, target], [*names, "y"], strict=True)]
    rows = f"(select {', '.join(listed)} from {relation} as r {POSTGRES.fence})"
    powers = _powers(wh, rows, [*names, "y"])
    moved = [
        f"round({_moved(name, -power)}, {VALUE}) as {name}"
        for name, power in zip([*names, "y"], powers, strict=True)
    ]
    spread = _power_of(fit.residual / fit.rows, halved=True)
    source = f"(select {', '.join(moved)} from {rows} as s {POSTGRES.fence})"
    row = wh.query(_sandwich(fit, names, powers, spread, source, kind))[0]
    if row["weights"] != row["rows"]:
        return row["rows"], None
    found, place = [], 0
    for i in range(len(names)):
        for j in range(i, len(names)):
            found.append(Fraction(row[f"s{place}"]) * _ten(2 * spread + powers[i] + powers[j]))
            place += 1
    return row["rows"], found


def _powers(wh: Warehouse, rows: str, names: Sequence[str]) -> list[int]:
    """For each column the power of ten above all its values."""
    largest = ", ".join(f"max(abs({name})) as {name}" for name in names)
    found = wh.query(f"select {largest} from {rows} as s")[0]
    return [_power_of(Fraction(found[name] or 0)) for name in names]


def _sandwich(
    fit: LeastSquares, names: Sequence[str], powers: Sequence[int], spread: int, source: str, kind: str
) -> str:
    *own, of_target = powers
    fitted = "".join(
        f" - {_number(value * _ten(power - of_target))} * {name}"
        for value, power, name in zip(fit.exact, own, names, strict=True)
    )
    lever = " + ".join(
        f"{name} * round({_weighted(fit, names, own, at)}, {REST})" for at, name in enumerate(names)
    )
    lever = lever if kind in ("HC2", "HC3") else "0"
    left = {"HC2": f"round(1 - h, {VALUE})", "HC3": f"round(1 - h, {VALUE}) * round(1 - h, {VALUE})"}
    square = "e * e" if kind not in left else f"e * e / nullif({left[kind]}, 0)"
    pairs = [(i, j) for i in range(len(names)) for j in range(i, len(names))]
    sums = ", ".join(
        f"sum(round(w * {names[i]}, {REST}) * {names[j]}) as s{place}" for place, (i, j) in enumerate(pairs)
    )
    listed, moved = ", ".join(names), _moved(f"(y{fitted})", of_target - spread)
    return (
        f"select count(*) as rows, count(w) as weights, {sums} from (\n"
        f"select round({square}, {REST}) as w, {listed} from (\n"
        f"select round({moved}, {RESIDUAL}) as e, {lever} as h, {listed} from {source} as s "
        f"{POSTGRES.fence}) as s {POSTGRES.fence}) as s"
    )


def _weighted(fit: LeastSquares, names: Sequence[str], powers: Sequence[int], at: int) -> str:
    """One row of the inverse times the columns."""
    return " + ".join(
        f"{_number(fit.inverse[at][other] * _ten(powers[at] + powers[other]))} * {name}"
        for other, name in enumerate(names)
    )


def _moved(sql: str, power: int) -> str:
    """A number times a power of ten."""
    return sql if not power else f"{sql} * {_number(_ten(power))}"


def _number(value: Fraction) -> str:
    """A literal with the digits that a factor may have."""
    whole = round(value * 10**REST)
    digits = str(abs(whole)).rjust(REST + 1, "0")
    return f"({'-' if whole < 0 else ''}{digits[:-REST]}.{digits[-REST:]})"


def _power_of(value: Fraction, halved: bool = False) -> int:
    """The least power of ten above a number that is not negative, or above its root."""
    power = len(str(value.numerator)) - len(str(value.denominator)) + 1 if value else 0
    return -(-power // 2) if halved else power


def _ten(power: int) -> Fraction:
    return Fraction(10) ** power
