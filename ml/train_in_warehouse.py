"""Fit a declared model inside the warehouse and measure it: `engine: warehouse`, or `bqml`.

The same search, the same threshold rule and the same measures as `ml.train`; what differs is where the rows
are. Belongs here: the final fit, the document with its threshold, the measures, and what left the warehouse
for each. Does not belong here: the search over the grid (`ml.warehouse_search`), the trainers
(`ml.indb.trainers`), storing.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

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
from ml.warehouse_scores import read_scored, sample_rows, scored_rows
from ml.warehouse_search import Found, search

if TYPE_CHECKING:
    from ml.indb.trainers.registry import Fit
    from ml.indb.training_plan import TrainingPlan
    from ml.spec import ModelSpec
    from ml.training_set import TrainingSet
    from warehouse.client import Warehouse

Tell = Callable[[str], None]


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
        found = search(wh, spec, source, trainer, session, tell)
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
    if wh.dialect == "postgres" and spec.engine == "warehouse" and training_set.train_rows > FEW_ROWS:
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


def _measured(
    wh: Warehouse, spec: ModelSpec, training_set: TrainingSet, plan: TrainingPlan, found: Found, fit: Fit,
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
