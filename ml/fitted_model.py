"""A fitted model, wherever it was fitted, and how it is measured.

Belongs here: what training gives to the registry, and the measuring that library and warehouse share. Does
not belong here: fitting (`ml.train`, `ml.train_in_warehouse`), storing (`ml.registry`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from ml.evaluate import MetricRow, Subject, measure
from ml.rivals import constant, group_mean

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    from ml.document import Document
    from ml.indb.training_plan import TrainingPlan
    from ml.spec import ModelSpec

SAMPLE_ROWS = 1_000


class TrainingError(RuntimeError):
    """The rows cannot train the declared model: says which rows and why."""


@dataclass(frozen=True)
class FittedModel:
    """A fitted model's document, and everything that was measured about it.

    `estimator` is the fitted pipeline it was made from, None where the warehouse fitted it. `threshold` is
    the score from which a case counts as positive (None for regression). `feature_importance` are shares of
    gain (of absolute standardised coefficients for linear models, of divergence between classes for naive
    Bayes) that sum to 1. `bytes_out` left the warehouse. `peak_memory_mb` is the process's peak so far.
    `sample` holds the features of some test rows, for the parity check. `training`: how the warehouse fitted
    it, and `plan`: what was expected of that.
    """

    spec: ModelSpec
    estimator: Any
    document: Document
    params: dict[str, Any]
    threshold: float | None
    cv_results: list[dict[str, Any]]
    metrics: list[MetricRow]
    curves: dict[str, list[dict[str, float]]]
    feature_importance: dict[str, float]
    train_rows: int
    test_rows: int
    seconds: float
    bytes_out: int
    peak_memory_mb: float = field(default=0.0)
    sample: pa.Table | None = None
    training: Mapping[str, Any] | None = None
    plan: TrainingPlan | None = None


class Judged(Protocol):
    """Rows of one split: label, score and date (n,), and a frame with the baseline's groups."""

    label: np.ndarray
    score: np.ndarray
    date: np.ndarray
    groups: pd.DataFrame


def measured(spec: ModelSpec, threshold: float | None, train: Judged, test: Judged) -> list[MetricRow]:
    """Every declared metric: on test rows beside the two rivals, which are fitted on training rows, and on
    training rows.
    """
    limit = 0.5 if threshold is None else threshold
    rivals = [
        constant(spec, train.label, len(test.label)),
        group_mean(spec, train.groups, train.label, test.groups),
    ]
    subjects = [Subject("model", test.score, limit), *rivals]
    on_test = measure("test", spec.metrics, test.label, test.date, subjects)
    seen = Subject("model", train.score, limit)
    return [*on_test, *measure("train", spec.metrics, train.label, train.date, [seen])]


def teller(spec: ModelSpec, started: float, progress: Callable[[str], None] | None) -> Callable[[str], None]:
    """A function that says one line with the model's name and the seconds since `started`."""

    def tell(message: str) -> None:
        if progress is not None:
            progress(f"{spec.name}: {message} ({time.perf_counter() - started:.1f} s)")

    return tell
