"""A registered version of a model, and how versions are read.

Belongs here: the read side of the registry. Does not belong here: anything that writes (`ml.registry`,
`ml.registry_promotion`).
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import ml.registry_tables  # noqa: F401  what it declares tells which columns hold objects

if TYPE_CHECKING:
    from ml.spec import ModelSpec
    from warehouse.client import Warehouse


class RegistryError(RuntimeError):
    """The registry does not hold what was asked for, or cannot take what was given."""


@dataclass(frozen=True)
class ModelVersion:
    """One row of ml.model_version. Dates are local and inclusive, instants UTC, `seconds` wall time of
    training, `bytes_out` the bytes that left the warehouse for it. `estimator_sha256` is None where the
    warehouse fitted it: its document is all there is."""

    model_name: str
    version: int
    task: str
    algorithm: str
    spec: dict[str, Any]
    params: dict[str, Any]
    threshold: float | None
    cv_results: list[dict[str, Any]]
    train_start: dt.date
    train_end: dt.date
    test_start: dt.date
    test_end: dt.date
    training_relation: str
    training_rows: int
    test_rows: int
    training_set_sha256: str
    code_version: str
    libraries: dict[str, str]
    artifact_sha256: str
    estimator_sha256: str | None
    trained_at: dt.datetime
    seconds: float
    bytes_out: int
    peak_memory_mb: float | None
    registered_at: dt.datetime

    def declaration(self) -> ModelSpec:
        """The declaration as it stood when this version was trained; today's file may say something else.

        Raises:
            RegistryError: this code's declarations have other fields.
        """
        from pydantic import ValidationError

        from ml.spec import ModelSpec

        try:
            return ModelSpec.model_validate(self.spec)
        except ValidationError as error:
            findings = "; ".join(
                f"{'.'.join(map(str, finding['loc']))}: {finding['msg']}"
                for finding in error.errors(include_url=False, include_context=False)
            )
            raise RegistryError(
                f"{self.model_name} version {self.version}: its stored declaration is not one this code "
                f"understands: {findings}. Train the model again."
            ) from error


_COLUMNS = ", ".join(ModelVersion.__dataclass_fields__)


@dataclass(frozen=True)
class StoredMetric:
    """One row of ml.model_metric; the names are those of `ml.evaluate.MetricRow`."""

    split: str
    subject: str
    metric: str
    value: float | None
    ci_low: float | None
    ci_high: float | None
    n: int


def versions(wh: Warehouse, model_name: str) -> list[ModelVersion]:
    """All versions of a model, oldest first; empty where there is none, or no registry yet."""
    if not wh.table_exists("ml", "model_version"):
        return []
    sql = f"select {_COLUMNS} from ml.model_version where model_name = %(name)s order by version"
    return [ModelVersion(**row) for row in wh.query(sql, {"name": model_name})]


def find_version(wh: Warehouse, model_name: str, version: int) -> ModelVersion:
    """One version.

    Raises:
        RegistryError: there is no such version; names those there are.
    """
    found = versions(wh, model_name)
    for candidate in found:
        if candidate.version == version:
            return candidate
    have = ", ".join(str(candidate.version) for candidate in found) or "none"
    raise RegistryError(
        f"model {model_name!r} has no version {version!r}; registered: {have}. "
        "Train it, or name one of these."
    )


def champion(wh: Warehouse, model_name: str) -> ModelVersion | None:
    """The version in charge, or None where none was promoted yet."""
    if not wh.table_exists("ml", "model_champion"):
        return None
    columns = ", ".join(f"v.{column}" for column in ModelVersion.__dataclass_fields__)
    rows = wh.query(
        f"select {columns} from ml.model_champion c join ml.model_version v using (model_name, version) "
        "where c.model_name = %(name)s",
        {"name": model_name},
    )
    return ModelVersion(**rows[0]) if rows else None


def metrics_of(wh: Warehouse, model_name: str, version: int) -> list[StoredMetric]:
    """Every stored metric of a version, as `ml.gates.judge` takes it."""
    sql = (
        "select split, subject, metric, value, ci_low, ci_high, n from ml.model_metric "
        "where model_name = %(name)s and version = %(version)s order by split, subject, metric"
    )
    return [StoredMetric(**row) for row in wh.query(sql, {"name": model_name, "version": version})]
