"""Every registered algorithm for each of its tasks: it fits, repeats, meets nulls and unknown categories."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pandas as pd
import pytest

from ml.algorithms import ALGORITHMS, build, candidates
from ml.algorithms.preprocessing import by_feature
from ml.row_scores import row_scores
from ml.spec_fields import Algorithm, Feature

KINDS = {"hour": "number", "carrier_id": "category", "is_holiday": "boolean", "carrier": "category"}
FEATURES = tuple(
    Feature(name=name, table="features.ftr_flight__schedule", kind=kind) for name, kind in KINDS.items()
)
SMALL = {
    "tree": {"max_depth": 4},
    "forest": {"n_estimators": 8, "max_depth": 5, "max_features": 0.8},
    "gradient_boosting": {"n_estimators": 15, "max_depth": 3},
    "hist_gradient_boosting": {"max_iter": 15},
    "lightgbm": {"n_estimators": 15, "subsample": 0.8},
}
CASES = [(name, task) for name, algorithm in ALGORITHMS.items() for task in algorithm.tasks]


def frame(rows: int, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    random = np.random.default_rng(seed)
    hour = random.integers(0, 24, rows).astype(float)
    carrier = random.choice(["UA", "AA", "B6"], rows).astype(object)
    label = hour / 12 + (carrier == "B6") + random.normal(0, 0.5, rows)
    hour[random.random(rows) < 0.1] = np.nan
    other = random.choice(np.array(["x", "y", None], dtype=object), rows)
    columns = {"hour": hour, "carrier_id": carrier, "is_holiday": random.integers(0, 2, rows).astype(float)}
    return pd.DataFrame({**columns, "carrier": pd.Series(other, dtype=object)}), label


def fit(name: str, task: str):
    data, value = frame(1500)
    target = (value > 1.5).astype(np.int64) if task == "classification" else value
    declared = Algorithm(name=name, params=SMALL.get(name, {}))
    return build(declared, task, declared.params, FEATURES).fit(data, target), data, value


fitted = lru_cache(fit)


@pytest.mark.parametrize(("name", "task"), CASES)
def test_it_learns_and_repeats_to_the_bit(name, task):
    estimator, data, value = fitted(name, task)
    score = row_scores(estimator, task, data)
    assert np.corrcoef(score, value)[0, 1] > 0.7
    assert np.array_equal(score, row_scores(fit(name, task)[0], task, data))
    if task == "classification":
        assert ((score >= 0) & (score <= 1)).all()


@pytest.mark.parametrize(("name", "task"), CASES)
def test_nulls_and_unknown_categories_get_a_finite_score(name, task):
    estimator, data, _ = fitted(name, task)
    odd = data.head(3).copy()
    odd["hour"] = np.nan
    odd["is_holiday"] = np.nan
    odd["carrier_id"] = pd.Series(["ZZ", None, "UA"], dtype=object)
    assert np.isfinite(row_scores(estimator, task, odd)).all()


@pytest.mark.parametrize(("name", "task"), CASES)
def test_an_unknown_category_is_one_thing_whatever_its_name(name, task):
    estimator, data, _ = fitted(name, task)
    odd = data.head(2).copy()
    odd.loc[:, :] = odd.iloc[[0, 0]].to_numpy()
    odd = odd.astype({"hour": float, "is_holiday": float})
    odd["carrier_id"] = pd.Series(["ZZ", "something else"], dtype=object)
    score = row_scores(estimator, task, odd)
    assert score[0] == score[1]


@pytest.mark.parametrize(("name", "task"), CASES)
def test_importance_is_by_declared_feature_and_sums_to_one(name, task):
    estimator, _, _ = fitted(name, task)
    gain = ALGORITHMS[name].gain(estimator.named_steps["model"])
    shares = by_feature(estimator.named_steps["prepare"], FEATURES, gain)
    assert list(shares) == list(KINDS)
    assert sum(shares.values()) == pytest.approx(1.0)
    assert min(shares, key=shares.get) in ("is_holiday", "carrier")


@pytest.mark.parametrize(("name", "task"), CASES)
def test_the_fitted_object_holds_only_stock_classes(name, task):
    estimator, _, _ = fitted(name, task)
    steps = [estimator, *estimator.named_steps.values()]
    steps += [step for _, step, _ in estimator.named_steps["prepare"].transformers_]
    assert {type(step).__module__.split(".")[0] for step in steps} <= {"sklearn", "lightgbm", "builtins"}


def test_the_grid_goes_over_the_fixed_parameters_in_the_files_order():
    declared = Algorithm(
        name="lightgbm", params={"n_estimators": 5}, grid={"num_leaves": (7, 3), "max_depth": (2,)}
    )
    assert list(candidates(declared)) == [
        {"n_estimators": 5, "num_leaves": 7, "max_depth": 2},
        {"n_estimators": 5, "num_leaves": 3, "max_depth": 2},
    ]


def test_every_listed_parameter_is_one_the_estimator_has():
    for name, task in CASES:
        algorithm = ALGORITHMS[name]
        model = algorithm.build(task, {}, FEATURES, 0).named_steps["model"]
        allowed = {parameter for parameter, rule in algorithm.parameters.items() if task in rule.tasks}
        assert allowed <= set(model.get_params())
