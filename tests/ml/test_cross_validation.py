"""Folds in the order of time, with a gap where labels arrive late; the search; the threshold."""

from __future__ import annotations

import numpy as np
import pytest

from ml.cross_validation import Rows, folds
from ml.evaluate import best_threshold


def rows(days: int, *, label_delay_hours: int) -> Rows:
    date = np.repeat(np.datetime64("2013-01-01") + np.arange(days), 24)
    prediction_at = date.astype("datetime64[us]") + np.tile(np.arange(24), days) * np.timedelta64(1, "h")
    known_at = prediction_at + np.timedelta64(label_delay_hours, "h")
    return Rows(None, None, np.zeros(len(date)), date, prediction_at, known_at)


def test_folds_expand_and_validate_on_the_block_that_follows():
    data = rows(40, label_delay_hours=1)
    parts = list(folds(data, 3))
    assert [len(part.validation) for part in parts] == [240, 240, 240]
    assert [np.unique(data.date[part.train]).size for part in parts] == [10, 20, 30]
    for part in parts:
        assert data.date[part.train].max() < data.date[part.validation].min()


def test_no_label_of_a_fold_was_known_after_its_block_opens():
    data = rows(40, label_delay_hours=60)
    for part in folds(data, 3):
        opens = data.prediction_at[part.validation].min()
        assert data.label_known_at[part.train].max() < opens
        left_out = (data.date < data.date[part.validation].min()).sum() - len(part.train)
        assert left_out == 60  # the last 2.5 days, whose labels were still open


def test_fewer_dates_than_blocks_is_refused():
    with pytest.raises(ValueError, match="3 dates of training rows; allowed: at least 4"):
        list(folds(rows(3, label_delay_hours=1), 3))


def brute_force(label: np.ndarray, score: np.ndarray, rule: str) -> float:
    def value(threshold: float) -> float:
        called = score >= threshold
        hits = (called & (label > 0)).sum()
        return 2 * hits / (called.sum() + label.sum()) if rule == "f1" else (called == (label > 0)).mean()

    return max(value(threshold) for threshold in np.unique(score)), value


@pytest.mark.parametrize("rule", ["f1", "accuracy"])
def test_the_threshold_is_the_best_of_all_scores(rule):
    random = np.random.default_rng(1)
    score = np.round(random.beta(1, 3, 500), 2)
    label = (random.random(500) < score).astype(float)
    best, value = brute_force(label, score, rule)
    assert value(best_threshold(label, score, rule)) == pytest.approx(best)
