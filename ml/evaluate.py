"""How good a fitted model is, beside a constant and a simple baseline, with intervals and the curves a
reader looks at.

Belongs here: what is measured for whom, the paired differences, calibration and ROC points. Does not belong
here: the metrics themselves (`ml.metrics`), the rivals (`ml.rivals`), and what passes (the gates).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ml.metrics import METRICS, Sample, day_weights, interval
from ml.row_scores import row_scores as scores

__all__ = ["MetricRow", "Subject", "best_threshold", "curves", "measure", "scores"]

REPLICATES = 300
CURVE_POINTS = 101


@dataclass(frozen=True)
class MetricRow:
    """One measured value with its 95 % interval over `n` rows.

    `subject`: "model", "constant", "baseline"; or "model_vs_constant", "model_vs_baseline" for the paired
    improvement, positive where the model is better whatever the metric's direction.
    """

    split: str
    metric: str
    value: float
    ci_low: float
    ci_high: float
    n: int
    subject: str


@dataclass(frozen=True)
class Subject:
    """Scores of one contestant: `of[metric]` where given, else `score`; the same for `threshold`."""

    name: str
    score: np.ndarray
    threshold: float = 0.5
    of: Mapping[str, tuple[np.ndarray, float]] | None = None

    def answer(self, metric: str) -> tuple[np.ndarray, float]:
        return (self.of or {}).get(metric, (self.score, self.threshold))


def measure(
    split: str, metrics: Sequence[str], label: np.ndarray, dates: np.ndarray, subjects: Sequence[Subject]
) -> list[MetricRow]:
    """Every metric for every subject; the first subject is the model, the others are its rivals.

    All subjects are drawn with the same days, so a difference's interval is a paired one.
    """
    days, day = np.unique(dates, return_inverse=True)
    weights = day_weights(len(days), REPLICATES)
    rows: list[MetricRow] = []

    def note(metric: str, subject: str, values: np.ndarray) -> None:
        rows.append(MetricRow(split, metric, float(values[0]), *interval(values[1:]), len(label), subject))

    for metric in metrics:
        sign = 1.0 if METRICS[metric].higher_is_better else -1.0
        model = None
        for subject in subjects:
            score, threshold = subject.answer(metric)
            values = METRICS[metric].of(Sample(label, score, day, len(days), threshold), weights)
            note(metric, subject.name, values)
            if model is None:
                model = values
            else:
                note(metric, f"model_vs_{subject.name}", sign * (model - values))
    return rows


def best_threshold(label: np.ndarray, score: np.ndarray, rule: str) -> float:
    """The score from which calling a case positive maximises `rule` ("f1" or "accuracy"); the highest such
    on a tie.
    """
    order = np.argsort(-score, kind="stable")
    sorted_score, hits = score[order], np.cumsum(label[order])
    last_of_tie = np.flatnonzero(np.append(sorted_score[1:] != sorted_score[:-1], True))
    called, hits = last_of_tie + 1.0, hits[last_of_tie]
    value = 2 * hits / (called + label.sum()) if rule == "f1" else 2 * hits - called
    return float(sorted_score[last_of_tie[int(np.argmax(value))]])


def curves(
    task: str, label: np.ndarray, score: np.ndarray, dates: np.ndarray
) -> dict[str, list[dict[str, float]]]:
    """Points to draw: calibration, roc and precision_recall, or predicted_actual and residuals."""
    if task == "classification":
        return {"calibration": _by_score(label, score, dates), **_trade_offs(label, score)}
    return {"predicted_actual": _by_score(label, score, dates), "residuals": _residuals(label, score)}


def _by_score(
    label: np.ndarray, score: np.ndarray, dates: np.ndarray, bins: int = 20
) -> list[dict[str, float]]:
    """Mean label against mean score in bins of equal count, the label's mean with a day-block interval."""
    edges = np.unique(np.quantile(score, np.linspace(0, 1, bins + 1)[1:-1]))
    index = np.searchsorted(edges, score, side="right")
    days, day = np.unique(dates, return_inverse=True)
    weights = day_weights(len(days), REPLICATES)
    points = []
    for number in range(len(edges) + 1):
        inside = index == number
        if inside.any():
            rows = weights @ np.bincount(day[inside], minlength=len(days))
            total = weights @ np.bincount(day[inside], weights=label[inside], minlength=len(days))
            means = np.divide(total, rows, out=np.full_like(total, np.nan), where=rows > 0)
            low, high = interval(means[1:])
            mean_score, observed = float(score[inside].mean()), float(means[0])
            point = {"score": mean_score, "observed": observed, "ci_low": low, "ci_high": high}
            points.append({**point, "n": float(inside.sum())})
    return points


def _trade_offs(label: np.ndarray, score: np.ndarray) -> dict[str, list[dict[str, float]]]:
    order = np.argsort(-score, kind="stable")
    sorted_score, hits = score[order], np.cumsum(label[order])
    ends = np.flatnonzero(np.append(sorted_score[1:] != sorted_score[:-1], True))
    ends = ends[np.unique(np.linspace(0, len(ends) - 1, CURVE_POINTS).astype(int))]
    positives, negatives = label.sum(), len(label) - label.sum()
    roc, precision_recall = ([{"false_positive_rate": 0.0, "true_positive_rate": 0.0, "threshold": 1.0}], [])
    for end in ends:
        found, called, threshold = (float(hits[end]), float(end + 1), float(sorted_score[end]))
        rates = {"false_positive_rate": (called - found) / negatives, "true_positive_rate": found / positives}
        roc.append({**rates, "threshold": threshold})
        share = {"recall": found / positives, "precision": found / called}
        precision_recall.append({**share, "threshold": threshold})
    return {"roc": roc, "precision_recall": precision_recall}


def _residuals(label: np.ndarray, score: np.ndarray, bins: int = 60) -> list[dict[str, float]]:
    """Histogram of label minus score between its 0.5 % and 99.5 % quantiles, and the share outside on
    either side.
    """
    residual = label - score
    low, high = np.quantile(residual, [0.005, 0.995])
    counts, edges = np.histogram(residual, bins=bins, range=(low, high))
    ends = zip(edges[:-1], edges[1:], counts / len(residual), strict=True)
    inside = [
        {"low": float(left), "high": float(right), "share": float(share)} for left, right, share in ends
    ]
    below = {"low": float(residual.min()), "high": float(low), "share": float(np.mean(residual < low))}
    above = {"low": float(high), "high": float(residual.max()), "share": float(np.mean(residual > high))}
    return [below, *inside, above]
