"""Smaller variants of a registered version, and one of them as a version of its own.

Belongs here: the held-out rows of the version's test window, and registering a variant with its own metrics.
Does not belong here: how a variant is made and tested (`ml.document.variants`), promotion.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING

from ml import artifact, registry
from ml.document.variants.offers import Offers, offer
from ml.evaluate import curves
from ml.fitted_document import document_scores
from ml.predictor import Predictor
from ml.registry_artifact import artifact_content
from ml.registry_version import RegistryError
from ml.train import FittedModel, measure_document, read_rows, sample_of
from ml.training_set import build_training_set

if TYPE_CHECKING:
    from ml.cross_validation import Rows
    from ml.document import Document
    from ml.document.parity import Surface
    from ml.document.variants.non_inferiority import Margin
    from ml.registry import ModelVersion
    from ml.spec import ModelSpec
    from ml.training_set import TrainingSet
    from warehouse.client import Warehouse


def variants_of(
    wh: Warehouse, spec: ModelSpec | str, version: int | None = None, margin: Margin | None = None
) -> Offers:
    """The variants of the champion (or of the version named) that are no worse on its test window, with size
    and speed beside it, and those that were refused.

    Raises:
        NoChampionError: no version was named and none is in charge.
        RegistryError: there is no such version.
    """
    predictor = Predictor.load(wh, spec, version)
    rows = read_rows(wh, predictor.spec, build_training_set(wh, predictor.spec), "test")
    return _offers(predictor, rows, margin)


def _offers(predictor: Predictor, rows: Rows, margin: Margin | None = None) -> Offers:
    return offer(predictor.document, rows.table, rows.label, rows.date, predictor.spec.task, margin=margin)


def register_variant(
    wh: Warehouse,
    spec: ModelSpec | str,
    name: str,
    code_version: str,
    version: int | None = None,
    http_of: Callable[[Predictor], AbstractContextManager[Surface]] | None = None,
) -> ModelVersion:
    """Register the offered variant `name` as the next version, measured and judged as any other; promoting it
    is another step. `http_of` opens the HTTP surface of a version, for the parity check.

    Raises:
        RegistryError: the variant is not offered; says why, and which are.
    """
    predictor = Predictor.load(wh, spec, version)
    training_set = build_training_set(wh, predictor.spec)
    test = read_rows(wh, predictor.spec, training_set, "test")
    offers = _offers(predictor, test)
    chosen = next((one for one in offers.offered if one.name == name), None)
    if chosen is None:
        why = next((one.reason for one in offers.refused if one.name == name), "there is no such variant")
        have = ", ".join(one.name for one in offers.offered) or "none"
        raise RegistryError(
            f"variant {name!r} of {predictor.spec.name} version {predictor.version}: {why}. Offered: {have}."
        )
    document = replace(chosen.document, name=predictor.spec.name)
    fitted = _fitted(wh, predictor, document, name, training_set, test)
    registered = registry.register(wh, fitted, training_set, code_version)
    opened = http_of(Predictor.load(wh, spec, registered.version)) if http_of else nullcontext()
    with opened as http:
        registry.judge_version(wh, registered.model_name, registered.version, fitted.sample, http)
    return registered


def _fitted(
    wh: Warehouse, predictor: Predictor, document: Document, variant: str, training_set: TrainingSet,
    test: Rows,
) -> FittedModel:  # fmt: skip
    began, bytes_before, spec = time.perf_counter(), wh.bytes_out, predictor.spec
    rows = read_rows(wh, spec, training_set, "train")
    address = predictor.registered.estimator_sha256
    score = document_scores(document, test.table)
    return FittedModel(
        spec=spec,
        estimator=None if address is None else artifact.load(artifact_content(wh, address), address),
        document=document,
        params={**predictor.registered.params, "variant": variant, "variant_of": predictor.version},
        threshold=predictor.threshold,
        cv_results=predictor.registered.cv_results,
        metrics=measure_document(spec, document, predictor.threshold, rows, test, score),
        curves=curves(spec.task, test.label, score, test.date),
        feature_importance=_importance(wh, predictor),
        train_rows=len(rows.label),
        test_rows=len(test.label),
        seconds=time.perf_counter() - began,
        bytes_out=wh.bytes_out - bytes_before,
        peak_memory_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        sample=sample_of(spec, test.table),
    )


def _importance(wh: Warehouse, predictor: Predictor) -> dict[str, float]:
    rows = wh.query(
        "select feature, importance from ml.feature_importance "
        "where model_name = %(name)s and version = %(version)s",
        {"name": predictor.spec.name, "version": predictor.version},
    )
    return {row["feature"]: row["importance"] for row in rows}
