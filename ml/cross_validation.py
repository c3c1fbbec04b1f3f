"""Cross-validation in the order of time: fit on the past, measure on the block of dates that follows.

Belongs here: the folds, the search over the grid, and the out-of-fold scores. Does not belong here: the
final fit and anything of the test window (`ml.train`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ml import algorithms
from ml.evaluate import scores
from ml.metrics import METRICS, Sample

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from ml.spec import ModelSpec


@dataclass(frozen=True)
class Rows:
    """Training rows in order of date and key: features (as a frame for estimators, as read for documents),
    label float64, date and the two instants as datetime64, all (n,).
    """

    table: pa.Table
    frame: pd.DataFrame
    label: np.ndarray
    date: np.ndarray
    prediction_at: np.ndarray
    label_known_at: np.ndarray


@dataclass(frozen=True)
class Fold:
    """Row positions; no training label was known at or after the first prediction of the validation block."""

    train: np.ndarray
    validation: np.ndarray


@dataclass(frozen=True)
class Search:
    """`results`: one dict a candidate with params, mean, folds and is_chosen. `label`, `score`: out of
    fold, of the chosen one.
    """

    params: dict[str, Any]
    results: list[dict[str, Any]]
    label: np.ndarray
    score: np.ndarray


def folds(rows: Rows, count: int) -> Iterator[Fold]:
    """`count` folds over count + 1 blocks with the same number of dates; training is everything known
    before the block.

    Raises:
        ValueError: fewer dates than blocks.
    """
    dates = np.unique(rows.date)
    if len(dates) < count + 1:
        raise ValueError(
            f"cross-validation: {len(dates)} dates of training rows; allowed: at least {count + 1} "
            f"for {count} folds. Widen the training window or lower cross_validation.folds."
        )
    for block in np.array_split(dates, count + 1)[1:]:
        validation = np.flatnonzero((rows.date >= block[0]) & (rows.date <= block[-1]))
        opens = rows.prediction_at[validation].min()
        yield Fold(np.flatnonzero((rows.date < block[0]) & (rows.label_known_at < opens)), validation)


def fit(spec: ModelSpec, params: dict[str, Any], frame: pd.DataFrame, label: np.ndarray) -> Any:
    """A fitted pipeline; classes are the integers 0 and 1."""
    target = label.astype(np.int64) if spec.is_classification else label
    return algorithms.build(spec.algorithm, spec.task, params, spec.fitted_features).fit(frame, target)


def search(spec: ModelSpec, rows: Rows, progress: Callable[[str], None]) -> Search:
    """Try every candidate of the grid on every fold and keep the best mean of the selection metric, the
    first on a tie.
    """
    parts = list(folds(rows, spec.cross_validation.folds))
    metric = METRICS[spec.selection_metric]
    candidates = list(algorithms.candidates(spec.algorithm))
    label = np.concatenate([rows.label[part.validation] for part in parts])
    results, out_of_fold = [], []
    for number, params in enumerate(candidates, start=1):
        fold_scores = [_fold_scores(spec, params, rows, part) for part in parts]
        values = [
            _value(metric, rows.label[p.validation], s) for p, s in zip(parts, fold_scores, strict=True)
        ]
        mean = float(np.mean(values))
        results.append({"params": params, "metric": metric.name, "mean": mean, "folds": values})
        out_of_fold.append(np.concatenate(fold_scores))
        progress(f"candidate {number} of {len(candidates)} {params}: {metric.name} {mean:.4f}")
    means = np.array([result["mean"] for result in results])
    best = int(np.argmax(means if metric.higher_is_better else -means))
    results = [{**result, "is_chosen": index == best} for index, result in enumerate(results)]
    return Search(candidates[best], results, label, out_of_fold[best])


def _fold_scores(spec: ModelSpec, params: dict[str, Any], rows: Rows, part: Fold) -> np.ndarray:
    estimator = fit(spec, params, rows.frame.iloc[part.train], rows.label[part.train])
    return scores(estimator, spec.task, rows.frame.iloc[part.validation])


def _value(metric: Any, label: np.ndarray, score: np.ndarray) -> float:
    one_day = Sample(label, score, np.zeros(len(label), dtype=np.int64), 1)
    return float(metric.of(one_day, np.ones((1, 1)))[0])
