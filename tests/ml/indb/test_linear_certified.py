"""NIST's eleven linear regression sets, measured by Postgres: at least 13 digits of what is certified.

Belongs here: certified numbers. Does not belong here: statistics NIST does not certify (`test_linear`).
"""

from __future__ import annotations

import math

import pytest

from ml.indb.cofactor_scan import measure
from ml.indb.columns import Number
from ml.indb.linear import least_squares
from tests.ml.indb.nist import Certified, certified
from warehouse.client import Warehouse

SETS = certified()
DIGITS = 13.0


def digits(value: float, expected: float) -> float:
    """Correct digits: the log relative error, or absolute where 0 is certified; at most 15."""
    error = abs(value - expected) / abs(expected) if expected else abs(value)
    return min(-math.log10(error), 15.0) if error else 15.0


def relation_of(wanted: Certified, type_name: str) -> tuple[str, list[str]]:
    """The set as a select; powers are formed by the database."""
    rows = ", ".join(f"({', '.join(f'{v}::{type_name}' for v in row)})" for row in wanted.rows)
    width = len(wanted.rows[0])
    source = f"(values {rows}) as t(y, {', '.join(f'c{at}' for at in range(1, width))})"
    if not wanted.power:
        return f"(select * from {source})", [f"c{at}" for at in range(1, width)]
    # A double's text is the decimal that NIST prints; a product of doubles would be rounded.
    x = "c1::text::numeric" if type_name == "float8" else "c1"
    powers = [" * ".join([x] * power) for power in range(1, wanted.power + 1)]
    listed = ", ".join(f"{power} as x{at}" for at, power in enumerate(powers, start=1))
    return f"(select y, {listed} from {source})", [f"x{at}" for at in range(1, wanted.power + 1)]


@pytest.mark.parametrize("type_name", ["numeric", "float8"])
@pytest.mark.parametrize("name", SETS)
def test_certified_digits(rows_wh: Warehouse, name: str, type_name: str):
    wanted = SETS[name]
    relation, features = relation_of(wanted, type_name)
    total = measure(rows_wh, relation, [Number("y"), *map(Number, features)]).total
    fit = least_squares(total, features, "y", intercept=wanted.intercept)
    got = [*fit.coefficients, *fit.standard_errors, fit.residual_deviation, fit.r_squared]
    expected = [*wanted.coefficients, *wanted.errors, wanted.deviation, wanted.r_squared]
    found = [digits(value, sure) for value, sure in zip(got, expected, strict=True)]
    assert min(found) >= DIGITS, list(zip(got, expected, found, strict=True))


def test_an_exact_fit_has_no_residual(rows_wh: Warehouse):
    relation, features = relation_of(SETS["Wampler1"], "numeric")
    fit = least_squares(
        measure(rows_wh, relation, [Number("y"), *map(Number, features)]).total, features, "y"
    )
    assert fit.exact == (1, 1, 1, 1, 1, 1)
    assert (fit.residual, fit.r_squared, fit.f_value, fit.f_p_value) == (0, 1.0, math.inf, 0.0)


def test_norris_analysis_of_variance(rows_wh: Warehouse):
    relation, features = relation_of(SETS["Norris"], "numeric")
    fit = least_squares(
        measure(rows_wh, relation, [Number("y"), *map(Number, features)]).total, features, "y"
    )
    assert digits(float(fit.total - fit.residual), 4255954.13232369) >= DIGITS
    assert digits(float(fit.residual), 26.6173985294224) >= DIGITS
    assert digits(fit.f_value, 5436385.54079785) >= DIGITS
