"""A model of BigQuery ML from training to champion: the same registry, gates and parity check as any other.

BigQuery's part is the emulator's; CREATE MODEL and ML.* are answered by scikit-learn (`answering`),
analyzed by ZetaSQL, and ran on BigQuery ML nowhere.
"""

from __future__ import annotations

import pytest

from ml import registry
from ml.train import train
from ml.training_set import build_training_set
from tests.ml.bigquery.answering import Answering
from tests.ml.bigquery.small_star_on_both import build_both
from tests.ml.small_star import MODEL, REGRESSION, declared

pytestmark = pytest.mark.slow
FEATURES = {"carrier_id": "STRING", "departure_hour": "FLOAT64", "queue_count": "FLOAT64", "is_even": "BOOL"}
LIGHTGBM = next(line for line in MODEL.splitlines() if line.startswith("algorithm:"))


@pytest.mark.parametrize(
    ("changes", "algorithm"),
    [((), "{name: logistic, params: {l2_reg: 0.1}}"), (REGRESSION, "{name: linear}")],
    ids=["logistic", "linear"],
)
def test_it_is_trained_judged_and_promoted(wh, bigquery_wh, judge, tmp_path, monkeypatch, changes, algorithm):
    build_both(wh, bigquery_wh)
    spec = declared(tmp_path, *changes, (LIGHTGBM, f"engine: bqml\nalgorithm: {algorithm}"))
    training_set = build_training_set(bigquery_wh, spec)
    rows = bigquery_wh.fetch_arrow("select * from training.trn_late")
    if judge.columns("training.trn_late") is not None:
        judge._ask(what="drop", name="training.trn_late")
    judge.load("training.trn_late", rows)
    answers = Answering(judge, FEATURES, evaluate=bigquery_wh.run_googlesql)
    monkeypatch.setattr(bigquery_wh, "run_googlesql", answers.run_googlesql, raising=True)
    fitted = train(bigquery_wh, spec, training_set)
    kinds = [text.split()[0] for text in answers.sent_to_ml]
    assert kinds.count("create") == spec.cross_validation.folds + 1 and kinds.count("drop") == 3
    assert fitted.training["engine"] == "bqml" and fitted.plan is None and fitted.estimator is None
    assert "by BigQuery ML as `ml`.`mdl_late__" in fitted.training["how"]
    values = {
        row.metric: row.value for row in fitted.metrics if (row.split, row.subject) == ("test", "model")
    }
    assert values["auc"] > 0.6 if spec.is_classification else values["r2"] > 0.1
    version = registry.register(bigquery_wh, fitted, training_set, "code")
    gates = registry.judge_version(bigquery_wh, "late", version.version, fitted.sample)
    assert gates and all(gate.is_passed for gate in gates)
    registry.promote(bigquery_wh, "late", version.version, "tester", "first")
    assert registry.champion(bigquery_wh, "late").algorithm == spec.algorithm.name
    parity = registry.parity_of(bigquery_wh, "late", version.version)
    assert parity is not None
