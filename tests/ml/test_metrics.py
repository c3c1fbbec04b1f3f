"""Every metric against scikit-learn, ties and weights included, and the day-block interval's behaviour."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as reference

from ml.metrics import METRICS, Sample, day_weights, interval, metric_names

REFERENCES = {
    "accuracy": lambda y, p, w: reference.accuracy_score(y, p >= 0.3, sample_weight=w),
    "precision": lambda y, p, w: reference.precision_score(y, p >= 0.3, sample_weight=w),
    "recall": lambda y, p, w: reference.recall_score(y, p >= 0.3, sample_weight=w),
    "f1": lambda y, p, w: reference.f1_score(y, p >= 0.3, sample_weight=w),
    "auc": lambda y, p, w: reference.roc_auc_score(y, p, sample_weight=w),
    "average_precision": lambda y, p, w: reference.average_precision_score(y, p, sample_weight=w),
    "log_loss": lambda y, p, w: reference.log_loss(y, p, sample_weight=w),
    "brier": lambda y, p, w: reference.brier_score_loss(y, p, sample_weight=w),
    "rmse": lambda y, p, w: reference.root_mean_squared_error(y, p, sample_weight=w),
    "mae": lambda y, p, w: reference.mean_absolute_error(y, p, sample_weight=w),
    "r2": lambda y, p, w: reference.r2_score(y, p, sample_weight=w),
}


def drawn(task: str, rows: int = 4000, days: int = 40) -> Sample:
    random = np.random.default_rng(5)
    score = np.round(random.beta(1, 4, rows), 2)  # two digits: many ties
    label = (random.random(rows) < score).astype(float)
    if task == "regression":
        score, label = 40 * score, 40 * score + random.normal(0, 30, rows)
    return Sample(label, score, random.integers(0, days, rows), days, threshold=0.3)


@pytest.mark.parametrize("name", [name for name in METRICS if name != "ece"])
def test_each_metric_equals_scikit_learn_plain_and_with_drawn_days(name):
    sample = drawn(METRICS[name].task)
    weights = day_weights(sample.days, 3, seed=1)
    values = METRICS[name].of(sample, weights)
    for value, weight in zip(values, weights, strict=True):
        expected = REFERENCES[name](sample.label, sample.score, weight[sample.day])
        assert value == pytest.approx(expected, abs=1e-9)


def test_ece_equals_its_definition_bin_by_bin():
    sample = drawn("classification")
    index = np.minimum((sample.score * 15).astype(int), 14)
    expected = sum(
        abs(sample.label[index == b].sum() - sample.score[index == b].sum()) for b in np.unique(index)
    )
    value = METRICS["ece"].of(sample, np.ones((1, sample.days)))[0]
    assert value == pytest.approx(expected / len(sample.label), abs=1e-12)


@pytest.mark.parametrize("wrong", [0.0, 1.0])
def test_log_loss_of_a_certain_and_wrong_answer_is_finite_and_scikit_learns(wrong):
    sample = Sample(np.array([1.0 - wrong, 0.0]), np.array([wrong, 0.5]), np.zeros(2, dtype=int), 1)
    value = METRICS["log_loss"].of(sample, np.ones((1, 1)))[0]
    assert value == pytest.approx(reference.log_loss(sample.label, sample.score, labels=[0, 1]), abs=1e-9)


def test_nothing_predicted_positive_gives_zero_precision_and_f1_as_in_scikit_learn():
    sample = Sample(np.array([1.0, 0.0]), np.array([0.1, 0.2]), np.zeros(2, dtype=int), 1, threshold=0.5)
    weights = np.ones((1, 1))
    assert [METRICS[name].of(sample, weights)[0] for name in ("precision", "recall", "f1")] == [0.0, 0.0, 0.0]


def test_auc_without_a_negative_is_undefined_and_so_is_its_interval():
    sample = Sample(np.ones(3), np.array([0.1, 0.2, 0.3]), np.zeros(3, dtype=int), 1)
    values = METRICS["auc"].of(sample, np.ones((5, 1)))
    assert np.isnan(values).all()
    assert np.isnan(interval(values)).all()


def test_interval_is_wider_where_rows_of_a_day_move_together():
    random = np.random.default_rng(2)
    day = np.repeat(np.arange(100), 50)
    weights = day_weights(100, 400)
    alone = random.normal(0, 1, 5000)
    together = random.normal(0, 1, 5000) + random.normal(0, 1, 100)[day]
    zero = np.zeros(5000)
    widths = []
    for label in (alone, together):
        low, high = interval(METRICS["mae"].of(Sample(label, zero, day, 100), weights)[1:])
        widths.append(high - low)
    assert widths[1] > 3 * widths[0]


def test_interval_covers_the_truth_about_as_often_as_it_says():
    random = np.random.default_rng(3)
    weights, day, hits = day_weights(60, 200), np.repeat(np.arange(60), 20), 0
    truth = np.sqrt(2 / np.pi) * np.sqrt(2)  # mean of |N(0, 2)|
    for _ in range(200):
        label = random.normal(0, 1, 1200) + random.normal(0, 1, 60)[day]
        low, high = interval(METRICS["mae"].of(Sample(label, np.zeros(1200), day, 60), weights)[1:])
        hits += low <= truth <= high
    assert 0.88 <= hits / 200 <= 0.99


def test_first_replicate_is_the_sample_itself_and_draws_repeat_by_seed():
    weights = day_weights(7, 5, seed=4)
    assert weights[0].tolist() == [1.0] * 7
    assert (weights.sum(axis=1) == 7).all()
    assert np.array_equal(weights, day_weights(7, 5, seed=4))


def test_metric_names_keep_to_the_task():
    assert metric_names("regression") == ["rmse", "mae", "r2"]
    assert "auc" in metric_names("classification")
