"""The registry of fitted models: rows in schema `ml`, each change one transaction.

Belongs here: registering a fitted model and its gates, and the names by which the rest of the code reaches
the registry. Does not belong here: DDL (`ml.registry_schema`), reading (`ml.registry_version`), promotion
(`ml.registry_promotion`).
"""

from __future__ import annotations

import importlib.metadata
import json
import math
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ml import artifact
from ml.gates import GateResult, judge
from ml.indb.training_record import record_training
from ml.registry_artifact import artifact_content, keep_artifact
from ml.registry_contest import Contender, hold_contest, last_contest
from ml.registry_parity import check_version, keep_golden_rows, parity_of
from ml.registry_promotion import PromotionError, PromotionEvent, history, lock_model, promote, rollback
from ml.registry_schema import ensure_model, ensure_schema
from ml.registry_version import (
    ModelVersion,
    RegistryError,
    champion,
    find_version,
    metrics_of,
    versions,
)

if TYPE_CHECKING:
    import pyarrow as pa

    from ml.document.parity import Surface
    from ml.train import FittedModel
    from ml.training_set import TrainingSet
    from warehouse.client import Warehouse

__all__ = [
    "Contender",
    "ModelVersion",
    "PromotionError",
    "PromotionEvent",
    "RegistryError",
    "artifact_content",
    "champion",
    "check_version",
    "ensure_model",
    "ensure_schema",
    "find_version",
    "history",
    "hold_contest",
    "judge_version",
    "last_contest",
    "metrics_of",
    "parity_of",
    "promote",
    "record_gates",
    "register",
    "rollback",
    "versions",
]

ROWS_AT_ONCE = 500
LIBRARIES = ("numpy", "scikit-learn", "lightgbm", "skops", "pandas", "pyarrow")


def _plain(value: Any) -> Any:
    """JSON has no NaN and no infinity, and Postgres' jsonb refuses them: they become null."""
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if hasattr(value, "item"):
        return _plain(value.item())
    return value


def _json(value: Any) -> str:
    return json.dumps(_plain(value), allow_nan=False, default=str)


def _libraries() -> dict[str, str]:
    return {
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in LIBRARIES},
    }


def _insert(
    wh: Warehouse, table: str, key: dict[str, Any], names: Sequence[str], rows: Sequence[dict]
) -> None:
    """Insert rows below a model version, many in one statement."""
    columns = ", ".join(names)
    for first in range(0, len(rows), ROWS_AT_ONCE):
        values, params = [], dict(key)
        for number, row in enumerate(rows[first : first + ROWS_AT_ONCE]):
            params |= {f"{name}_{number}": _plain(row[name]) for name in names}
            listed = ", ".join(f"%({name}_{number})s" for name in names)
            values.append(f"(%(model_name)s, %(version)s, {listed})")
        wh.execute(
            f"insert into ml.{table} (model_name, version, {columns}) values {', '.join(values)}", params
        )


_METRIC = ("split", "subject", "metric", "value", "ci_low", "ci_high", "n")
_CURVE = ("curve", "point", "coordinates")
_IMPORTANCE = ("feature", "importance")
_GATE = ("gate_number", "gate", "metric", "split", "criterion", "threshold", "value", "is_passed", "reason")


def _version_row(
    fitted: FittedModel, training_set: TrainingSet, code_version: str, estimator_sha256: str | None
) -> dict[str, Any]:
    spec = fitted.spec
    return {
        "task": spec.task,
        "algorithm": spec.algorithm.name,
        "spec": _json(spec.model_dump(mode="json")),
        "params": _json(fitted.params),
        "threshold": fitted.threshold,
        "cv_results": _json(fitted.cv_results),
        **{
            name: getattr(spec.split, name) for name in ("train_start", "train_end", "test_start", "test_end")
        },
        "training_relation": training_set.relation,
        "training_rows": fitted.train_rows,
        "test_rows": fitted.test_rows,
        "training_set_sha256": training_set.content_sha256,
        "code_version": code_version,
        "libraries": _json(_libraries()),
        "artifact_sha256": fitted.document.sha256,
        "estimator_sha256": estimator_sha256,
        "seconds": fitted.seconds,
        "bytes_out": fitted.bytes_out,
        "peak_memory_mb": fitted.peak_memory_mb,
        "training": None if fitted.training is None else _json(fitted.training),
    }


def _insert_version(wh: Warehouse, model_name: str, row: dict[str, Any]) -> int:
    """The next version; within a transaction that holds the model's lock."""
    last = "select coalesce(max(version), 0) from ml.model_version where model_name = %(model_name)s"
    version = 1 + wh.scalar(last, {"model_name": model_name})
    columns, values = ", ".join(row), ", ".join(f"%({name})s" for name in row)
    wh.execute(
        f"insert into ml.model_version (model_name, version, trained_at, {columns}) "
        f"values (%(model_name)s, %(version)s, now(), {values})",
        {"model_name": model_name, "version": version, **row},
    )
    return version


def register(
    wh: Warehouse, fitted: FittedModel, training_set: TrainingSet, code_version: str
) -> ModelVersion:
    """Store a fitted model as the next version: its document and, where a library made one, the fitted
    object; metrics, curves and importance; all in one transaction.

    Both artifacts are loaded back through every check before the first row is written: the registry never
    points to bytes that cannot be used. Equal bytes are kept once.

    Raises:
        ArtifactError: the fitted object holds a type outside the allow-list.
    """
    estimator = address = None
    if fitted.estimator is not None:
        estimator = artifact.dump(fitted.estimator)
        address = artifact.digest(estimator)
        artifact.load(estimator, address)
    document = fitted.document.text.encode()
    artifact.load_document(document, fitted.document.sha256)
    name = fitted.spec.name
    ensure_model(wh, name)
    with wh.transaction():
        lock_model(wh, name)
        if estimator is not None:
            keep_artifact(wh, estimator, artifact.FORMAT)
        keep_artifact(wh, document, artifact.DOCUMENT_FORMAT)
        version = _insert_version(wh, name, _version_row(fitted, training_set, code_version, address))
        key = {"model_name": name, "version": version}
        _insert(wh, "model_metric", key, _METRIC, [asdict(row) for row in fitted.metrics])
        keep_golden_rows(wh, key, fitted.document, fitted.sample)
        curve_rows = [
            {"curve": curve, "point": number, "coordinates": _json(point)}
            for curve, points in fitted.curves.items()
            for number, point in enumerate(points)
        ]
        _insert(wh, "model_curve", key, _CURVE, curve_rows)
        importance = [{"feature": f, "importance": share} for f, share in fitted.feature_importance.items()]
        _insert(wh, "feature_importance", key, _IMPORTANCE, importance)
        if fitted.plan is not None:
            spent = fitted.training or {}
            record_training(
                wh, name, fitted.plan, spent["fit_seconds"], spent["fit_bytes_out"], version=version
            )
        return find_version(wh, name, version)


def record_gates(wh: Warehouse, version: ModelVersion, results: Sequence[GateResult]) -> None:
    """Store the judgement of a version, in place of an earlier one, in one transaction."""
    key = {"model_name": version.model_name, "version": version.version}
    rows = [{"gate_number": number, **asdict(result)} for number, result in enumerate(results)]
    with wh.transaction():
        lock_model(wh, version.model_name)
        wh.execute(
            "delete from ml.gate_result where model_name = %(model_name)s and version = %(version)s", key
        )
        _insert(wh, "gate_result", key, _GATE, rows)


def judge_version(
    wh: Warehouse,
    model_name: str,
    version: int,
    sample: pa.Table | None = None,
    http: Surface | None = None,
) -> list[GateResult]:
    """Judge a version by the gates it was declared with and its stored metrics, check the parity of its
    evaluators (on rows of `sample`, and over HTTP where a surface is given), and store what was found.

    Raises:
        RegistryError: there is no such version.
    """
    found = find_version(wh, model_name, version)
    results = judge(found.declaration(), metrics_of(wh, model_name, version))
    record_gates(wh, found, results)
    check_version(wh, found, sample, http)
    return results
