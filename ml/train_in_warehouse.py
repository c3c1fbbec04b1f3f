"""Fit a declared model inside the warehouse and measure it: `engine: warehouse`, or `bqml`.

The same search, the same threshold rule and the same measures as `ml.train`; what differs is where the rows
are. Belongs here: the search over the grid, the final fit, the document with its threshold, the measures, and
what left the warehouse for each. Does not belong here: the trainers (`ml.indb.trainers`), storing.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ml.algorithms import candidates, of_engine
from ml.document import Document, Head, Input
from ml.document.heads import cut_of
from ml.evaluate import curves
from ml.feature_star import feature_dimensions
from ml.fitted_model import SAMPLE_ROWS, FittedModel, TrainingError, measured, teller
from ml.indb.errors import InDatabaseError
from ml.indb.trainers import TRAINERS
from ml.indb.trainers.source import LABEL, Source, source_of
from ml.indb.training_plan import FEW_ROWS, plan_training
from ml.indb.training_work import TrainingWork
from ml.indb.unit_costs import unit_costs
from ml.metrics import METRICS
from ml.warehouse_scores import OutOfFold, out_of_fold, read_scored, sample_rows, scored_rows

if TYPE_CHECKING:
    from ml.indb.trainers.registry import Fit, Session, Trainer
    from ml.indb.training_plan import TrainingPlan
    from ml.spec import ModelSpec
    from ml.training_set import TrainingSet
    from warehouse.client import Warehouse

Tell = Callable[[str], None]


@dataclass
class _Found:
    """The chosen parameters, what was tried, and the decision threshold (None for regression)."""

    params: dict[str, Any]
    results: list[dict[str, Any]]
    threshold: float | None
    bytes_out: int


def train_in_warehouse(
    wh: Warehouse, spec: ModelSpec, training_set: TrainingSet, progress: Tell | None = None
) -> FittedModel:
    """Search the grid by time-ordered cross-validation, fit on the whole training window, measure on the
    test window; no row of features leaves, but a sample for the parity check.

    Raises:
        TrainingError: one class only, fewer dates than folds, or columns that cannot be trained on; names
            them.
    """
    started = time.perf_counter()
    tell = teller(spec, started, progress)
    trainer = of_engine(spec.engine)[spec.algorithm.name]
    place = (training_set.schema, training_set.table)
    features = {feature.name: feature.kind for feature in spec.fitted_features}
    folds = spec.cross_validation.folds
    dimensions = feature_dimensions(spec, features)
    try:
        source = source_of(
            wh, place, spec.key_column, spec.date_column, features, spec.task, folds, dimensions
        )
        plan = trainer.plan(source) if trainer.plan else plan_training(wh, training_work(spec, source))
        tell(f"{plan.way}: {plan.reason}")
        session, opening = _timed(lambda: trainer.open(wh, source, spec.algorithm.seed, plan.way))
        opened_bytes = session.bytes_out
        found = _search(wh, spec, source, trainer, session, tell)
        searched_bytes = session.bytes_out
        fit, fitting = _timed(lambda: session.fit(found.params, None))
    except InDatabaseError as error:
        raise TrainingError(f"model {spec.name}: {error}") from error
    tell(f"fitted on the whole training window, {fit.how}; {session.bytes_out:,} bytes left the warehouse")
    record = {
        "engine": spec.engine,
        "plan": plan.to_dict(),
        "how": fit.how,
        # As the plan counts: measuring and the last fit, without the search.
        "fit_seconds": opening + fitting,
        "fit_bytes_out": opened_bytes + session.bytes_out - searched_bytes,
        "search_bytes_out": found.bytes_out + searched_bytes - opened_bytes,
        "left_out": dict(fit.left_out),
    }
    return _measured(wh, spec, training_set, plan, found, fit, record, started)


def calibrate(wh: Warehouse, spec: ModelSpec, training_set: TrainingSet) -> None:
    """Measure what the plan of this training needs of the server, unless it is known: best while nothing
    else runs. A declaration of another engine, and few rows, need nothing.
    """
    if spec.engine == "warehouse" and training_set.train_rows > FEW_ROWS:
        params = next(candidates(spec.algorithm))
        unit_costs(wh, TRAINERS[spec.algorithm.name].work(params)["trainer"])


def finished(spec: ModelSpec, document: Document, threshold: float | None) -> Document:
    """A trainer's document as a version of the model: its name, all declared inputs, the threshold."""
    inputs = tuple(Input(feature.name, feature.kind) for feature in spec.features)
    head = document.head
    if threshold is not None:
        cut = cut_of(threshold) if head.kind == "sigmoid" else float(threshold)
        head = Head(head.kind, head.classes, cut)
    return replace(document, name=spec.name, inputs=inputs, head=head)


def training_work(spec: ModelSpec, source: Source) -> TrainingWork:
    """What the planner must know of a training by the first candidate of the grid."""
    params = next(candidates(spec.algorithm))
    given = TRAINERS[spec.algorithm.name].work(params)
    folds = len(source.folds) + 1 if given["trainer"] == "cofactors" else 1
    given |= {"star": source.star, "folds": folds, "is_rounded": True}
    return TrainingWork(source.relation(), source.features, LABEL, **given)


def _timed(step: Callable[[], Any]) -> tuple[Any, float]:
    began = time.perf_counter()
    return step(), time.perf_counter() - began


def _search(
    wh: Warehouse, spec: ModelSpec, source: Source, trainer: Trainer, session: Session, tell: Tell
) -> _Found:
    tried = list(candidates(spec.algorithm))
    results, metric = [], METRICS[spec.selection_metric]
    if trainer.path is not None and not any("alpha" in params for params in tried):
        tried, results = _from_paths(source, trainer, session, tried, tell)
    if trainer.errors_of is not None and metric.name == "rmse":
        errors = _root_errors(source, trainer, session, tried)
        best = int(np.argmin([np.mean(values) for values in errors]))
        rows = [
            _result(p, "rmse", v, at == best) for at, (p, v) in enumerate(zip(tried, errors, strict=True))
        ]
        return _Found(tried[best], [*results, *rows], None, 0)
    return _scored_search(wh, spec, source, session, tried, results, tell)


def _scored_search(
    wh: Warehouse, spec: ModelSpec, source: Source, session: Session, tried: list[dict[str, Any]],
    results: list[dict[str, Any]], tell: Tell,
) -> _Found:  # fmt: skip
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
        return _Found(best[2]["params"], [*results, *made], threshold, bytes_out + 8)
    finally:
        if best is not None:
            best[1].drop()


def _from_paths(
    source: Source, trainer: Trainer, session: Session, tried: list[dict[str, Any]], tell: Tell
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Where no penalty is named: of each candidate's path the penalty with the least squared error out of
    fold, from sums alone; and what was tried.
    """
    chosen, results = [], []
    for params in tried:
        path = trainer.path(session, params)
        errors = _root_errors(source, trainer, session, path)
        best = int(np.argmin([np.mean(values) for values in errors]))
        results += [_result(p, "rmse", v, False) for p, v in zip(path, errors, strict=True)]
        tell(f"{len(path)} penalties on {len(source.folds)} folds from sums: alpha {path[best]['alpha']:.4g}")
        chosen.append(path[best])
    return chosen, results


def _root_errors(
    source: Source, trainer: Trainer, session: Session, tried: list[dict[str, Any]]
) -> list[list[float]]:
    """RMSE by candidate and fold, no row read."""
    by_fold = [trainer.errors_of(session, tried, one.number) for one in source.folds]
    return [[float(np.sqrt(value)) for value in values] for values in zip(*by_fold, strict=True)]


def _result(params: dict[str, Any], metric: str, values: list[float], is_chosen: bool) -> dict[str, Any]:
    mean = float(np.mean(values))
    return {"params": params, "metric": metric, "mean": mean, "folds": list(values), "is_chosen": is_chosen}


def _threshold(spec: ModelSpec, scores: OutOfFold) -> float | None:
    if not spec.is_classification:
        return None
    if spec.threshold.value is not None:
        return spec.threshold.value
    return scores.threshold(spec.threshold.maximise)


def _measured(
    wh: Warehouse, spec: ModelSpec, training_set: TrainingSet, plan: TrainingPlan, found: _Found, fit: Fit,
    record: dict[str, Any], started: float,
) -> FittedModel:  # fmt: skip
    before = wh.bytes_out
    document = finished(spec, fit.document, found.threshold)
    with scored_rows(wh, spec, training_set, document) as table:
        train, test = (read_scored(wh, spec, table, split) for split in ("train", "test"))
    sample = sample_rows(wh, spec, training_set, SAMPLE_ROWS)
    record["measure_bytes_out"] = wh.bytes_out - before
    return FittedModel(
        spec=spec,
        estimator=None,
        document=document,
        params=found.params,
        threshold=found.threshold,
        cv_results=found.results,
        metrics=measured(spec, found.threshold, train, test),
        curves=curves(spec.task, test.label, test.score, test.date),
        feature_importance=dict.fromkeys(spec.feature_names, 0.0) | dict(fit.importance),
        train_rows=len(train.label),
        test_rows=len(test.label),
        seconds=time.perf_counter() - started,
        bytes_out=sum(record[f"{step}_bytes_out"] for step in ("fit", "search", "measure")),
        peak_memory_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        sample=sample,
        training=record,
        plan=None if spec.engine == "bqml" else plan,  # there was nothing to choose
    )
