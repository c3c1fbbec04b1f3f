"""The search over a declared grid inside the warehouse: folds in order of time, and the decision threshold.

Belongs here: which candidate is chosen, and what was tried. Does not belong here: fitting on all rows
(`ml.train_in_warehouse`), the trainers (`ml.indb.trainers`), scores out of fold (`ml.warehouse_scores`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ml.algorithms import candidates
from ml.metrics import METRICS
from ml.warehouse_scores import OutOfFold, out_of_fold

if TYPE_CHECKING:
    from ml.indb.trainers.registry import Session, Trainer
    from ml.indb.trainers.source import Source
    from ml.spec import ModelSpec
    from warehouse.client import Warehouse

Tell = Callable[[str], None]


@dataclass
class Found:
    """The chosen parameters, what was tried, and the decision threshold (None for regression)."""

    params: dict[str, Any]
    results: list[dict[str, Any]]
    threshold: float | None
    bytes_out: int


def search(
    wh: Warehouse, spec: ModelSpec, source: Source, trainer: Trainer, session: Session, tell: Tell
) -> Found:
    """The best candidate of the grid by the mean over folds; where the trainer has a path and the declaration
    does not name the parameter that it runs over, of each candidate the best of its path.
    """
    tried = list(candidates(spec.algorithm))
    results, metric = [], METRICS[spec.selection_metric]
    if trainer.path is not None and not any(trainer.path_over in params for params in tried):
        tried, results = _from_paths(source, trainer, session, tried, tell)
    if trainer.errors_of is not None and metric.name == "rmse":
        errors = _errors(source, trainer, session, tried)
        best = int(np.argmin([np.mean(values) for values in errors]))
        rows = [
            _result(p, "rmse", v, at == best) for at, (p, v) in enumerate(zip(tried, errors, strict=True))
        ]
        return Found(tried[best], [*results, *rows], None, 0)
    return _scored_search(wh, spec, source, session, tried, results, tell)


def _scored_search(
    wh: Warehouse, spec: ModelSpec, source: Source, session: Session, tried: list[dict[str, Any]],
    results: list[dict[str, Any]], tell: Tell,
) -> Found:  # fmt: skip
    """Every candidate on every fold, scored in the warehouse; the best mean, the first on a tie."""
    metric = METRICS[spec.selection_metric]
    sign = 1.0 if metric.higher_is_better else -1.0
    best: tuple[float, OutOfFold, dict[str, Any]] | None = None
    made, bytes_out = [], 0
    try:
        for number, params in enumerate(tried, start=1):
            documents = {one.number: session.fit(params, one.number).document for one in source.folds}
            scores = out_of_fold(wh, source, documents)
            values = scores.values(metric.name)
            mean = float(np.mean(values))
            tell(f"candidate {number} of {len(tried)} {params}: {metric.name} {mean:.4f}")
            made.append(_result(params, metric.name, values, False))
            bytes_out += scores.bytes_out
            worth = -np.inf if np.isnan(mean) else sign * mean
            if best is None or worth > best[0]:
                if best is not None:
                    best[1].drop()
                best = (worth, scores, made[-1])
            else:
                scores.drop()
        assert best is not None
        best[2]["is_chosen"] = True
        threshold = _threshold(spec, best[1])
        return Found(best[2]["params"], [*results, *made], threshold, bytes_out + 8)
    finally:
        if best is not None:
            best[1].drop()


def _from_paths(
    source: Source, trainer: Trainer, session: Session, tried: list[dict[str, Any]], tell: Tell
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Of each candidate's path the place with the least squared error, or log loss, out of fold, without
    scoring a row; and what was tried.
    """
    chosen, results, name = [], [], trainer.path_over
    metric = "rmse" if source.task == "regression" else "log_loss"
    for params in tried:
        path = trainer.path(session, params)
        errors = _errors(source, trainer, session, path)
        best = int(np.argmin([np.mean(values) for values in errors]))
        results += [_result(p, metric, v, False) for p, v in zip(path, errors, strict=True)]
        tell(f"{len(path)} values on {len(source.folds)} folds, no row scored: {name} {path[best][name]:.4g}")
        chosen.append(path[best])
    return chosen, results


def _errors(
    source: Source, trainer: Trainer, session: Session, tried: list[dict[str, Any]]
) -> list[list[float]]:
    """RMSE, of classes the log loss, by candidate and fold, no row scored."""
    by_fold = np.array([trainer.errors_of(session, tried, one.number) for one in source.folds])
    return (np.sqrt(by_fold) if source.task == "regression" else by_fold).T.tolist()


def _result(params: dict[str, Any], metric: str, values: list[float], is_chosen: bool) -> dict[str, Any]:
    mean = float(np.mean(values))
    return {"params": params, "metric": metric, "mean": mean, "folds": list(values), "is_chosen": is_chosen}


def _threshold(spec: ModelSpec, scores: OutOfFold) -> float | None:
    if not spec.is_classification:
        return None
    if spec.threshold.value is not None:
        return spec.threshold.value
    return scores.threshold(spec.threshold.maximise)
