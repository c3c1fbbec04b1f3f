"""Registering and judging: what comes back is what was put in, bytes are kept once, and failure leaves
nothing.
"""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest

from ml import artifact, registry
from ml.gates import judge
from tests.ml.small_model import fitted_late, late_spec, other_fit, registered_late
from warehouse.client import WarehouseError


def count(wh, table):
    return wh.scalar(f"select count(*) from ml.{table}")


def test_a_version_comes_back_as_it_was_registered(wh):
    fitted, training_set = fitted_late(wh)
    made = registry.register(wh, fitted, training_set, "abc123")
    assert made == registry.find_version(wh, "late", 1) == registry.versions(wh, "late")[0]
    assert (made.version, made.task, made.algorithm, made.code_version) == (
        1,
        "classification",
        "lightgbm",
        "abc123",
    )
    assert made.params == fitted.params and made.threshold == fitted.threshold
    assert made.declaration() == late_spec()
    assert (made.train_start, made.test_end) == (late_spec().split.train_start, late_spec().split.test_end)
    assert (made.training_rows, made.test_rows) == (training_set.train_rows, training_set.test_rows)
    assert made.training_set_sha256 == training_set.content_sha256
    assert made.training_relation == "training.trn_late"
    assert made.libraries["scikit-learn"] and made.bytes_out == fitted.bytes_out
    assert made.trained_at.utcoffset().total_seconds() == 0


def test_metrics_curves_and_importance_come_back_exactly(wh):
    fitted, training_set = fitted_late(wh)
    registry.register(wh, fitted, training_set, "abc123")
    stored = {(m.split, m.subject, m.metric): m for m in registry.metrics_of(wh, "late", 1)}
    assert len(stored) == len(fitted.metrics) > 20
    for row in fitted.metrics:
        kept = stored[row.split, row.subject, row.metric]
        assert (kept.value, kept.ci_low, kept.ci_high, kept.n) == (row.value, row.ci_low, row.ci_high, row.n)
    points = wh.query("select curve, coordinates from ml.model_curve order by curve, point")
    for curve, wanted in fitted.curves.items():
        assert [p["coordinates"] for p in points if p["curve"] == curve] == wanted
    importance = {r["feature"]: r["importance"] for r in wh.query("select * from ml.feature_importance")}
    assert importance == fitted.feature_importance


def test_a_number_that_is_none_becomes_null(wh):
    fitted, training_set = fitted_late(wh)
    bad = replace(fitted.metrics[0], value=math.nan, ci_low=-math.inf, ci_high=math.inf)
    registry.register(wh, replace(fitted, metrics=[bad]), training_set, "x")
    (kept,) = registry.metrics_of(wh, "late", 1)
    assert (kept.value, kept.ci_low, kept.ci_high) == (None, None, None)


def test_equal_bytes_are_kept_once_and_others_beside(wh):
    fitted, training_set = fitted_late(wh)
    first, second = (registry.register(wh, fitted, training_set, "x") for _ in range(2))
    third = registry.register(wh, other_fit(fitted), training_set, "x")
    assert [first.version, second.version, third.version] == [1, 2, 3]
    assert first.artifact_sha256 == second.artifact_sha256 != third.artifact_sha256
    assert count(wh, "artifact") == 4, "a document and the fitted object of each"
    content = registry.artifact_content(wh, third.artifact_sha256)
    assert artifact.digest(content) == third.artifact_sha256


def test_a_failed_registration_leaves_nothing(wh):
    fitted, training_set = fitted_late(wh)
    with pytest.raises(WarehouseError):
        registry.register(wh, replace(fitted, metrics=[fitted.metrics[0]] * 2), training_set, "x")
    assert [count(wh, t) for t in ("artifact", "model_version", "model_metric")] == [0, 0, 0]


def test_an_object_that_may_not_be_stored_is_refused_before_anything_is_written(wh):
    from sklearn.neighbors import KNeighborsClassifier

    fitted, training_set = fitted_late(wh)
    with pytest.raises(artifact.ArtifactError, match="KNeighborsClassifier"):
        registry.register(wh, replace(fitted, estimator=KNeighborsClassifier()), training_set, "x")
    assert not wh.table_exists("ml", "artifact")


def test_judging_stores_one_result_a_gate_and_replaces_an_earlier_one(wh):
    (version,) = registered_late(wh)
    results = registry.judge_version(wh, "late", 1)
    assert results == judge(late_spec(), registry.metrics_of(wh, "late", 1))
    rows = wh.query("select * from ml.gate_result order by gate_number")
    assert [(r["gate"], r["is_passed"], r["value"]) for r in rows] == [
        (r.gate, r.is_passed, r.value) for r in results
    ]
    registry.record_gates(wh, version, results[:1])
    assert count(wh, "gate_result") == 1


def test_without_a_registry_there_is_nothing_and_no_error(wh):
    assert registry.champion(wh, "late") is None
    assert registry.versions(wh, "late") == []
    assert registry.history(wh, "late") == []


def test_an_unknown_version_is_refused_naming_those_there_are(wh):
    registered_late(wh, versions=2)
    with pytest.raises(registry.RegistryError, match="registered: 1, 2"):
        registry.find_version(wh, "late", 3)
    with pytest.raises(registry.RegistryError, match="registered: none"):
        registry.judge_version(wh, "other", 1)
    with pytest.raises(registry.RegistryError, match="no artifact"):
        registry.artifact_content(wh, "0" * 64)


def test_a_declaration_of_other_fields_is_refused_by_name(wh):
    (version,) = registered_late(wh)
    older = replace(version, spec=json.loads(json.dumps(version.spec)) | {"colour": "red"})
    with pytest.raises(registry.RegistryError, match=r"late version 1.*Train the model again"):
        older.declaration()
