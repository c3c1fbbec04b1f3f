"""Weighted rows: as many times the row, or as much more of it; and weights that are none.

Belongs here: weights of cofactors. Does not belong here: weights of trees.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from ml.indb.class_moments import classes_of
from ml.indb.cofactor_scan import measure
from ml.indb.cofactors import Cofactors
from ml.indb.columns import Category, Number, Weight
from ml.indb.components import components
from ml.indb.discriminants import linear_discriminants
from ml.indb.elastic_net import penalty_path
from ml.indb.errors import InDatabaseError
from ml.indb.linear import least_squares
from ml.indb.penalty_search import penalty_search
from ml.indb.robust import robust_errors
from tests.ml.indb.sample import CATEGORIES, FEATURES, NUMBERS, matrix, sample
from warehouse.client import Warehouse

COUNT, SHARE = Weight("w", 9, is_count=True), Weight("w", 9)
REPEATED = "(select weighted.* from weighted cross join generate_series(1, w))"
X = ["price", "count", "wide"]


@pytest.fixture(scope="module")
def table(rows_wh: Warehouse) -> pa.Table:
    found = sample()
    weights = np.random.default_rng(3).integers(0, 5, found.num_rows)
    found = found.append_column("w", pa.array(weights, pa.int16()))
    rows_wh.load_arrow("public", "weighted", found, "create")
    return found


def test_counts_are_the_rows_repeated(rows_wh: Warehouse, table: pa.Table):
    weighted = measure(rows_wh, "weighted", NUMBERS, CATEGORIES, ["fold"], COUNT)
    repeated = measure(rows_wh, REPEATED, NUMBERS, CATEGORIES, ["fold"])
    assert weighted.groups.keys() == repeated.groups.keys()
    for key, part in repeated.groups.items():
        assert replace(weighted.groups[key].in_steps(part.scales), weight=None) == part
    one = least_squares(weighted.total, FEATURES, "y")
    assert one.table() == least_squares(repeated.total, FEATURES, "y").table() and one.degrees > 400
    assert Cofactors.from_dict(weighted.total.to_dict()) == weighted.total


def test_shares_are_scikit_learns_sample_weights(rows_wh: Warehouse, table: pa.Table):
    from sklearn.linear_model import ElasticNet, ElasticNetCV, LinearRegression
    from sklearn.model_selection import PredefinedSplit

    x, y, w = matrix(table, X), matrix(table, ["y"])[:, 0], matrix(table, ["w"])[:, 0]
    found = measure(rows_wh, "weighted", NUMBERS, by=["fold"], weight=SHARE)
    assert found.total.rows == w.sum() and found.total.observations == np.count_nonzero(w)
    fit, peer = least_squares(found.total, X, "y"), LinearRegression(tol=1e-15).fit(x, y, w)
    assert np.allclose(fit.coefficients, [peer.intercept_, *peer.coef_], rtol=1e-9)
    net = ElasticNet(alpha=0.3, tol=1e-14, max_iter=100_000).fit(x, y, sample_weight=w)
    path = penalty_path(found.total, X, "y", penalties=[0.3])
    assert np.allclose([path.intercepts[0], *path.coefficients[0]], [net.intercept_, *net.coef_], rtol=1e-9)
    peer = ElasticNetCV(alphas=8, cv=PredefinedSplit(table.column("fold").to_numpy()), tol=1e-12)
    peer.fit(x, y, sample_weight=w)
    search = penalty_search(found.by("fold"), X, "y", penalties=8)
    assert np.allclose(search.path.penalties, peer.alphas_) and np.allclose(search.errors, peer.mse_path_.T)
    # Generalised least squares: the same as rows multiplied by the root of their weight.
    root, used = np.sqrt(w), w > 0
    design = (np.column_stack([np.ones(len(x)), x]) * root[:, None])[used]
    left = (y * root)[used] - design @ np.array(fit.coefficients)
    variance = left @ left / (used.sum() - 4) * np.diag(np.linalg.inv(design.T @ design))
    assert np.allclose(fit.standard_errors, np.sqrt(variance), rtol=1e-9)
    assert components(found.total, X).variances == pytest.approx(_variances(x, w), rel=1e-9)


def _variances(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    n = np.count_nonzero(w)
    return np.linalg.eigvalsh(np.cov(x, rowvar=False, aweights=w, ddof=0))[::-1] * n / (n - 1)


def test_multiplying_all_shares_changes_no_answer(rows_wh: Warehouse, table: pa.Table):
    thrice = "(select id, price, count, wide, y, shape, is_open, 3 * w as w from weighted)"
    numbers = [one for one in NUMBERS if one.name in (*X, "y")]
    fits, classes = [], []
    for relation in ("weighted", thrice):
        weight = Weight("w", 99)
        part = measure(rows_wh, relation, numbers, [Category("shape")], weight=weight).total
        fits.append(least_squares(part, [*X, "shape"], "y").table())
        split = measure(rows_wh, relation, numbers, by=["is_open"], weight=weight)
        classes.append(linear_discriminants(classes_of(split, "is_open"), X).weights)
    assert fits[0] == fits[1] and np.allclose(classes[0], classes[1], rtol=1e-12)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("case when i = 3 then -1 else 1 end", "weight 'w': 1 rows hold none .* such as -1; allowed: whole"),
        ("0.5::float8", "weight 'w': 9 rows .* such as 0.5"),
        ("case when i > 1 then 2 end", "weight 'w': 1 rows .* such as missing"),
        ("'Infinity'::float8", "such as Infinity"),
        ("'NaN'::float8", "such as NaN"),
        ("2000000", "such as 2000000; allowed: whole numbers from 0 to 1000000"),
        ("i::text", "weight 'w' is text; allowed: smallint"),
        ("0", "it has no rows of weight 'w' above 0"),
    ],
)
def test_weights_that_are_none(rows_wh: Warehouse, value: str, message: str):
    relation = f"(select i as x, {value} as w from generate_series(1, 9) as i)"
    with pytest.raises(InDatabaseError, match=message):
        measure(rows_wh, relation, [Number("x")], weight=Weight("w"))


def test_weighted_sums_do_not_mix_and_have_no_robust_errors(rows_wh: Warehouse, table: pa.Table):
    plain = measure(rows_wh, "weighted", NUMBERS)
    weighted = measure(rows_wh, "weighted", NUMBERS, weight=SHARE)
    with pytest.raises(InDatabaseError, match="with weight None and with 'w' do not add up"):
        _ = plain.total + weighted.total
    fit = least_squares(weighted.total, X, "y")
    with pytest.raises(InDatabaseError, match="robust errors of a fit with weight 'w'"):
        robust_errors(rows_wh, "weighted", NUMBERS, weighted.types, fit)
