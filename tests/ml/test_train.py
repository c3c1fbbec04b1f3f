"""From the training table to a fitted model: chosen in time order, repeatable, measured against rivals."""

from __future__ import annotations

import json

import numpy as np
import pytest

from ml.evaluate import best_threshold
from ml.feature_frame import to_frame
from ml.metrics import METRICS
from ml.row_scores import row_scores
from ml.train import TrainingError, train
from ml.training_set import build_training_set
from tests.ml.small_star import REGRESSION, build_star, declared


@pytest.fixture
def star(wh):
    build_star(wh)
    return wh


def fit(wh, spec, progress=None):
    return train(wh, spec, build_training_set(wh, spec), progress)


def value(fitted, metric, subject="model", split="test"):
    found = [
        row for row in fitted.metrics if (row.metric, row.subject, row.split) == (metric, subject, split)
    ]
    assert len(found) == 1
    return found[0]


def test_a_classifier_is_searched_fitted_and_measured(star, tmp_path):
    told: list[str] = []
    spec = declared(tmp_path)
    training_set = build_training_set(star, spec)
    fitted = train(star, spec, training_set, told.append)
    assert (fitted.train_rows, fitted.test_rows) == (training_set.train_rows, training_set.test_rows)
    assert [result["params"]["num_leaves"] for result in fitted.cv_results] == [4, 8]
    chosen = min(fitted.cv_results, key=lambda result: result["mean"])
    assert chosen["is_chosen"] and chosen["params"] == fitted.params
    assert 0 < fitted.threshold < 1
    assert value(fitted, "auc").ci_low > 0.6
    assert value(fitted, "log_loss", "model_vs_baseline").ci_low > 0
    assert max(fitted.feature_importance, key=fitted.feature_importance.get) == "queue_count"
    assert sum(fitted.feature_importance.values()) == pytest.approx(1.0)
    for metric in spec.metrics:
        for subject in ("model", "constant", "baseline", "model_vs_constant", "model_vs_baseline"):
            assert np.isfinite(value(fitted, metric, subject).value)
        assert np.isfinite(value(fitted, metric, split="train").value)
    assert fitted.bytes_out > 0 and fitted.seconds > 0 and fitted.peak_memory_mb > 50
    assert any("candidate 2 of 2" in line for line in told) and all(
        line.startswith("late: ") for line in told
    )
    json.dumps([fitted.curves, fitted.cv_results, fitted.params], allow_nan=False)


def test_training_twice_gives_the_same_bits(star, tmp_path):
    spec = declared(tmp_path, ("kind: boolean}", "kind: boolean, is_seasonal: true}"))
    first, second = (fit(star, spec) for _ in range(2))
    assert first.threshold == second.threshold
    assert first.metrics == second.metrics
    texts = [model.estimator.named_steps["model"].booster_.model_to_string() for model in (first, second)]
    assert texts[0] == texts[1]


def test_the_measured_scores_are_those_of_the_test_rows(star, tmp_path):
    spec = declared(tmp_path)
    fitted = fit(star, spec)
    table = star.fetch_arrow("select * from training.trn_late where split = 'test'")
    score = row_scores(fitted.estimator, spec.task, to_frame(spec.features, table))
    label = table.column("label").to_numpy(zero_copy_only=False).astype(float)
    assert value(fitted, "brier").value == pytest.approx(np.mean((score - label) ** 2), abs=1e-12)
    called = score >= fitted.threshold
    assert value(fitted, "accuracy").value == pytest.approx(np.mean(called == (label > 0)))


def test_the_threshold_owes_nothing_to_the_test_rows(star, tmp_path):
    spec = declared(tmp_path)
    before = fit(star, spec)
    star.execute("update core.fct_flight set is_late = not is_late where flight_date >= '2013-04-01'")
    after = fit(star, spec)
    assert (after.threshold, after.params) == (before.threshold, before.params)
    assert value(after, "auc").value == pytest.approx(1 - value(before, "auc").value)


def test_a_fixed_threshold_is_kept(star, tmp_path):
    fitted = fit(star, declared(tmp_path, ("metrics:", "threshold: {value: 0.4}\nmetrics:")))
    assert fitted.threshold == 0.4


def test_a_regression_is_measured_in_its_units(star, tmp_path):
    fitted = fit(star, declared(tmp_path, *REGRESSION))
    assert fitted.threshold is None
    assert value(fitted, "mae", "model_vs_constant").value > 0
    assert value(fitted, "r2").value > value(fitted, "r2", "baseline").value
    assert set(fitted.curves) == {"predicted_actual", "residuals"}


def test_one_class_is_refused_by_name(star, tmp_path):
    star.execute("update core.fct_flight set is_late = false where is_arrived")
    with pytest.raises(TrainingError, match=r"late: all \d+ training rows .* is_late = False"):
        fit(star, declared(tmp_path))


def test_too_few_dates_for_the_folds_are_refused(star, tmp_path):
    change = ("train_start: 2013-01-01", "train_start: 2013-03-29")
    with pytest.raises(TrainingError, match="3 dates of training rows; allowed: at least 4"):
        fit(star, declared(tmp_path, change))


def test_a_planted_leak_shows_as_a_perfect_score_and_the_honest_model_has_none(star, tmp_path):
    """The generator bounds what honest features can know; a copy of the label passes that bound."""
    honest = fit(star, declared(tmp_path))
    assert value(honest, "auc").ci_high < 0.95
    star.execute("alter table features.ftr_flight__state add column leak double precision")
    star.execute(
        "update features.ftr_flight__state s set leak = f.is_late::int "
        "from core.fct_flight f where f.flight_key = s.flight_key"
    )
    leaking = fit(star, declared(tmp_path, ("queue_count, table", "leak, table")))
    assert value(leaking, "auc").value == 1.0


def test_metric_directions_are_right():
    assert not any(METRICS[name].higher_is_better for name in ("log_loss", "brier", "ece", "rmse", "mae"))
    assert best_threshold(np.array([0.0, 1.0]), np.array([0.2, 0.8]), "f1") == 0.8
