"""A fitted, registered model on the small star, for tests of everything that comes after training.

Belongs here: one training of the model of `small_star`, shared by the tests of a session, and its
registration in a test's own database. The star is the same in every database, so a model fitted on one is
right for all.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa

from ml import registry
from ml.feature_frame import to_frame
from ml.fitted_document import document_of
from ml.registry_version import ModelVersion
from ml.spec import ModelSpec
from ml.train import FittedModel, train
from ml.training_set import TrainingSet, build_training_set
from tests.ml.small_star import build_star, declared
from warehouse.client import Warehouse

_trained: dict[str, tuple[FittedModel, TrainingSet]] = {}


@cache
def late_spec() -> ModelSpec:
    """The classifier of the small star, with one candidate only."""
    return declared(Path(tempfile.mkdtemp()), (", grid: {num_leaves: [4, 8]}", ""))


def fitted_late(wh: Warehouse, is_built: bool = False) -> tuple[FittedModel, TrainingSet]:
    """Builds the star in an empty database, and trains on it once a session."""
    if not is_built:
        build_star(wh)
    if "late" not in _trained:
        training_set = build_training_set(wh, late_spec())
        _trained["late"] = train(wh, late_spec(), training_set), training_set
    return _trained["late"]


def registered_late(wh: Warehouse, versions: int = 1) -> list[ModelVersion]:
    """The star and that many versions of the model, all judged, none in charge."""
    fitted, training_set = fitted_late(wh)
    made = [registry.register(wh, fitted, training_set, f"code-{n}") for n in range(versions)]
    for version in made:
        registry.judge_version(wh, version.model_name, version.version)
    return made


def champion_late(wh: Warehouse) -> ModelVersion:
    """As `registered_late`, with the one version in charge."""
    (version,) = registered_late(wh)
    return registry.promote(wh, "late", version.version, "tester", "first")


def other_fit(fitted: FittedModel) -> FittedModel:
    """A model that scores differently: the same pipeline with fewer trees."""
    from sklearn.base import clone

    rows = random_rows(400, seed=5)
    frame = to_frame(fitted.spec.features, rows)
    estimator = clone(fitted.estimator).set_params(model__n_estimators=3)
    estimator.fit(frame, (np.arange(400) % 3 == 0).astype(np.int64))
    document = document_of(fitted.spec, estimator, fitted.threshold)
    return replace(fitted, estimator=estimator, document=document)


def random_rows(rows: int, seed: int = 0) -> pa.Table:
    """Feature rows of the small star's model, with nulls and a category training never saw."""
    rng = np.random.default_rng(seed)
    return pa.table(
        {
            "carrier_id": pa.array(rng.choice(["A", "B", "C", "new", None], rows).tolist(), pa.string()),
            "departure_hour": pa.array(rng.integers(0, 24, rows), pa.int64()),
            "queue_count": pa.array(rng.integers(0, 10, rows), pa.int64(), mask=rng.random(rows) < 0.1),
            "is_even": pa.array(rng.random(rows) < 0.5, pa.bool_(), mask=rng.random(rows) < 0.1),
        }
    )
