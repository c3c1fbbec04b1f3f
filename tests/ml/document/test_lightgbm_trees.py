"""LightGBM as documents: its missing values, its zero, its categories, its objectives; its bits."""

from __future__ import annotations

import lightgbm
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from ml.document import Document, DocumentError, Evaluator, Input
from ml.document.importers import import_estimator
from ml.document.ops.missing import ZERO
from ml.document.parity import check_parity
from tests.ml.document.tree_rows import assert_margins, bits, classes, features, imported, inputs, target

OPTIONS = {
    "n_estimators": 12, "verbose": -1, "min_child_samples": 5, "min_data_per_group": 5, "cat_smooth": 1,
    "n_jobs": 1,
}  # fmt: skip
LEFT_OUT = [{}, {"use_missing": False}, {"zero_as_missing": True}]


def data(rows: int = 900) -> tuple[np.ndarray, np.ndarray]:
    """Features with missing values, many zeros in the first column, and numbered categories in the second."""
    random, x = np.random.default_rng(4), features(rows, missing=0.12)
    x[:, 0] = np.where(random.random(rows) < 0.3, 0.0, x[:, 0])
    x[:, 1] = np.where(random.random(rows) < 0.1, np.nan, random.integers(0, 40, rows))
    return x, target(x) + 3.0 * (x[:, 1] % 3 == 1) + 2.0 * (x[:, 0] == 0.0)


def raw(model):
    return lambda rows: model.predict(rows, raw_score=True)


@pytest.mark.parametrize("options", LEFT_OUT, ids=str)
@pytest.mark.parametrize("missing", [0.0, 0.12])
def test_numbers_have_the_librarys_bits(options, missing):
    x = features(900, missing=missing)
    model = lightgbm.LGBMRegressor(**OPTIONS, **options).fit(x, target(x))
    assert_margins(model, x, raw(model), missing=True, infinite=True)


@pytest.mark.parametrize("options", LEFT_OUT, ids=str)
@pytest.mark.parametrize("count", [2, 3])
def test_categories_and_zeros_have_the_librarys_bits(options, count):
    x, y = data()
    model = lightgbm.LGBMClassifier(**OPTIONS, **options)
    model.fit(x, classes(y, count), categorical_feature=[1])
    document = assert_margins(model, x, raw(model), missing=True, infinite=True)
    assert document.head.kind == ("sigmoid" if count == 2 else "softmax")
    assert any("in" in tree["test"] for node in document.nodes for tree in node.params.get("trees", []))


@pytest.mark.parametrize(("objective", "head"), [
    ("regression_l1", "identity"), ("huber", "identity"), ("fair", "identity"), ("quantile", "identity"),
    ("mape", "identity"), ("poisson", "exp"), ("gamma", "exp"), ("tweedie", "exp"),
])  # fmt: skip
def test_every_objective_of_regression_has_the_librarys_bits(objective, head):
    x, y = data(500)
    model = lightgbm.LGBMRegressor(**OPTIONS, objective=objective).fit(x, np.abs(y) + 0.1)
    document = assert_margins(model, x, raw(model), missing=True, infinite=True)
    assert document.head.kind == head


def test_a_ranking_has_the_librarys_bits():
    x, y = data(500)
    model = lightgbm.LGBMRanker(**OPTIONS).fit(x, np.digitize(y, [2.0, 5.0]), group=[50] * 10)
    assert_margins(model, x, model.predict, missing=True, infinite=True)


def test_a_random_forest_is_divided_by_its_trees():
    x, y = data(500)
    forest = {"boosting_type": "rf", "subsample": 0.6, "subsample_freq": 1}
    model = lightgbm.LGBMRegressor(**OPTIONS, **forest).fit(x, y)
    assert_margins(model, x, model.predict, missing=True, infinite=True)
    model = lightgbm.LGBMClassifier(**OPTIONS, **forest).fit(x, classes(y, 2))
    assert_margins(model, x, lambda rows: raw(model)(rows) / 12.0, missing=True, infinite=True)


def test_dropped_trees_early_stops_and_constants_have_the_librarys_bits():
    x, y = data(500)
    dart = lightgbm.LGBMClassifier(**OPTIONS, boosting_type="dart").fit(x, classes(y, 3))
    assert_margins(dart, x, raw(dart), missing=True, infinite=True)
    stop = lightgbm.early_stopping(1, verbose=False)
    known = lightgbm.Dataset(x, label=y)
    noise = known.create_valid(x, label=np.random.default_rng(0).normal(size=500))
    options = {"verbose": -1, "num_threads": 1}
    stopped = lightgbm.train(options, known, 12, valid_sets=[noise], callbacks=[stop])
    assert stopped.best_iteration < 12
    assert_margins(stopped, x, raw(stopped), missing=True, infinite=True)
    constant = lightgbm.LGBMRegressor(**OPTIONS).fit(x, np.full(500, 3.0))
    assert_margins(constant, x, raw(constant), missing=True, infinite=True)


def test_what_lies_within_its_zero_goes_the_way_of_zero():
    random = np.random.default_rng(5)
    x = features(600)
    x[:, 0] = random.choice([0.0, 1e-36, -1e-36, ZERO, -ZERO, 2e-35, -2e-35, 5e-324], 600)
    y = 1.0 * (x[:, 0] > 0) + (x[:, 0] > ZERO) + (x[:, 0] >= -ZERO)
    model = lightgbm.LGBMRegressor(**OPTIONS).fit(x, y)
    document = assert_margins(model, x, raw(model), missing=True, infinite=True)
    trees = document.nodes[-1].params["trees"]
    assert {test for tree in trees for test in tree["test"]} == {"<=", "<"}


def test_a_booster_is_read_as_its_classes_are():
    x, y = data(500)
    known = lightgbm.Dataset(x, label=(y > np.median(y)).astype(float))
    booster = lightgbm.train({"objective": "binary", "verbose": -1, "num_threads": 1}, known, 5)
    document = import_estimator(booster, inputs(x), "booster")
    assert document.head.classes == (0, 1)
    answers = Evaluator(document).columns({f"x{place}": x[:, place] for place in range(4)}, len(x))
    np.testing.assert_array_equal(bits(answers.margins[:, 0]), bits(raw(booster)(x)))


def test_text_is_numbered_as_pandas_numbers_it(wh):
    random = np.random.default_rng(6)
    texts = pd.Series(np.array(["b", "a", "it's", "ü"], object)[random.integers(0, 4, 600)])
    place = texts.where(random.random(600) > 0.1)
    frame = pd.DataFrame({"amount": features(600, missing=0.1)[:, 0], "place": pd.Categorical(place)})
    y = frame["amount"].fillna(0.0) + 2.0 * (place == "ü") + (place == "a") - place.isna()
    model = lightgbm.LGBMRegressor(**OPTIONS).fit(frame, y)
    columns = [Input("amount", "number"), Input("place", "category")]
    document = Document.from_text(import_estimator(model, columns, "text").text)
    strange = frame.assign(place=pd.Categorical(place.where(random.random(600) > 0.2, "never seen")))
    for rows in (frame, strange):
        given = pa.array([value if isinstance(value, str) else None for value in rows["place"]])
        answers = Evaluator(document).table(pa.table({"amount": rows["amount"].to_numpy(), "place": given}))
        np.testing.assert_array_equal(bits(answers.margins[:, 0]), bits(raw(model)(rows)))
    check_parity(wh, document, rows=100, adversarial=1_000).require()
    with pytest.raises(DocumentError, match="with 1 pandas columns of categories"):
        import_estimator(model, [Input("amount", "number"), Input("place", "number")], "text")


def test_all_surfaces_agree(wh):
    x, y = data(500)
    for options in LEFT_OUT:
        model = lightgbm.LGBMClassifier(**OPTIONS, **options).fit(x, classes(y, 2), categorical_feature=[1])
        check_parity(wh, imported(model, x), rows=100, adversarial=1_500).require()


@pytest.mark.parametrize(("options", "said"), [
    ({"linear_tree": True}, "linear trees"), ({"reg_sqrt": True}, "'regression sqrt'"),
    ({"objective": "cross_entropy"}, "'cross_entropy'"),
])  # fmt: skip
def test_what_has_no_counterpart_is_refused_by_name(options, said):
    x = features(300)
    model = lightgbm.LGBMRegressor(**OPTIONS, **options).fit(x, 1.0 / (1.0 + np.exp(-target(x) / 10.0)))
    with pytest.raises(DocumentError, match=said):
        imported(model, x)
