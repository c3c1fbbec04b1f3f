"""The test that a variant must pass: how often it errs, by simulation, and what it refuses to say."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import norm
from scipy.stats import t as student

from ml.document.variants import Margin, compare_losses
from ml.document.variants.non_inferiority import _expanded
from ml.metrics import METRICS

DAYS, ROWS = 30, 40
DATES = np.repeat(np.datetime64("2013-09-01") + np.arange(DAYS), ROWS)
MARGIN = 0.02


def losses(seed: int, extra: float, of: float = 1.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Label 0, scores whose mean absolute error is `of`, and `extra` more; both vary by row and by day."""
    random = np.random.default_rng(seed)
    by_day = np.repeat(random.normal(size=(2, DAYS)), ROWS, axis=1)
    own = random.normal(size=(2, DAYS * ROWS))
    full = of * np.exp(0.3 * by_day[0] + 0.3 * own[0] - 0.3**2)
    change = extra + 0.02 * by_day[1] + 0.1 * own[1]
    return np.zeros(DAYS * ROWS), full, full + change


def accepted(extra: float, seeds: range, margin: Margin, of: float = 1.0) -> float:
    found = [
        compare_losses("mae", *losses(seed, extra, of), DATES, margin, replicates=400, seed=seed)
        for seed in seeds
    ]
    return float(np.mean([one.is_non_inferior for one in found]))


@pytest.mark.parametrize(("margin", "of"), [(Margin(MARGIN, False), 1.0), (Margin(MARGIN / 3), 3.0)])
def test_a_variant_that_loses_twice_the_margin_is_hardly_ever_accepted(margin, of):
    assert accepted(2 * MARGIN, range(300), margin, of) < 0.05


def test_at_the_margin_itself_the_error_is_the_declared_one():
    # 5 % of 600, and three standard errors of that for the simulation.
    assert accepted(MARGIN, range(600), Margin(MARGIN, False)) < 0.05 + 3 * math.sqrt(0.05 * 0.95 / 600)


def test_a_variant_that_loses_nothing_is_nearly_always_accepted():
    assert accepted(0.0, range(100), Margin(MARGIN, False)) > 0.9


def test_too_little_data_refuses():
    label, full, variant = losses(1, 0.0)
    few = np.arange(3 * ROWS)
    found = compare_losses("mae", label[few], full[few], variant[few], DATES[few], Margin(10.0, False))
    assert math.isnan(found.bound) and not found.is_non_inferior
    assert (found.n, found.days) == (120, 3)


@pytest.mark.parametrize("metric", ["log_loss", "brier", "mae", "rmse"])
def test_values_and_intervals_are_those_of_the_metric(metric):
    random = np.random.default_rng(5)
    label = (random.random(len(DATES)) < 0.3).astype(float)
    full = np.clip(0.3 + 0.2 * (label - 0.3) + random.normal(0, 0.02, len(DATES)), 0.01, 0.99)
    variant = np.clip(full - 0.1 * (label - 0.3) + random.normal(0, 0.02, len(DATES)), 0.01, 0.99)
    found = compare_losses(metric, label, full, variant, DATES, Margin(0.1))
    by_hand = {
        "log_loss": lambda s: -np.mean(np.log(np.where(label > 0.5, s, 1 - s))),
        "brier": lambda s: np.mean((label - s) ** 2),
        "mae": lambda s: np.mean(np.abs(label - s)),
        "rmse": lambda s: math.sqrt(np.mean((label - s) ** 2)),
    }[metric]
    assert not METRICS[metric].higher_is_better
    assert found.full == pytest.approx(by_hand(full)) and found.variant == pytest.approx(by_hand(variant))
    assert found.difference == pytest.approx(found.variant - found.full)
    assert 0.0 < found.ci_low < found.difference < found.ci_high
    assert found.difference < found.bound * found.full < found.ci_high
    assert f"{metric} {found.full:.6g} full" in str(found) and "margin +10.000%" in str(found)


def test_the_percentile_is_moved_to_students():
    # Means of replicates are normal with variance (n-1)/n · s²/n: the bound must come to t · s/√n.
    days = 12
    reached = norm.isf(_expanded(0.05, days)) * math.sqrt((days - 1) / days)
    assert reached == pytest.approx(student.isf(0.05, days - 1))
    assert _expanded(0.05, 10_000) == pytest.approx(0.05, rel=1e-3)


def test_an_equal_answer_costs_nothing_and_is_accepted():
    label, full, _ = losses(1, 0.0)
    found = compare_losses("mae", label, full, full, DATES)
    assert (found.difference, found.bound, found.is_non_inferior) == (0.0, 0.0, True)
    perfect = compare_losses("mae", label, label, label, DATES)
    assert (perfect.full, perfect.bound, perfect.is_non_inferior) == (0.0, 0.0, True)


def test_a_share_of_nothing_is_unknown():
    label, full, _ = losses(1, 0.0)
    found = compare_losses("mae", label, label, full * 1e-9, DATES)
    assert math.isnan(found.bound) and not found.is_non_inferior


@pytest.mark.parametrize("size", [0.0, -0.1, math.nan, math.inf])
def test_a_margin_that_is_none_is_refused(size):
    with pytest.raises(ValueError, match="margin .*; allowed: a finite number above 0"):
        Margin(size)


def test_a_metric_that_is_no_loss_of_a_row_is_refused():
    label, full, variant = losses(1, 0.0)
    with pytest.raises(ValueError, match="metric 'auc'; allowed: log_loss, brier, mae, rmse"):
        compare_losses("auc", label, full, variant, DATES)
    with pytest.raises(ValueError, match="confidence 0.05; allowed"):
        compare_losses("mae", label, full, variant, DATES, confidence=0.05)
