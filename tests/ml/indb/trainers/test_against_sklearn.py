"""What a trainer fits in the warehouse is what scikit-learn fits on the rows, encoded the same way."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ml.document import Evaluator
from ml.indb.errors import InDatabaseError
from ml.indb.trainers import TRAINERS
from ml.indb.trainers.source import LABEL
from ml.train_in_warehouse import finished
from tests.ml.warehouse_star import WarehouseStar

WHOLE = ["carrier_id", "departure_hour", "is_even"]  # never missing in the star


def scores(star: WarehouseStar, task, name, features=None, fold=None, **params):
    """Scores of test rows by a fit in the warehouse."""
    source = star.source(task, features)
    session = TRAINERS[name].open(star.wh, source, 0, "cells")
    fit = session.fit(params, fold)
    document = finished(star.spec(task, name, features), fit.document, None)
    table = star.wh.fetch_arrow(
        "select * from training.trn_late where split = 'test' order by flight_date, flight_key collate \"C\""
    )
    assert sum(fit.importance.values()) == pytest.approx(1.0)
    assert session.bytes_out < 300_000
    return Evaluator(document).table(table).scores[:, 0]


def encoded(kind: str = "first", scale_all: bool = False):
    """Mean imputation with indicators and deviations of 1; a column a category."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers = Pipeline([("fill", SimpleImputer(add_indicator=True)), ("scale", StandardScaler())])
    hot = OneHotEncoder(drop=None if kind == "all" else "first", sparse_output=False)
    categories = Pipeline([("hot", hot), *([("scale", StandardScaler())] if scale_all else [])])

    def columns(frame: pd.DataFrame, wanted: str) -> list[str]:
        return [name for name in frame.columns if (name == "carrier_id") == (wanted == "category")]

    return ColumnTransformer([
        ("number", numbers, lambda frame: columns(frame, "number")),
        ("category", categories, lambda frame: columns(frame, "category")),
    ])  # fmt: skip


def expected(star: WarehouseStar, task, estimator, kind, features=None, scale_all=False):
    """The same by scikit-learn, on the rows of the table that stands."""
    from sklearn.pipeline import make_pipeline

    train, label = star.rows(task)
    test, _ = star.rows(task, "split = 'test'")
    pick = features or list(train.columns)
    made = make_pipeline(encoded(kind, scale_all), estimator).fit(train[pick], label)
    return (
        made.predict_proba(test[pick])[:, 1] if hasattr(made, "predict_proba") else made.predict(test[pick])
    )


@pytest.mark.parametrize("name", ["linear", "ridge", "lasso", "elastic_net"])
def test_penalised_least_squares(star, name):
    from sklearn.linear_model import ElasticNet, Lasso, LinearRegression, Ridge

    exact = {"tol": 1e-12, "max_iter": 100_000}
    estimators = {
        "linear": (LinearRegression(), {}, "first"),
        "ridge": (Ridge(alpha=50.0), {"alpha": 50.0}, "all"),
        "lasso": (Lasso(alpha=0.7, **exact), {"alpha": 0.7}, "first"),
        "elastic_net": (ElasticNet(alpha=0.7, l1_ratio=0.3, **exact), {"alpha": 0.7, "l1_ratio": 0.3}, "all"),
    }
    estimator, params, kind = estimators[name]
    if name == "lasso":  # the reference is the most frequent category here, the first one there
        features = ["departure_hour", "queue_count", "is_even"]
    else:
        features = None
    got = scores(star, "regression", name, features, **params)
    np.testing.assert_allclose(
        got, expected(star, "regression", estimator, kind, features), rtol=1e-6, atol=1e-6
    )


def test_linear_discriminants(star):
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    got = scores(star, "classification", "lda")
    want = expected(star, "classification", LinearDiscriminantAnalysis(solver="lsqr"), "first")
    np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-7)


def test_quadratic_discriminants(star):
    from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis

    got = scores(star, "classification", "qda", WHOLE)
    want = expected(star, "classification", QuadraticDiscriminantAnalysis(), "first", WHOLE)
    np.testing.assert_allclose(got, want, rtol=2e-3, atol=2e-3)  # spreads over rows, there over rows less one


def test_naive_bayes_of_numbers_and_categories(star):
    from sklearn.naive_bayes import CategoricalNB, GaussianNB

    got = scores(star, "classification", "naive_bayes", ["carrier_id", "departure_hour"])
    train, label = star.rows("classification")
    test, _ = star.rows("classification", "split = 'test'")
    gauss = GaussianNB().fit(train[["departure_hour"]], label)
    codes = {"A": 0, "B": 1, "C": 2}
    classes = CategoricalNB(alpha=1.0).fit(train[["carrier_id"]].replace(codes).astype(int), label)
    log = gauss.predict_joint_log_proba(test[["departure_hour"]])
    log = log + classes.predict_joint_log_proba(test[["carrier_id"]].replace(codes).astype(int))
    log = log - np.log([1 - label.mean(), label.mean()])  # both hold the priors
    want = 1 / (1 + np.exp(log[:, 0] - log[:, 1]))
    np.testing.assert_allclose(got, want, rtol=1e-6)


def test_a_missing_number_says_no_more_to_naive_bayes_than_that_it_is_missing(star):
    """Where the known value's density is left out, what remains is the share of missing rows by class."""
    got = scores(star, "classification", "naive_bayes", ["queue_count"])
    train, label = star.rows("classification")
    test, _ = star.rows("classification", "split = 'test'")
    missing = train["queue_count"].isna().to_numpy()
    share = [(missing[label == one].sum() + 1) / ((label == one).sum() + 2) for one in (0, 1)]
    odds = np.log(label.mean() / (1 - label.mean())) + np.log(share[1] / share[0])
    of_missing = got[test["queue_count"].isna().to_numpy()]
    np.testing.assert_allclose(of_missing, 1 / (1 + np.exp(-odds)), rtol=1e-9)


def test_logistic_regression(star):
    from sklearn.linear_model import LogisticRegression

    got = scores(star, "classification", "logistic", WHOLE, C=0.01)
    estimator = LogisticRegression(C=0.01, tol=1e-12, max_iter=10_000)
    want = expected(star, "classification", estimator, "all", WHOLE, scale_all=True)
    np.testing.assert_allclose(got, want, rtol=1e-5)


def test_a_tree_is_as_good_on_its_rows(star):
    """Split for split the criterion is scikit-learn's; equal splits may lie elsewhere between two values."""
    from sklearn.tree import DecisionTreeRegressor

    params = {"max_depth": 3, "max_leaf_nodes": 8, "min_samples_leaf": 20}
    got = scores(star, "regression", "tree", ["departure_hour", "queue_count"], **params)
    train, label = star.rows("regression")
    test, _ = star.rows("regression", "split = 'test'")
    pick = ["departure_hour", "queue_count"]
    made = DecisionTreeRegressor(max_depth=3, min_samples_leaf=20).fit(train[pick], label)
    np.testing.assert_allclose(got, made.predict(test[pick]), rtol=1e-6)


@pytest.mark.parametrize("name", ["forest", "gradient_boosting", "tree"])
def test_trees_give_one_document_whatever_the_way(star, name):
    source = star.source("classification", ["departure_hour", "queue_count", "carrier_id"])
    params = {"max_depth": 3} | ({} if name == "tree" else {"n_estimators": 3, "max_features": 0.7})
    sessions = {one: TRAINERS[name].open(star.wh, source, 5, one) for one in ("joined", "cells", "export")}
    made = {one: session.fit(params, 1) for one, session in sessions.items()}
    assert len({fit.document.sha256 for fit in made.values()}) == 1
    assert made["export"].how.endswith(" exported rows in memory") and made["joined"].how == "rows by SQL"
    before = sessions["export"].bytes_out
    assert before > 16 * int(made["export"].how.split(" ")[0].replace(",", ""))
    other = {one: session.fit(params | {"max_depth": 2}, 1) for one, session in sessions.items()}
    assert len({fit.document.sha256 for fit in other.values()} - {made["export"].document.sha256}) == 1
    assert sessions["export"].bytes_out - before < 200  # the rows of a fold leave once


@pytest.mark.parametrize(("task", "way"), [("regression", "cells"), ("classification", "export")])
def test_losses_of_boosting_are_those_of_its_documents_on_held_rows(star, task, way):
    from sklearn.metrics import log_loss, mean_squared_error

    source = star.source(task, ["departure_hour", "queue_count", "carrier_id"])
    session = TRAINERS["gradient_boosting"].open(star.wh, source, 0, way)
    tried = [{"n_estimators": count, "max_depth": depth} for depth in (1, 2) for count in (1, 4)]
    found = session.errors(tried, 2)
    held = star.wh.fetch_arrow(f"select * from {source.relation(source.validates(2))} as r")
    label = held[LABEL].to_numpy(zero_copy_only=False)
    for params, loss in zip(tried, found, strict=True):
        scores = Evaluator(session.fit(params, 2).document).table(held).scores
        scores = scores[:, 0] if task == "regression" else scores[:, -1]
        expected = mean_squared_error if task == "regression" else log_loss
        assert loss == pytest.approx(expected(label, scores), rel=1e-6)


def test_a_fold_is_fitted_on_its_own_rows_alone(star):
    """What comes after the fold's training part changes nothing of its fit."""
    before = scores(star, "regression", "elastic_net", fold=1, alpha=0.5)
    star.wh.execute(
        "update core.fct_flight set delay_min = delay_min * 3 + 1 where flight_date >= '2013-02-15'"
    )
    star.wh.execute(
        "update features.ftr_flight__state set queue_count = 9 where flight_date >= '2013-02-15' "
        "and flight_date < '2013-04-01'"
    )
    try:
        after = scores(star, "regression", "elastic_net", fold=1, alpha=0.5)
        np.testing.assert_allclose(after, before, rtol=1e-7)
    finally:
        star.rebuild()


def test_columns_that_tell_nothing_are_left_out_by_name(star):
    star.wh.execute("update features.ftr_flight__state set queue_count = null, is_even = true")
    try:
        for task, name in (
            ("regression", "linear"),
            ("classification", "naive_bayes"),
            ("classification", "tree"),
        ):
            source = star.source(task)
            left_out = TRAINERS[name].open(star.wh, source, 0, "joined").fit({}, None).left_out
            assert left_out["queue_count"] == f"is missing in all {source.rows} training rows"
            assert left_out["is_even"] in (
                f"is {value} in all {source.rows} training rows" for value in ("1.0", "'1'")
            )
        with pytest.raises(InDatabaseError, match="no feature varies"):
            source = star.source("classification", ["is_even"])
            TRAINERS["tree"].open(star.wh, source, 0, "joined").fit({}, None)
    finally:
        star.rebuild()
