"""The metrics a model file may name: definition, direction, and an interval that respects days.

Belongs here: each metric as a function of label, score and row weight, written so that thousands of
bootstrap replicates cost one matrix product. Does not belong here: which subjects are measured and stored
(`ml.evaluate`) and what passes (the gates).

The interval is a day-block bootstrap: whole days are drawn with replacement, because delays of one day
share weather and congestion and rows are far from independent. Each metric is therefore computed from sums
by day: with `weights` of shape (replicates, days), `weights @ sums_by_day` gives every replicate at once.
Values equal scikit-learn's (tested to 1e-9).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

import numpy as np

ECE_BINS = 15
PROBABILITY_FLOOR = np.finfo(np.float64).eps
"""scikit-learn's clip for log loss in float64, so that a certain and wrong answer costs 36 and not
infinity.
"""


@dataclass(frozen=True)
class Sample:
    """Rows to measure: label and score float64 (n,), `day` int (n,) from 0 to days-1, and the score from
    which a case is positive.
    """

    label: np.ndarray
    score: np.ndarray
    day: np.ndarray
    days: int
    threshold: float = 0.5

    def by_day(self, values: np.ndarray) -> np.ndarray:
        return np.bincount(self.day, weights=values, minlength=self.days)

    @cached_property
    def rows(self) -> np.ndarray:
        return self.by_day(np.ones_like(self.label))

    @cached_property
    def positives(self) -> np.ndarray:
        return self.by_day(self.label)

    @cached_property
    def predicted(self) -> np.ndarray:
        """Positive decisions by day."""
        return self.by_day(self._decision)

    @cached_property
    def hits(self) -> np.ndarray:
        """True positives by day."""
        return self.by_day(self._decision * self.label)

    @property
    def _decision(self) -> np.ndarray:
        return (self.score >= self.threshold).astype(np.float64)


def _ratio(above: np.ndarray, below: np.ndarray, empty: float = np.nan) -> np.ndarray:
    return np.divide(above, below, out=np.full_like(above, empty, dtype=np.float64), where=below > 0)


def _accuracy(s: Sample, w: np.ndarray) -> np.ndarray:
    misses = s.predicted + s.positives - 2 * s.hits
    return 1.0 - _ratio(w @ misses, w @ s.rows)


def _precision(s: Sample, w: np.ndarray) -> np.ndarray:
    return _ratio(w @ s.hits, w @ s.predicted, empty=0.0)


def _recall(s: Sample, w: np.ndarray) -> np.ndarray:
    return _ratio(w @ s.hits, w @ s.positives, empty=0.0)


def _f1(s: Sample, w: np.ndarray) -> np.ndarray:
    return _ratio(2 * (w @ s.hits), w @ (s.predicted + s.positives), empty=0.0)


def _log_loss(s: Sample, w: np.ndarray) -> np.ndarray:
    p = np.clip(s.score, PROBABILITY_FLOOR, 1 - PROBABILITY_FLOOR)
    loss = -np.log(np.where(s.label > 0.5, p, 1 - p))
    return _ratio(w @ s.by_day(loss), w @ s.rows)


def _mean_squared(s: Sample, w: np.ndarray) -> np.ndarray:
    return _ratio(w @ s.by_day((s.label - s.score) ** 2), w @ s.rows)


def _ece(s: Sample, w: np.ndarray) -> np.ndarray:
    """Expected calibration error over equal-width bins (Naeini et al. 2015): a perfect model's is above 0
    and falls with n.
    """
    index = np.minimum((s.score * ECE_BINS).astype(np.int64), ECE_BINS - 1)
    gap = np.bincount(s.day * ECE_BINS + index, weights=s.label - s.score, minlength=s.days * ECE_BINS)
    return _ratio(np.abs(w @ gap.reshape(s.days, ECE_BINS)).sum(axis=1), w @ s.rows)


def _auc(s: Sample, w: np.ndarray) -> np.ndarray:
    """Mann-Whitney with ties at one half. wins[d, e] counts pairs of a positive of day d above a negative
    of day e.
    """
    positive = s.label > 0.5
    ascending = np.argsort(s.score[positive], kind="stable")  # sorted values are found many times faster
    score, day = s.score[positive][ascending], s.day[positive][ascending]
    wins = np.empty((s.days, s.days))
    negative_score, negative_day = s.score[~positive], s.day[~positive]
    order = np.lexsort((negative_score, negative_day))
    negative_score = negative_score[order]
    bounds = np.searchsorted(negative_day[order], np.arange(s.days + 1))
    for other in range(s.days):
        rivals = negative_score[bounds[other] : bounds[other + 1]]
        above = np.searchsorted(rivals, score, "left") + np.searchsorted(rivals, score, "right")
        wins[:, other] = np.bincount(day, weights=above / 2.0, minlength=s.days)
    pairs = (w @ s.positives) * (w @ (s.rows - s.positives))
    return _ratio(np.einsum("bd,de,be->b", w, wins, w, optimize=True), pairs)


def _average_precision(s: Sample, w: np.ndarray) -> np.ndarray:
    order = np.argsort(-s.score, kind="stable")
    label, day, score = s.label[order], s.day[order], s.score[order]
    last_of_tie = np.flatnonzero(np.append(score[1:] != score[:-1], True))
    values = np.empty(len(w))
    for replicate, weight in enumerate(w):
        row_weight = weight[day]
        hits = np.cumsum(row_weight * label)[last_of_tie]
        drawn = np.cumsum(row_weight)[last_of_tie]
        gained = np.diff(hits, prepend=0.0)
        values[replicate] = (gained * _ratio(hits, drawn, empty=0.0)).sum() / hits[-1] if hits[-1] else np.nan
    return values


def _mae(s: Sample, w: np.ndarray) -> np.ndarray:
    return _ratio(w @ s.by_day(np.abs(s.label - s.score)), w @ s.rows)


def _r2(s: Sample, w: np.ndarray) -> np.ndarray:
    rows, total, square = w @ s.rows, w @ s.by_day(s.label), w @ s.by_day(s.label**2)
    return 1.0 - _ratio(w @ s.by_day((s.label - s.score) ** 2), square - total**2 / rows)


@dataclass(frozen=True)
class Metric:
    """`of(sample, weights)` gives one value a replicate. `higher_is_better` orients gates and differences."""

    name: str
    task: str
    higher_is_better: bool
    of: Callable[[Sample, np.ndarray], np.ndarray]


_ALL = (
    Metric("accuracy", "classification", True, _accuracy),
    Metric("precision", "classification", True, _precision),
    Metric("recall", "classification", True, _recall),
    Metric("f1", "classification", True, _f1),
    Metric("auc", "classification", True, _auc),
    Metric("average_precision", "classification", True, _average_precision),
    Metric("log_loss", "classification", False, _log_loss),
    Metric("brier", "classification", False, _mean_squared),
    Metric("ece", "classification", False, _ece),
    Metric("rmse", "regression", False, lambda s, w: np.sqrt(_mean_squared(s, w))),
    Metric("mae", "regression", False, _mae),
    Metric("r2", "regression", True, _r2),
)
METRICS = MappingProxyType({metric.name: metric for metric in _ALL})


def metric_names(task: str) -> list[str]:
    """The metrics a model of this task may name, in reporting order."""
    return [metric.name for metric in _ALL if metric.task == task]


def day_weights(days: int, replicates: int, seed: int = 0) -> np.ndarray:
    """(replicates + 1, days): row 0 is the sample itself (all ones), the rest draw `days` days with
    replacement.
    """
    drawn = np.random.default_rng(seed).multinomial(days, np.full(days, 1 / days), size=replicates)
    return np.vstack([np.ones(days), drawn]).astype(np.float64)


def interval(replicates: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """Percentile interval over the replicates that are defined; (nan, nan) where fewer than half are."""
    defined = replicates[np.isfinite(replicates)]
    if len(defined) * 2 < len(replicates):
        return float("nan"), float("nan")
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
