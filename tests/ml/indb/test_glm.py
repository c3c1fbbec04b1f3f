"""Generalised linear models in the warehouse against scikit-learn and published fits of R.

Belongs here: fits, statistics, their documents, the same bits. Does not belong here: refusals
(`test_glm_refusals`), the choice of a penalty (`test_glm_search`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute  # noqa: F401
import pytest

from ml.document import Document, Evaluator
from ml.document.parity import check_parity
from ml.indb import glm_patterns, glm_start
from ml.indb.columns import Category
from ml.indb.errors import InDatabaseError
from ml.indb.glm import fit_glm
from ml.indb.glm_document import class_coefficients, glm_document
from ml.indb.glm_fit import GlmFit
from tests.ml.indb.sample import matrix, sample
from warehouse.client import Warehouse, WarehouseError

COLUMNS = ["price", "count", "is_open", "wide", "age", "shape", Category("zone")]
TARGETS = {"logistic": "is_high", "multinomial": "size", "poisson": "orders", "gamma": "cost"}
EXACT = {"solver": "newton-cholesky", "tol": 1e-12, "max_iter": 1000}


def made(rows: int = 600) -> pa.Table:
    """The sample with a target for each family."""
    table, random = sample(rows=rows), np.random.default_rng(5)
    y = np.array(table.column("y"))
    signal = (y - y.mean()) / y.std()
    sizes = np.column_stack([signal * 0, signal, -signal]) + random.gumbel(size=(rows, 3))
    targets = {
        "is_high": pa.array(random.random(rows) < 1 / (1 + np.exp(-signal))),
        "size": pa.array(np.array(["large", "medium", "small"])[sizes.argmax(axis=1)]),
        "orders": pa.array(random.poisson(np.exp(0.5 * signal)), pa.int32()),
        "cost": pa.array(random.gamma(2.0, np.exp(0.5 * signal) / 2.0)),
        "times": pa.array(random.integers(0, 4, rows), pa.int32()),
    }
    for name, values in targets.items():
        table = table.append_column(name, values)
    return table


@pytest.fixture(scope="module")
def table() -> pa.Table:
    return made()


@pytest.fixture(scope="module")
def wh(rows_wh: Warehouse, table: pa.Table) -> Warehouse:
    rows_wh.load_arrow("public", "orders", table, "create")
    return rows_wh


def peer(family: str, penalty: float, rows: int) -> Any:
    from sklearn.linear_model import GammaRegressor, LogisticRegression, PoissonRegressor

    if family in ("logistic", "multinomial"):
        return LogisticRegression(C=1 / (penalty * rows) if penalty else np.inf, **EXACT)
    return (PoissonRegressor if family == "poisson" else GammaRegressor)(alpha=penalty, **EXACT)


def coefficients(model: Any) -> np.ndarray:
    return np.column_stack([np.atleast_1d(model.intercept_), np.atleast_2d(model.coef_)])


def inputs_of(document: Document, table: pa.Table) -> pa.Table:
    types = {"number": pa.float64(), "boolean": pa.bool_(), "category": pa.string()}
    return pa.table({one.name: table.column(one.name).cast(types[one.kind]) for one in document.inputs})


@pytest.mark.parametrize("family", TARGETS)
def test_a_fit_and_its_document(wh: Warehouse, table: pa.Table, family: str):
    fit = fit_glm(wh, "orders", COLUMNS, TARGETS[family], family)
    x, y = matrix(table, fit.names[1:]), np.array(table.column(TARGETS[family]))
    model = peer(family, 0.0, len(y)).fit(x, y)
    expected = coefficients(model)
    if family == "multinomial":
        expected = expected[1:] - expected[0]
    assert np.allclose(fit.coefficients, expected, rtol=1e-9, atol=1e-11)
    assert np.allclose(fit.standard_errors, errors_of(fit, model, x), rtol=1e-9)
    document = glm_document(fit, None, "orders")
    scores = Evaluator(document).table(inputs_of(document, table)).scores
    assert np.allclose(scores, answers(family, model, x), rtol=1e-9)
    report = check_parity(wh, document, inputs_of(document, table), rows=60, adversarial=300)
    assert report.is_equal, str(report)


def answers(family: str, model: Any, x: np.ndarray) -> np.ndarray:
    if family == "multinomial":
        return model.predict_proba(x)
    return (model.predict_proba(x)[:, 1] if family == "logistic" else model.predict(x))[:, None]


def errors_of(fit: GlmFit, model: Any, x: np.ndarray) -> np.ndarray:
    """From the information of all rows at scikit-learn's answers."""
    ones = np.column_stack([np.ones(len(x)), x])
    means = answers(fit.family, model, x)
    if fit.family == "multinomial":
        means = means[:, 1:]
    weights = {"poisson": means, "gamma": np.ones_like(means)}.get(fit.family)
    count = means.shape[1]
    each = np.einsum("nm,mk->nmk", means, np.eye(count)) - means[:, :, None] * means[:, None, :]
    each = each if weights is None else weights[:, :, None]
    information = np.einsum("nmk,ni,nj->mikj", each, ones, ones).reshape(fit.covariance.shape)
    return np.sqrt(np.diag(np.linalg.inv(information)) * fit.dispersion).reshape(fit.coefficients.shape)


@pytest.mark.parametrize("family", TARGETS)
def test_a_penalised_fit(wh: Warehouse, table: pa.Table, family: str):
    fit = fit_glm(wh, "orders", COLUMNS, TARGETS[family], family, penalty=0.01)
    x, y = matrix(table, fit.names[1:]), np.array(table.column(TARGETS[family]))
    expected = coefficients(peer(family, 0.01, len(y)).fit(x, y))
    found = class_coefficients(fit) if family == "multinomial" else fit.coefficients
    assert np.allclose(found, expected, rtol=1e-9, atol=1e-11)
    assert not fit.references


@pytest.mark.parametrize("standardize", [True, "numbers"])
def test_a_penalty_on_deviations(wh: Warehouse, table: pa.Table, standardize: bool | str):
    """As scikit-learn's imputer of means, its indicator and its scaler make the columns."""
    moved = "(select *, age * 1000 - 7000 as days from orders)"
    settings = {"penalty": 0.05, "standardize": standardize}
    fit = fit_glm(wh, moved, ["price", "days", "shape"], "orders", "poisson", **settings)
    x, y = matrix(table, ["price", "age", "age__is_missing"]), np.array(table.column("orders"))
    x[:, 1] = np.where(x[:, 2] == 1.0, x[x[:, 2] == 0.0, 1].mean(), x[:, 1])
    levels = matrix(table, [name for name in fit.names if "=" in name])
    wide = np.column_stack([x, levels])
    by = np.where(
        np.arange(wide.shape[1]) < (wide.shape[1] if standardize is True else 3), wide.std(axis=0), 1.0
    )
    model = peer("poisson", 0.05, len(y)).fit(wide / by, y)
    document = glm_document(fit, None, "orders")
    days = pa.compute.subtract(pa.compute.multiply(table.column("age"), 1000.0), 7000.0)
    answers = Evaluator(document).table(inputs_of(document, table.append_column("days", days))).scores[:, 0]
    assert np.allclose(answers, model.predict(wide / by), rtol=1e-9)
    with pytest.raises(InDatabaseError, match="standardize is 'all'; allowed: False, True, 'numbers'"):
        fit_glm(wh, moved, ["price"], "orders", "poisson", standardize="all")


@pytest.mark.parametrize("family", TARGETS)
def test_patterns_are_rows(wh: Warehouse, family: str):
    columns = ["count", "is_open", "shape", Category("zone")]
    one = fit_glm(wh, "orders", columns, TARGETS[family], family, patterns=False)
    two = fit_glm(wh, "orders", columns, TARGETS[family], family)
    assert two.lines < one.lines == two.rows == 600
    assert np.allclose(one.coefficients, two.coefficients, rtol=1e-12, atol=1e-14)
    assert np.allclose(one.covariance, two.covariance, rtol=1e-9, atol=1e-15)
    assert (one.deviance, one.aic) == pytest.approx((two.deviance, two.aic), rel=1e-12)


@pytest.mark.parametrize("family", TARGETS)
def test_a_weight_is_that_many_rows(wh: Warehouse, family: str):
    columns = ["price", "count"]
    repeated = "(select o.* from orders as o, generate_series(1, o.times))"
    one = fit_glm(wh, repeated, columns, TARGETS[family], family)
    two = fit_glm(wh, "orders", columns, TARGETS[family], family, weight="times")
    assert two.rows < one.rows == two.weight
    assert np.allclose(one.coefficients, two.coefficients, rtol=1e-12, atol=1e-14)
    assert np.allclose(one.standard_errors, two.standard_errors, rtol=1e-9)
    assert (one.deviance, one.aic) == pytest.approx((two.deviance, two.aic), rel=1e-12)


@pytest.mark.parametrize(
    ("family", "patterns"), [("multinomial", True), ("gamma", False), ("logistic", None)]
)
def test_the_same_bits_from_any_order_and_any_workers(
    wh: Warehouse, table: pa.Table, family: str, patterns: bool | None
):
    def bits(relation: str) -> tuple[str, bytes, float]:
        fit = fit_glm(wh, relation, COLUMNS, TARGETS[family], family, patterns=patterns)
        return glm_document(fit, None, "orders").sha256, fit.covariance.tobytes(), fit.aic

    wanted = bits("orders")
    wh.load_arrow("public", "mixed", table.take(np.random.default_rng(3).permutation(600)), "replace")
    with wh.transaction():
        wh.execute("set local debug_parallel_query = on; set local min_parallel_table_scan_size = 0")
        wh.execute("set local parallel_setup_cost = 0; set local parallel_tuple_cost = 0")
        for workers in (0, 2):
            wh.execute(f"set local max_parallel_workers_per_gather = {workers}")
            assert bits("mixed") == wanted


@pytest.mark.parametrize("family", TARGETS)
def test_a_sample_shortens_the_way_and_leaves_the_end(
    wh: Warehouse, monkeypatch: pytest.MonkeyPatch, family: str
):
    slow = fit_glm(wh, "orders", COLUMNS[:3], TARGETS[family], family, patterns=False)
    for name, value in {"MANY_LINES": 100, "SAMPLE_LINES": 150, "LINES_A_COEFFICIENT": 1}.items():
        monkeypatch.setattr(glm_start, name, value)
    fast = fit_glm(wh, "orders", COLUMNS[:3], TARGETS[family], family, patterns=False)
    assert fast.steps < slow.steps
    assert np.allclose(fast.coefficients, slow.coefficients, rtol=1e-13, atol=1e-15)
    assert np.allclose(fast.standard_errors, slow.standard_errors, rtol=1e-9)


def test_patterns_are_made_where_they_pay(wh: Warehouse, monkeypatch: pytest.MonkeyPatch):
    for name, value in {"FEW_ROWS": 10, "SHARE": 2}.items():
        monkeypatch.setattr(glm_patterns, name, value)

    def lines(*columns: str) -> int:
        return fit_glm(wh, "orders", columns, "orders", "poisson").lines

    assert lines("wide", "count") == 600  # of 600 distinct values
    assert lines("count", "is_open") == 18  # by their ranges
    assert lines("age") < 300 and lines("shape", "is_open") == 10


def test_a_server_that_shows_few_digits(wh: Warehouse):
    wanted = glm_document(fit_glm(wh, "orders", COLUMNS, "is_high", "logistic"), None, "m").sha256
    wh.execute("set extra_float_digits = 0")
    try:
        fit = fit_glm(wh, "orders", COLUMNS, "is_high", "logistic")
    finally:
        wh.execute("reset extra_float_digits")
    assert glm_document(fit, None, "m").sha256 == wanted
    with pytest.raises(WarehouseError, match="division by zero"):
        fit_glm(wh, "(select 1 / (count - count) as x, orders from orders)", ["x"], "orders", "poisson")
    assert wh.scalar("select count(*) from pg_tables where schemaname = 'ml_work'") == 0
