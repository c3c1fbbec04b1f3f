"""scikit-learn's trees, forests and boosting as documents: its bits on every row, on every surface."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LinearRegression
from sklearn.tree import (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreeClassifier,
    ExtraTreeRegressor,
)

from ml.document import DocumentError
from ml.document.importers.tree_lists import float32_split
from ml.document.parity import check_parity
from tests.ml.document.tree_rows import assert_margins, classes, features, imported, target

REGRESSORS = [
    DecisionTreeRegressor(random_state=0),
    ExtraTreeRegressor(max_depth=9, random_state=0),
    RandomForestRegressor(12, min_samples_leaf=3, random_state=0),
    ExtraTreesRegressor(12, max_depth=7, random_state=0),
]
CLASSIFIERS = [
    DecisionTreeClassifier(max_depth=9, random_state=0),
    ExtraTreeClassifier(max_depth=9, random_state=0),
    RandomForestClassifier(12, min_samples_leaf=3, random_state=0),
    ExtraTreesClassifier(12, max_depth=7, random_state=0),
]


def name(model) -> str:
    return type(model).__name__


def test_a_threshold_on_float32_becomes_the_exact_one_on_doubles():
    random = np.random.default_rng(0)
    sizes = 10.0 ** random.uniform(-46, 39, 3_000) * random.choice([-1.0, 1.0], 3_000)
    halves = (random.normal(size=500).astype(np.float32) + np.float32(0.1)).astype(float)
    largest = float(np.finfo(np.float32).max)
    special = [0.0, -0.0, 1.4e-45, -1.4e-45, 7e-46, largest, -largest, 1e39, -1e39]
    for threshold in [*sizes, *random.normal(size=2_000), *halves, 2.0**24 + 1, *special]:
        test, middle = float32_split(float(threshold))
        below, above = math.nextafter(middle, -math.inf), math.nextafter(middle, math.inf)
        for x in (below, middle, above, float(threshold), math.inf, -math.inf, 1e308, -1e308, 0.0):
            with np.errstate(over="ignore"):
                expected = float(np.float32(x)) <= threshold
            assert (x <= middle if test == "<=" else x < middle) == expected, (threshold, x)


def test_a_threshold_at_infinity_only_asks_whether_x_is_known():
    assert float32_split(math.inf) == ("known", 0.0)


@pytest.mark.parametrize("missing", [0.0, 0.15])
@pytest.mark.parametrize("model", REGRESSORS, ids=name)
def test_regression_trees_and_forests_have_the_librarys_bits(model, missing):
    x = features(900, missing=missing)
    fitted = model.fit(x, target(x))
    assert assert_margins(fitted, x, fitted.predict, missing=missing > 0).head.kind == "identity"


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("model", CLASSIFIERS, ids=name)
def test_classification_trees_and_forests_have_the_librarys_shares(model, count):
    x = features(900, missing=0.15)
    fitted = model.fit(x, classes(target(x), count))
    document = assert_margins(
        fitted, x, lambda rows: fitted.predict_proba(rows)[:, 1 if count == 2 else 0 :], missing=True
    )
    assert document.head.kind == "probability"
    assert document.head.classes == tuple("abc"[:count])


@pytest.mark.parametrize("options", [
    {}, {"loss": "absolute_error"}, {"loss": "huber"}, {"loss": "quantile", "subsample": 0.5},
    {"init": "zero"},
])  # fmt: skip
def test_gradient_boosting_has_the_librarys_bits(options):
    x = features(900)
    model = GradientBoostingRegressor(n_estimators=20, random_state=0, **options).fit(x, target(x))
    assert_margins(model, x, model.predict)


@pytest.mark.parametrize(("count", "loss", "factor"), [(2, "log_loss", 1.0), (3, "log_loss", 1.0),
                                                       (2, "exponential", 2.0)])  # fmt: skip
def test_gradient_boosting_of_classes_has_the_librarys_log_odds(count, loss, factor):
    x = features(900)
    model = GradientBoostingClassifier(n_estimators=15, loss=loss, random_state=0)
    model.fit(x, classes(target(x), count))
    document = assert_margins(model, x, lambda rows: factor * model.decision_function(rows))
    assert document.head.kind == ("sigmoid" if count == 2 else "softmax")


def test_all_surfaces_agree(wh):
    x, y = features(600, missing=0.1), target(features(600))
    known = features(600)
    fitted = [
        RandomForestClassifier(8, max_depth=6, random_state=0).fit(x, classes(y, 3)),
        RandomForestRegressor(8, max_depth=6, random_state=0).fit(x, y),
        GradientBoostingClassifier(n_estimators=10, random_state=0).fit(known, classes(y, 2)),
    ]
    for model in fitted:
        check_parity(wh, imported(model, x), rows=100, adversarial=1_500).require()


def test_what_has_no_counterpart_is_refused_by_name():
    x = features(100)
    two = RandomForestRegressor(2).fit(x, np.stack([target(x)] * 2, axis=1))
    with pytest.raises(DocumentError, match="RandomForestRegressor was fitted to 2 targets"):
        imported(two, x)
    started = GradientBoostingRegressor(init=LinearRegression(), n_estimators=2).fit(x, target(x))
    with pytest.raises(DocumentError, match="starts from a fitted LinearRegression"):
        imported(started, x)
    with pytest.raises(DocumentError, match="saw the one class"):
        imported(DecisionTreeClassifier().fit(x, np.zeros(100)), x)
