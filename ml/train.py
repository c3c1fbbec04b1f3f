"""Fit a declared model on its training set by a library, and measure it.

Belongs here: reading the rows, the search, the final fit on the whole training window, the decision
threshold and the measurement. Pure: writes nothing, registers nothing. Does not belong here: how good is
good enough, and storing.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from ml.algorithms import ALGORITHMS
from ml.algorithms.preprocessing import by_feature
from ml.cross_validation import Rows, Search, fit, search
from ml.evaluate import best_threshold, curves
from ml.feature_frame import to_frame
from ml.fitted_document import document_of, document_scores
from ml.fitted_model import SAMPLE_ROWS, FittedModel, TrainingError, measured, teller
from warehouse.client import quote

if TYPE_CHECKING:
    import pandas as pd

    from ml.document import Document
    from ml.evaluate import MetricRow
    from ml.spec import ModelSpec
    from ml.training_set import TrainingSet
    from warehouse.client import Warehouse


def train(
    wh: Warehouse, spec: ModelSpec, training_set: TrainingSet, progress: Callable[[str], None] | None = None
) -> FittedModel:
    """Search the grid by time-ordered cross-validation, refit on the whole training window, measure on the
    test window.

    Deterministic: rows come in order of date and key, seeds and thread counts are fixed. Where the
    declaration says `engine: warehouse` or `bqml`, rows stay there (`ml.train_in_warehouse`).

    Raises:
        TrainingError: one class only, or fewer training dates than folds.
        DocumentError: a fitted step has no counterpart in a model document.
    """
    if spec.engine != "library":
        from ml.train_in_warehouse import train_in_warehouse

        return train_in_warehouse(wh, spec, training_set, progress)
    started, bytes_before = time.perf_counter(), wh.bytes_out
    tell = teller(spec, started, progress)
    rows, test = (read_rows(wh, spec, training_set, split) for split in ("train", "test"))
    tell(f"{len(rows.label):,} training and {len(test.label):,} test rows read")
    _check_labels(spec, rows.label)
    try:
        found = search(spec, rows, tell)
    except ValueError as error:
        raise TrainingError(f"model {spec.name}: {error}") from error
    estimator = fit(spec, found.params, rows.frame, rows.label)
    tell("fitted on the whole training window")
    threshold = _threshold(spec, found)
    document = document_of(spec, estimator, threshold)
    score = document_scores(document, test.table)
    metrics = measure_document(spec, document, threshold, rows, test, score)
    tell("measured")
    prepare, model = estimator.named_steps["prepare"], estimator.named_steps["model"]
    gain = ALGORITHMS[spec.algorithm.name].gain(model)
    importance = dict.fromkeys(spec.feature_names, 0.0) | by_feature(prepare, spec.fitted_features, gain)
    return FittedModel(
        spec=spec,
        estimator=estimator,
        document=document,
        params=found.params,
        threshold=threshold,
        cv_results=found.results,
        metrics=metrics,
        curves=curves(spec.task, test.label, score, test.date),
        feature_importance=importance,
        train_rows=len(rows.label),
        test_rows=len(test.label),
        seconds=time.perf_counter() - started,
        bytes_out=wh.bytes_out - bytes_before,
        peak_memory_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        sample=sample_of(spec, test.table),
    )


def sample_of(spec: ModelSpec, table: pa.Table) -> pa.Table:
    """The features of up to SAMPLE_ROWS rows, evenly spread over the test window."""
    step = max(1, table.num_rows // SAMPLE_ROWS)
    return table.select(list(spec.feature_names)).take(pa.array(range(0, table.num_rows, step)))


def read_rows(wh: Warehouse, spec: ModelSpec, training_set: TrainingSet, split: str) -> Rows:
    key, date = quote(spec.key_column), quote(spec.date_column)
    label = "label::integer::double precision" if spec.is_classification else "label"
    columns = ", ".join(quote(name) for name in spec.feature_names)
    table = wh.fetch_arrow(
        f"select {date} as row_date, prediction_at, label_known_at, {label} as label, {columns} "
        f"from {quote(training_set.schema, training_set.table)} where split = '{split}' "
        f'order by {date}, {key} collate "C"'
    )
    instants = [table.column(name).to_numpy() for name in ("row_date", "prediction_at", "label_known_at")]
    return Rows(table, to_frame(spec.features, table), table.column("label").to_numpy(), *instants)


def _check_labels(spec: ModelSpec, label: np.ndarray) -> None:
    if spec.is_classification and len(np.unique(label)) < 2:
        split = spec.split
        raise TrainingError(
            f"model {spec.name}: all {len(label)} training rows from {split.train_start} to "
            f"{split.train_end} have {spec.label.column} = {bool(label[0])}; allowed: both values. "
            "Widen the window or mend the label."
        )


def _threshold(spec: ModelSpec, found: Search) -> float | None:
    if not spec.is_classification:
        return None
    if spec.threshold.value is not None:
        return spec.threshold.value
    return best_threshold(found.label, found.score, spec.threshold.maximise)


@dataclass(frozen=True)
class _Seen:
    """Rows with the scores of a document; `groups` is the frame of all features."""

    label: np.ndarray
    score: np.ndarray
    date: np.ndarray
    groups: pd.DataFrame


def measure_document(
    spec: ModelSpec, document: Document, threshold: float | None, rows: Rows, test: Rows, score: np.ndarray
) -> list[MetricRow]:
    """Every declared metric of a document on training rows, and on test rows whose scores are given."""
    seen = _Seen(rows.label, document_scores(document, rows.table), rows.date, rows.frame)
    return measured(spec, threshold, seen, _Seen(test.label, score, test.date, test.frame))
