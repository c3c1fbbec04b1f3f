"""Training and registry on both engines, BigQuery's part executed by the emulator: the same training set,
document, metrics, champion and history. What was sent is analyzed by ZetaSQL.
"""

from __future__ import annotations

import pytest

from ml import registry
from ml.indb import training_plan
from ml.indb.training_record import last_training
from ml.registry import Contender
from ml.train import train
from ml.training_set import build_training_set
from tests.ml.bigquery.small_star_on_both import build_both
from tests.ml.small_star import declared
from tests.peers.recorded import judged, recording

pytestmark = pytest.mark.slow
LIBRARY = (", grid: {num_leaves: [4, 8]}", ""), ("n_estimators: 30", "n_estimators: 5")
WAREHOUSE = (
    ("algorithm: {name: lightgbm", "engine: warehouse\nalgorithm: {name: gradient_boosting"),
    (
        "n_estimators: 30, min_child_samples: 20}, grid: {num_leaves: [4, 8]}",
        "n_estimators: 3, max_depth: 2}",
    ),
)


def from_training_to_rollback(wh, spec):
    """Two versions of one fit, judged, in a contest, promoted one after the other, and back: what is kept."""
    training_set = build_training_set(wh, spec)
    fitted = train(wh, spec, training_set)
    versions = [registry.register(wh, fitted, training_set, f"code-{n}") for n in range(2)]
    gates = [registry.judge_version(wh, "late", v.version, fitted.sample) for v in versions]
    contenders = [Contender("declared", spec.engine, spec.algorithm.name, 1, "auc", 0.7)]
    contest = registry.hold_contest(
        wh, "late", [*contenders, Contender("b", "library", "lightgbm", 2, "auc", 0.6)]
    )
    for version in versions:
        registry.promote(wh, "late", version.version, "tester", "better")
    registry.rollback(wh, "late", "tester", "it's \\ worse")
    spent = {"registered_at", "trained_at", "seconds", "bytes_out", "peak_memory_mb", "training"}
    row = wh.query("select * from ml.model_version where version = 2")[0]
    plan = last_training(wh, "late")
    return {
        "set": training_set, "row": {name: value for name, value in row.items() if name not in spent},
        "metrics": registry.metrics_of(wh, "late", 2), "gates": gates,
        "parity": registry.parity_of(wh, "late", 1), "champion": registry.champion(wh, "late").version,
        "events": [
            (e.event_id, e.action, e.from_version, e.to_version, e.actor, e.reason)
            for e in registry.history(wh, "late")
        ],
        "contest": [{k: v for k, v in one.items() if k != "held_at"} for one in contest],
        "curves": wh.query("select * from ml.model_curve order by version, curve, point"),
        "importance": wh.query("select * from ml.feature_importance order by version, feature"),
        "plan": plan and (plan["plan_id"], plan["way"], plan["statistics"]["rows"]),
        "artifact": registry.artifact_content(wh, versions[0].artifact_sha256), "scored": scored(wh),
    }  # fmt: skip


def scored(wh):
    """What the champion's stored SELECT gives."""
    parts = wh.query("select before, features, after from ml.champion_sql where model_name = 'late'")[0]
    text = parts["before"] + parts["features"] + parts["after"]
    if wh.dialect == "postgres":
        rows = wh.query(text)
    else:
        rows = [dict(row.items()) for row in wh.google_client.query(text).result()]
    return sorted(rows, key=lambda row: row["flight_key"])


@pytest.mark.parametrize("changes", [LIBRARY, WAREHOUSE], ids=["library", "warehouse"])
def test_a_model_from_training_to_rollback(wh, bigquery_wh, judge, tmp_path, monkeypatch, changes):
    monkeypatch.setattr(training_plan, "FEW_ROWS", 100_000)  # what the server's sums cost is not measured
    build_both(wh, bigquery_wh)
    spec = declared(tmp_path, *changes)
    postgres = from_training_to_rollback(wh, spec)
    with recording(bigquery_wh) as kept:
        bigquery = from_training_to_rollback(bigquery_wh, spec)
    found, wanted = (one["row"].pop("cv_results") for one in (bigquery, postgres))
    assert bigquery == postgres
    for one, other in zip(found, wanted, strict=True):
        # A mean over rows is a NUMERIC, of which the emulator keeps five digits behind the point.
        assert one.pop("mean") == pytest.approx(other.pop("mean"), abs=1e-5)
        assert one.pop("folds") == pytest.approx(other.pop("folds"), abs=1e-5)
        assert one == other
    assert postgres["champion"] == 1 and [one[0] for one in postgres["events"]] == [1, 2, 3]
    count, refused = judged(judge, kept)
    assert refused == [] and count > 60
