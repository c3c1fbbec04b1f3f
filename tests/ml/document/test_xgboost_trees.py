"""XGBoost as documents: every row in the same leaf, sums in double; margins within float32's last places."""

from __future__ import annotations

import numpy as np
import pytest

from ml.document import Evaluator
from ml.document.importers import import_estimator
from ml.document.parity import check_parity
from tests.ml.document.tree_rows import classes, features, imported, inputs, on_thresholds, target

xgboost = pytest.importorskip("xgboost")

OPTIONS = {"n_estimators": 15, "max_depth": 4, "n_jobs": 1}
LAST_PLACES = 20.0
"""Of a float32 of the size of the largest margin: XGBoost rounds after each of the trees."""


def assert_close(document, booster, x: np.ndarray, **options) -> None:
    rows = on_thresholds(document, x, missing=True, infinite=False)
    columns = {f"x{place}": rows[:, place].copy() for place in range(4)}
    margins = Evaluator(document).columns(columns, len(rows)).margins
    own = booster.predict(xgboost.DMatrix(rows), output_margin=True, **options).reshape(len(rows), -1)
    unit = np.spacing(np.float32(np.abs(margins).max()))
    assert np.abs(own - margins).max() <= LAST_PLACES * unit


@pytest.mark.parametrize("options", [
    {}, {"objective": "count:poisson"}, {"objective": "reg:gamma"}, {"booster": "dart", "rate_drop": 0.2},
    {"base_score": 3.0},
])  # fmt: skip
@pytest.mark.parametrize("missing", [0.0, 0.15])
def test_regression_reaches_the_same_leaves(options, missing):
    x = features(800, missing=missing)
    model = xgboost.XGBRegressor(**OPTIONS, **options).fit(x, np.abs(target(x)) + 0.1)
    document = imported(model, x)
    assert document.head.kind == ("exp" if "objective" in options else "identity")
    assert_close(document, model.get_booster(), x)


@pytest.mark.parametrize("count", [2, 3])
def test_classes_reach_the_same_leaves(count):
    x = features(800, missing=0.15)
    y = np.searchsorted(list("abc"), classes(target(x), count))
    model = xgboost.XGBClassifier(**OPTIONS).fit(x, y)
    assert_close(imported(model, x), model.get_booster(), x)


def test_a_random_forest_reaches_the_same_leaves():
    x = features(800, missing=0.15)
    model = xgboost.XGBRFRegressor(n_estimators=15, max_depth=6, n_jobs=1).fit(x, target(x))
    assert_close(imported(model, x), model.get_booster(), x)


def test_early_stopping_counts_its_best_iteration():
    x = features(800)
    noise = np.random.default_rng(0).normal(size=800)
    model = xgboost.XGBRegressor(**OPTIONS, early_stopping_rounds=1)
    model.fit(x, target(x), eval_set=[(x, noise)], verbose=False)
    assert_close(imported(model, x), model.get_booster(), x, iteration_range=(0, model.best_iteration + 1))


def test_categories_go_the_same_way():
    random, x = np.random.default_rng(7), features(800)
    x[:, 1] = random.integers(0, 20, 800)
    kinds = {"feature_types": ["q", "c", "q", "q"], "enable_categorical": True}
    known = xgboost.DMatrix(x, label=target(x) + 3.0 * (x[:, 1] % 3 == 1), **kinds)
    booster = xgboost.train({"max_depth": 4}, known, 10)
    x[::5, 1] = np.nan
    document = import_estimator(booster, inputs(x), "categories")
    assert any("in" in tree["test"] for tree in document.nodes[-1].params["trees"])
    margins = Evaluator(document).columns({f"x{p}": x[:, p].copy() for p in range(4)}, 800).margins[:, 0]
    own = booster.predict(xgboost.DMatrix(x, **kinds), output_margin=True)
    assert np.abs(own - margins).max() <= LAST_PLACES * np.spacing(np.float32(np.abs(margins).max()))


def test_all_surfaces_agree(wh):
    x = features(600, missing=0.1)
    model = xgboost.XGBRegressor(**OPTIONS).fit(x, target(x))
    check_parity(wh, imported(model, x), rows=100, adversarial=1_500).require()
