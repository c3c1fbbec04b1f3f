"""What a generalised linear model says of itself: published fits of R, deviances, digits of coefficients.

Belongs here: statistics against others' figures. Does not belong here: fits of each family (`test_glm`).
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from ml.indb.glm import fit_glm
from tests.ml.indb.sample import matrix
from tests.ml.indb.test_glm import TARGETS, made
from warehouse.client import Warehouse


def test_a_logistic_fit_of_r(rows_wh: Warehouse):
    """glm(Species == "virginica" ~ ., binomial, iris) of the last two species, as R prints it."""
    from sklearn.datasets import load_iris

    iris = load_iris()
    names = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
    flowers = {name: iris.data[:, at] for at, name in enumerate(names)}
    rows_wh.load_arrow("public", "iris", pa.table({**flowers, "species": pa.array(iris.target)}), "create")
    fit = fit_glm(rows_wh, "iris", names, "species", "logistic", where="species > 0")
    assert np.allclose(fit.coefficients, [[-42.638, -2.465, -6.681, 9.429, 18.286]], atol=5e-4)
    assert np.allclose(fit.standard_errors, [[25.708, 2.394, 4.480, 4.737, 9.743]], atol=6e-4)
    assert np.allclose([fit.null_deviance, fit.deviance, fit.aic], [138.629, 11.899, 21.899], atol=5e-4)
    assert fit.classes == (1, 2) and fit.rows == 100 and fit.table()[4]["name"] == "petal_width"
    assert np.allclose(fit.p_values, [[0.0972, 0.3032, 0.1358, 0.0465, 0.0605]], atol=6e-5)


def test_a_poisson_fit_of_r(rows_wh: Warehouse):
    """Dobson's randomised trial, the example of R's glm."""
    counts = [18, 17, 15, 20, 10, 20, 25, 13, 12]
    trial = {
        "counts": pa.array(counts, pa.int32()),
        "outcome": pa.array(["1", "2", "3"] * 3),
        "treatment": pa.array([text for text in "123" for _ in range(3)]),
    }
    rows_wh.load_arrow("public", "trial", pa.table(trial), "create")
    fit = fit_glm(rows_wh, "trial", ["outcome", "treatment"], "counts", "poisson")
    assert np.allclose(fit.coefficients, [[3.045, -0.4543, -0.2930, 0.0, 0.0]], atol=5e-4)
    assert np.allclose(fit.standard_errors, [[0.1709, 0.2022, 0.1927, 0.2, 0.2]], atol=5e-5)
    assert np.allclose([fit.null_deviance, fit.deviance, fit.aic], [10.5814, 5.1291, 56.76], atol=3e-3)
    assert fit.degrees == 4


def test_deviances_are_scikit_learns(rows_wh: Warehouse):
    from scipy.stats import gamma, poisson
    from sklearn.metrics import mean_gamma_deviance, mean_poisson_deviance

    table, columns = made(), ["price", "count"]
    rows_wh.load_arrow("public", "orders", table, "create")

    for family, mean_deviance in (("poisson", mean_poisson_deviance), ("gamma", mean_gamma_deviance)):
        fit = fit_glm(rows_wh, "orders", columns, TARGETS[family], family)
        y = np.array(table.column(TARGETS[family])).astype(float)
        means = np.exp(fit.coefficients[0, 0] + matrix(table, fit.names[1:]) @ fit.coefficients[0, 1:])
        assert fit.deviance == pytest.approx(mean_deviance(y, means) * len(y), rel=1e-12)
        assert fit.null_deviance == pytest.approx(mean_deviance(y, y * 0 + y.mean()) * len(y), rel=1e-12)
        variance = means if family == "poisson" else means**2
        assert fit.pearson == pytest.approx(((y - means) ** 2 / variance).sum(), rel=1e-10)
        if family == "poisson":
            assert fit.log_likelihood == pytest.approx(poisson.logpmf(y, means).sum(), rel=1e-12)
    spread = fit.deviance / len(y)
    likelihood = gamma.logpdf(y, 1 / spread, scale=means * spread).sum()
    assert fit.aic == pytest.approx(2 * 4 - 2 * likelihood, rel=1e-10)


def scaled(kind: str, z: np.ndarray) -> np.ndarray:
    """Columns (n, 4) that are hard on doubles."""
    if kind == "far away":
        return z * [1.0, 1.0, 1.0, 1e-3] + [0.0, 0.0, 0.0, 2013.0]
    if kind == "of all sizes":
        return z * [1e-50, 1e50, 1e-12, 1.0]
    made = z.copy()
    if kind == "one large value":
        made[0, 0] = 1e6
    else:
        made[:, 3] = z[:, 0] + 1e-5 * z[:, 3]
    return made


@pytest.mark.parametrize("kind", ["far away", "of all sizes", "one large value", "nearly the same"])
def test_coefficients_have_ten_digits(rows_wh: Warehouse, kind: str):
    """Against Newton's steps in long doubles on standardised columns."""
    random = np.random.default_rng(0)
    z = random.normal(size=(2000, 4))
    x, y = scaled(kind, z), random.random(2000) < 1 / (1 + np.exp(-z @ [0.5, -0.4, 0.3, 0.2]))
    columns = {f"x{at}": x[:, at] for at in range(4)}
    rows_wh.load_arrow("public", "hard", pa.table({**columns, "y": pa.array(y)}), "replace")
    fit = fit_glm(rows_wh, "hard", list(columns), "y", "logistic")
    means, deviations = x.mean(axis=0, dtype=np.longdouble), x.std(axis=0)
    wide = np.column_stack([np.ones(2000), (x.astype(np.longdouble) - means) / deviations])
    b = np.zeros(5, np.longdouble)
    for _ in range(30):
        p = 1 / (1 + np.exp(-wide @ b))
        information = (wide * (p * (1 - p))[:, None]).T @ wide
        b = b + np.linalg.solve(information.astype(float), (wide.T @ (y - p)).astype(float))
    expected = (b[1:] / deviations).astype(float)
    assert np.allclose(fit.coefficients[0, 1:], expected, rtol=1e-10, atol=0.0)
