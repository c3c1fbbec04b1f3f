"""A row's score has the same 64 bits alone, in any batch and in any order, for every algorithm."""

from __future__ import annotations

import numpy as np
import pytest

from ml.feature_frame import to_frame
from ml.row_scores import row_scores
from tests.ml.small_model import late_spec, random_rows
from tests.ml.test_artifact import CASES, fit


@pytest.fixture(scope="module")
def frame():
    return to_frame(late_spec().features, random_rows(1500, seed=4))


@pytest.mark.parametrize(("name", "task"), CASES)
def test_alone_batched_and_shuffled_are_the_same_bits(name, task, frame):
    estimator = fit(name, task)
    whole = row_scores(estimator, task, frame)
    alone = np.concatenate([row_scores(estimator, task, frame.iloc[i : i + 1]) for i in range(25)])
    parts = np.concatenate(
        [row_scores(estimator, task, frame.iloc[i : i + 111]) for i in range(0, 1500, 111)]
    )
    order = np.random.default_rng(0).permutation(1500)
    assert alone.tobytes() == whole[:25].tobytes()
    assert parts.tobytes() == whole.tobytes()
    assert row_scores(estimator, task, frame.iloc[order]).tobytes() == whole[order].tobytes()


@pytest.mark.parametrize(("name", "task"), CASES)
def test_it_agrees_with_the_estimator(name, task, frame):
    estimator = fit(name, task)
    expected = estimator.predict_proba(frame)[:, 1] if task == "classification" else estimator.predict(frame)
    np.testing.assert_allclose(row_scores(estimator, task, frame), expected, rtol=1e-12, atol=1e-14)


def test_a_wide_dense_linear_model_is_summed_row_by_row():
    """301 dense columns of very different size: BLAS may give a row other last bits as the batch grows."""
    import pandas as pd
    from sklearn.linear_model import LinearRegression
    from sklearn.pipeline import Pipeline

    rng = np.random.default_rng(0)
    x = pd.DataFrame(rng.normal(size=(997, 301)) * 10.0 ** rng.integers(-4, 4, 301))
    estimator = Pipeline([("model", LinearRegression().fit(x, rng.normal(size=997)))])
    whole = row_scores(estimator, "regression", x)
    alone = np.concatenate([row_scores(estimator, "regression", x.iloc[i : i + 1]) for i in range(0, 997, 9)])
    assert alone.tobytes() == whole[::9].tobytes()
    np.testing.assert_allclose(whole, estimator.predict(x), rtol=1e-9, atol=1e-9)


def test_an_empty_frame_gives_no_scores(frame):
    assert row_scores(fit("ridge", "regression"), "regression", frame.iloc[:0]).shape == (0,)


def test_another_task_is_refused(frame):
    with pytest.raises(ValueError, match="allowed: classification, regression"):
        row_scores(fit("ridge", "regression"), "ranking", frame)


def test_a_model_of_one_class_is_refused(frame):
    estimator = fit("tree", "classification")
    estimator[-1].classes_ = np.array([0])
    with pytest.raises(ValueError, match="allowed: two"):
        row_scores(estimator, "classification", frame)
