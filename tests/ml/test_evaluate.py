"""Who is measured how: the rivals at their strongest, paired differences, and the curves."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import precision_score, recall_score, roc_curve

from ml.evaluate import Subject, curves, measure
from ml.rivals import PRIOR_ROWS, constant, group_mean
from tests.ml.small_star import REGRESSION, declared


@pytest.fixture
def sample():
    random = np.random.default_rng(8)
    score = random.beta(1, 3, 6000)
    label = (random.random(6000) < score).astype(float)
    dates = np.datetime64("2013-09-01") + np.sort(random.integers(0, 60, 6000))
    return label, score, dates


def by(rows, metric):
    return {row.subject: row for row in rows if row.metric == metric}


def test_the_difference_to_a_rival_is_paired_and_positive_where_the_model_is_better(sample):
    label, score, dates = sample
    near = np.clip(score + np.random.default_rng(9).normal(0, 0.05, len(score)), 0.001, 0.999)
    rows = measure(
        "test", ["log_loss", "auc"], label, dates, [Subject("model", score), Subject("baseline", near)]
    )
    for metric, sign in (("log_loss", -1), ("auc", 1)):
        found = by(rows, metric)
        difference = found["model_vs_baseline"]
        assert difference.value == pytest.approx(sign * (found["model"].value - found["baseline"].value))
        assert 0 < difference.ci_low < difference.value < difference.ci_high
        own_width = found["model"].ci_high - found["model"].ci_low
        assert difference.ci_high - difference.ci_low < own_width / 2
        assert found["model"].ci_low < found["model"].value < found["model"].ci_high
        assert found["model"].n == len(label) and found["model"].split == "test"


def test_a_model_equal_to_its_rival_is_not_better(sample):
    label, score, dates = sample
    rows = measure("test", ["brier"], label, dates, [Subject("model", score), Subject("baseline", score)])
    difference = by(rows, "brier")["model_vs_baseline"]
    assert (difference.value, difference.ci_low, difference.ci_high) == (0.0, 0.0, 0.0)


def test_the_constant_is_the_best_constant_for_each_metric(tmp_path):
    spec, regression = declared(tmp_path), declared(tmp_path, *REGRESSION)
    train_label = np.array([0.0] * 7 + [1.0] * 3)
    rival = constant(spec, train_label, 4)
    assert rival.answer("log_loss")[0].tolist() == [0.3] * 4
    assert rival.answer("accuracy") == (rival.score, 0.5)
    assert rival.answer("f1")[1] == 0.0
    numbers = constant(regression, np.array([0.0, 0.0, 9.0]), 2)
    assert numbers.answer("rmse")[0].tolist() == [3.0, 3.0]
    assert numbers.answer("mae")[0].tolist() == [0.0, 0.0]


def test_the_group_mean_is_smoothed_and_an_unseen_or_null_group_has_its_place(tmp_path):
    train = pd.DataFrame({"carrier_id": pd.Series(["A"] * 60 + ["B"] * 30 + [None] * 30, dtype=object)})
    label = np.array([1.0] * 60 + [0.0] * 60)
    test = pd.DataFrame({"carrier_id": pd.Series(["B", "A", "Z", None], dtype=object)})
    spec = declared(tmp_path)
    score = group_mean(spec, train, label, test).score
    low, high = PRIOR_ROWS * 0.5 / (30 + PRIOR_ROWS), (60 + PRIOR_ROWS * 0.5) / (60 + PRIOR_ROWS)
    assert score.tolist() == pytest.approx([low, high, 0.5, low])
    medians = group_mean(declared(tmp_path, *REGRESSION), train, 7 * label, test).answer("mae")[0]
    assert medians.tolist() == [0.0, 7.0, 3.5, 0.0]


def test_curves_of_a_classifier_lie_on_scikit_learns(sample):
    label, score, dates = sample
    drawn = curves("classification", label, score, dates)
    false_rate, true_rate, _ = roc_curve(label, score, drop_intermediate=False)
    for point in drawn["roc"]:
        at = np.searchsorted(false_rate, point["false_positive_rate"] + 1e-12) - 1
        assert point["true_positive_rate"] <= true_rate[at] + 1e-12
    assert drawn["roc"][-1]["true_positive_rate"] == drawn["roc"][-1]["false_positive_rate"] == 1.0
    for point in drawn["precision_recall"][:: len(drawn["precision_recall"]) // 5]:
        called = score >= point["threshold"]
        assert point["precision"] == pytest.approx(precision_score(label, called))
        assert point["recall"] == pytest.approx(recall_score(label, called))


def test_calibration_bins_hold_every_row_and_cover_the_diagonal_of_a_true_model(sample):
    bins = curves("classification", *sample)["calibration"]
    assert sum(point["n"] for point in bins) == 6000
    assert len(bins) == 20
    inside = [point["ci_low"] <= point["score"] <= point["ci_high"] for point in bins]
    assert sum(inside) >= 16


def test_curves_of_a_regression_hold_every_row():
    random = np.random.default_rng(4)
    score = random.normal(0, 10, 3000)
    label = score + random.normal(0, 3, 3000)
    drawn = curves("regression", label, score, np.repeat(np.arange(30), 100))
    assert sum(point["n"] for point in drawn["predicted_actual"]) == 3000
    assert sum(point["share"] for point in drawn["residuals"]) == pytest.approx(1.0)
