"""Statistics of least squares against other libraries, and the refusals of fits.

Belongs here: coefficients, errors, tests, intervals, robust errors. Does not belong here: NIST's sets
(`test_linear_certified`).
"""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest

from ml.indb.cofactor_scan import Measured, measure
from ml.indb.columns import Category, Number
from ml.indb.errors import InDatabaseError
from ml.indb.linear import LeastSquares, least_squares
from ml.indb.robust import robust_errors
from tests.ml.indb.sample import CATEGORIES, FEATURES, NUMBERS, matrix, sample
from warehouse.client import Warehouse

CLOSE = 1e-10


@pytest.fixture(scope="module")
def table() -> pa.Table:
    return sample()


@pytest.fixture(scope="module")
def measured(rows_wh: Warehouse, table: pa.Table) -> Measured:
    rows_wh.load_arrow("public", "fitted", table, "create")
    return measure(rows_wh, "fitted", NUMBERS, CATEGORIES)


@pytest.fixture(scope="module")
def fit(measured: Measured) -> LeastSquares:
    return least_squares(measured.total, FEATURES, "y")


def columns_of(fit: LeastSquares, table: pa.Table) -> np.ndarray:
    x = matrix(table, [term.name for term in fit.terms])
    return np.column_stack([np.ones(len(x)), x])


def test_coefficients_and_errors_are_those_of_qr(fit: LeastSquares, table: pa.Table):
    x, y = columns_of(fit, table), table.column("y").to_numpy()
    q, r = np.linalg.qr(x)
    values = np.linalg.solve(r, q.T @ y)
    left = y - x @ values
    inverse = np.linalg.inv(r)
    errors = np.sqrt((inverse**2).sum(axis=1) * (left @ left) / (len(y) - len(values)))
    assert np.allclose(fit.coefficients, values, rtol=CLOSE, atol=CLOSE)
    assert np.allclose(fit.standard_errors, errors, rtol=CLOSE)
    total = ((y - y.mean()) ** 2).sum()
    assert fit.r_squared == pytest.approx(1 - left @ left / total, rel=CLOSE)
    spare = (len(y) - 1) / (len(y) - len(values))
    assert fit.adjusted_r_squared == pytest.approx(1 - left @ left / total * spare, rel=CLOSE)
    assert fit.degrees == len(y) - len(values)


def test_the_most_frequent_category_is_the_reference(fit: LeastSquares):
    assert fit.references["shape"] == "round"
    assert "shape=(missing)" in fit.names and "shape=round" not in fit.names
    assert "age__is_missing" in fit.names


def test_one_feature_is_scipys(measured: Measured, table: pa.Table):
    from scipy import stats

    line = stats.linregress(table.column("price").to_numpy(), table.column("y").to_numpy())
    fit = least_squares(measured.total, ["price"], "y")
    assert fit.coefficients == pytest.approx([line.intercept, line.slope], rel=CLOSE)
    assert fit.standard_errors == pytest.approx([line.intercept_stderr, line.stderr], rel=CLOSE)
    assert fit.p_values[1] == pytest.approx(line.pvalue, rel=1e-8)
    assert fit.f_p_value == pytest.approx(line.pvalue, rel=1e-8)
    assert fit.f_value == pytest.approx(fit.t_values[1] ** 2, rel=CLOSE)
    wide = stats.t.ppf(0.95, table.num_rows - 2) * line.stderr
    assert fit.intervals(0.9)[1] == pytest.approx((line.slope - wide, line.slope + wide), rel=CLOSE)


@pytest.mark.parametrize("kind", ["HC0", "HC1", "HC2", "HC3"])
def test_robust_errors_are_the_sandwich(
    rows_wh: Warehouse, measured: Measured, fit: LeastSquares, table: pa.Table, kind: str
):
    x, y = columns_of(fit, table), table.column("y").to_numpy()
    inverse = np.linalg.inv(x.T @ x)
    left = (y - x @ np.array(fit.coefficients)) ** 2
    lever = np.einsum("ij,jk,ik->i", x, inverse, x)
    power = {"HC2": 1, "HC3": 2}.get(kind, 0)
    weight = left / (1 - lever) ** power * (len(y) / fit.degrees if kind == "HC1" else 1)
    expected = np.sqrt(np.diag(inverse @ (x.T * weight) @ x @ inverse))
    found = robust_errors(rows_wh, "fitted", NUMBERS, measured.types, fit, kind)
    assert np.allclose(found.standard_errors, expected, rtol=1e-7)
    assert min(found.p_values) >= 0.0 and max(found.p_values) <= 1.0
    low, high = found.intervals()[1]
    assert low < fit.coefficients[1] < high


def test_robust_errors_are_refused_for_other_rows(rows_wh: Warehouse, measured: Measured, fit: LeastSquares):
    with pytest.raises(InDatabaseError, match="kind of robust errors is 'HC9'; allowed: HC0"):
        robust_errors(rows_wh, "fitted", NUMBERS, measured.types, fit, "HC9")
    with pytest.raises(InDatabaseError, match="has 100 rows, the fit had 240"):
        robust_errors(rows_wh, "(select * from fitted where id < 100)", NUMBERS, measured.types, fit)


COLLINEAR = (
    "(select i as a, i * i as b, 3 * i - 2 * i * i + 5 as c, i % 7 as y from generate_series(1, 30) as i)"
)


def test_a_column_that_follows_from_others_is_named(rows_wh: Warehouse):
    total = measure(rows_wh, COLLINEAR, [Number(name) for name in "abcy"]).total
    with pytest.raises(InDatabaseError) as caught:
        least_squares(total, ["a", "b", "c"], "y")
    assert "column 'c' equals 5.0 · 1 + 3.0 · a + -2.0 · b in all 30 rows" in str(caught.value)
    assert "Leave out 'c'" in str(caught.value)


def test_two_categories_that_say_the_same_are_named(rows_wh: Warehouse):
    source = """(select i % 3 as y, (array['x', 'y', 'z'])[i % 3 + 1] as one,
                 (array['p', 'q', 'r'])[i % 3 + 1] as two from generate_series(1, 30) as i)"""
    total = measure(rows_wh, source, [Number("y")], [Category("one"), Category("two")]).total
    with pytest.raises(InDatabaseError, match="column 'two=q' equals 1.0 · one=y in all 30 rows"):
        least_squares(total, ["one", "two"], "y")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("select 4 as a, i as y from generate_series(1, 9) as i", r"one value in all 9 rows: 'a' \(4.0\)"),
        ("select i as a, 2 as y from generate_series(1, 9) as i", r"one value in all 9 rows: 'y' \(2.0\)"),
        ("select 1 as a, 1 as y", "one value in all 1 rows"),
    ],
)
def test_constant_columns_are_named(rows_wh: Warehouse, source: str, message: str):
    total = measure(rows_wh, f"({source})", [Number("a"), Number("y")]).total
    with pytest.raises(InDatabaseError, match=message):
        least_squares(total, ["a"], "y")


def test_a_category_with_one_value_is_named(rows_wh: Warehouse):
    source = "(select 'a' as c, i as y from generate_series(1, 9) as i)"
    total = measure(rows_wh, source, [Number("y")], [Category("c")]).total
    with pytest.raises(InDatabaseError, match="category 'c' is 'a' in all 9 rows"):
        least_squares(total, ["c"], "y")


def test_other_refusals(rows_wh: Warehouse):
    source = "(select i as a, i * i as b, i * i * i as c, i % 2 as y from generate_series(1, 3) as i)"
    total = measure(rows_wh, source, [Number(name) for name in "abcy"]).total
    with pytest.raises(InDatabaseError, match="3 rows for 4 coefficients"):
        least_squares(total, ["a", "b", "c"], "y")
    with pytest.raises(InDatabaseError, match="'d' was not measured"):
        least_squares(total, ["d"], "y")
    with pytest.raises(InDatabaseError, match="target 'a' is among the features"):
        least_squares(total, ["a"], "a")
    with pytest.raises(InDatabaseError, match="without features"):
        least_squares(total, [], "y")
    exact = least_squares(total, ["a", "b"], "y")
    assert exact.degrees == 0 and exact.residual == 0 and math.isnan(exact.standard_errors[0])
    with pytest.raises(InDatabaseError, match="confidence level is 1.0"):
        exact.intervals(1.0)
