"""Penalised paths and their cross-validation against scikit-learn on the same rows.

Belongs here: paths, folds, refusals of fits. Does not belong here: measuring (`test_cofactors`).
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from ml.indb.cofactor_scan import Measured, measure
from ml.indb.columns import Number
from ml.indb.elastic_net import penalty_path
from ml.indb.errors import InDatabaseError
from ml.indb.penalty_search import in_order, penalty_search
from tests.ml.indb.sample import CATEGORIES, FEATURES, NUMBERS, matrix, sample
from warehouse.client import Warehouse

CLOSE = 1e-8


@pytest.fixture(scope="module")
def table() -> pa.Table:
    return sample()


@pytest.fixture(scope="module")
def measured(rows_wh: Warehouse, table: pa.Table) -> Measured:
    rows_wh.load_arrow("public", "penalised", table, "create")
    return measure(rows_wh, "penalised", NUMBERS, CATEGORIES, by=["fold"])


def sklearn_fit(ratio: float, penalty: float, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, float]:
    from sklearn.linear_model import ElasticNet, Ridge

    if ratio == 0.0:
        model = Ridge(alpha=penalty * len(y), solver="cholesky").fit(x, y)
    else:
        model = ElasticNet(alpha=penalty, l1_ratio=ratio, tol=1e-14, max_iter=1_000_000).fit(x, y)
    return model.coef_, float(model.intercept_)


@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize("ratio", [0.0, 0.3, 1.0])
def test_a_path_is_scikit_learns(measured: Measured, table: pa.Table, ratio: float, standardize: bool):
    path = penalty_path(measured.total, FEATURES, "y", ratio=ratio, penalties=12, standardize=standardize)
    x, y = matrix(table, path.names), table.column("y").to_numpy()
    spread = x.std(axis=0) if standardize else np.ones(x.shape[1])
    for at, penalty in enumerate(path.penalties.tolist()):
        values, start = sklearn_fit(ratio, penalty, x / spread, y)
        assert np.allclose(path.coefficients[at], values / spread, rtol=0, atol=CLOSE)
        assert abs(path.intercepts[at] - start) < CLOSE * 100


def test_the_first_penalty_leaves_nothing(measured: Measured):
    path = penalty_path(measured.total, FEATURES, "y", ratio=1.0, penalties=5)
    assert np.count_nonzero(path.coefficients[0]) <= 1 < np.count_nonzero(path.coefficients[-1])
    assert np.array_equal(path.penalties, np.sort(path.penalties)[::-1])


@pytest.mark.parametrize("order", ["any", "time"])
def test_errors_of_folds_are_those_of_refits(measured: Measured, table: pa.Table, order: str):
    search = penalty_search(measured.by("fold"), FEATURES, "y", order=order, penalties=6)
    x, y = matrix(table, search.path.names), table.column("y").to_numpy()
    fold = table.column("fold").to_numpy()
    assert search.folds == tuple("01234" if order == "any" else "1234")
    for at, name in enumerate(search.folds):
        held = fold == int(name)
        train = ~held if order == "any" else fold < int(name)
        for place, penalty in enumerate(search.path.penalties.tolist()):
            values, start = sklearn_fit(0.5, penalty, x[train], y[train])
            error = np.mean((y[held] - start - x[held] @ values) ** 2)
            assert abs(search.errors[at, place] - error) < CLOSE * error
    assert search.means[search.best] == search.means.min()
    assert search.simplest <= search.best


def test_the_search_is_scikit_learns(measured: Measured, table: pa.Table):
    from sklearn.linear_model import ElasticNetCV
    from sklearn.model_selection import PredefinedSplit

    search = penalty_search(measured.by("fold"), FEATURES, "y", ratio=0.7, penalties=20)
    x, y = matrix(table, search.path.names), table.column("y").to_numpy()
    split = PredefinedSplit(table.column("fold").to_numpy())
    peer = ElasticNetCV(l1_ratio=0.7, alphas=20, cv=split, tol=1e-13, max_iter=1_000_000).fit(x, y)
    assert np.allclose(peer.alphas_, search.path.penalties, rtol=1e-12)
    assert np.allclose(peer.mse_path_.T, search.errors, rtol=CLOSE)
    assert np.isclose(peer.alpha_, search.path.penalties[search.best], rtol=1e-12)


def test_twice_is_the_same_to_the_bit(measured: Measured):
    first, second = (penalty_search(measured.by("fold"), FEATURES, "y", penalties=5) for _ in range(2))
    assert first.path.coefficients.tobytes() == second.path.coefficients.tobytes()
    assert first.errors.tobytes() == second.errors.tobytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"ratio": 1.5}, "ratio is 1.5; allowed: 0"),
        ({"penalties": [0.1, -1.0]}, "allowed: numbers above 0"),
        ({"penalties": 0}, "number of penalties is 0"),
    ],
)
def test_wrong_arguments_are_refused(measured: Measured, arguments: dict, message: str):
    with pytest.raises(InDatabaseError, match=message):
        penalty_path(measured.total, FEATURES, "y", **arguments)


def test_too_few_folds_are_refused(measured: Measured):
    with pytest.raises(InDatabaseError, match="1 fold of 240 rows; allowed: at least 2"):
        penalty_search({"0": measured.total}, FEATURES, "y")
    with pytest.raises(InDatabaseError, match="240 rows fall into 5 of 7 folds; allowed: rows in every fold"):
        penalty_search(measured.by("fold"), FEATURES, "y", expected=7)
    with pytest.raises(InDatabaseError, match="order is 'random'; allowed: any, time"):
        penalty_search(measured.by("fold"), FEATURES, "y", order="random")


def test_a_fold_that_leaves_one_row_is_refused(rows_wh: Warehouse):
    source = "(select * from penalised where id < 2 or id = 200)"
    folds = measure(rows_wh, source, NUMBERS, by=["fold"]).by("fold")
    with pytest.raises(InDatabaseError, match="fold '0' leaves 1 row"):
        penalty_search(folds, ["price"], "y")


def test_the_lasso_refuses_a_column_made_of_others(rows_wh: Warehouse):
    source = "(select price, count, price - 2 * count as left_over, y from penalised)"
    numbers = [Number("price", 2), Number("count"), Number("left_over", 2, rounded=True), Number("y", 3)]
    total = measure(rows_wh, source, numbers).total
    with pytest.raises(
        InDatabaseError, match="column 'left_over' equals 1.0 · price . -2.0 · count in all 240"
    ):
        penalty_path(total, ["price", "count", "left_over"], "y", ratio=1.0)
    assert np.isfinite(penalty_path(total, ["price", "count", "left_over"], "y").coefficients).all()


def test_folds_in_time_are_in_order_of_numbers_and_leave_a_gap(measured: Measured):
    folds = {str(9 + int(name)): part for name, part in measured.by("fold").items()}
    search = penalty_search(folds, FEATURES, "y", order="time", penalties=2)
    assert search.folds == ("10", "11", "12", "13")
    apart = penalty_search(folds, FEATURES, "y", order="time", gap=2, penalties=2)
    assert apart.folds == ("12", "13")
    assert in_order(["2024-10-01", "2024-09-30"]) == ["2024-09-30", "2024-10-01"]
    for wrong in ({"order": "any", "gap": 1}, {"order": "time", "gap": -1}, {"order": "time", "gap": 4}):
        with pytest.raises(InDatabaseError, match="allowed: "):
            penalty_search(folds, FEATURES, "y", **wrong)


def test_products_beyond_a_double_are_refused(rows_wh: Warehouse):
    source = "(select (i * 1e299)::float8 as x, i as y from generate_series(1, 9) as i)"
    total = measure(rows_wh, source, [Number("x"), Number("y")]).total
    with pytest.raises(InDatabaseError, match="beyond the largest double"):
        penalty_path(total, ["x"], "y")
