"""`engine: warehouse` on both engines, BigQuery's part executed by the emulator: the same document and
metrics.

What was sent is analyzed by ZetaSQL. Boosted trees stand in `test_registry_on_both`; generalised linear
models need more digits than the emulator's NUMERIC has, and are evaluated by ZetaSQL
(`test_judged_training`).
"""

from __future__ import annotations

import pytest

from ml.indb import training_plan
from ml.spec_fields import Algorithm
from ml.train import train
from ml.training_set import build_training_set
from tests.ml.bigquery.small_star_on_both import build_both
from tests.ml.small_star import REGRESSION, declared
from tests.peers.recorded import judged, recording

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("task", "name", "params"),
    [
        ("regression", "linear", {}),
        ("regression", "lasso", {"alpha": 0.5}),
        ("classification", "naive_bayes", {}),
        ("classification", "lda", {}),
        ("regression", "forest", {"n_estimators": 2, "max_depth": 3}),
    ],
)
def test_a_trainer_gives_the_same_model(wh, bigquery_wh, judge, tmp_path, monkeypatch, task, name, params):
    monkeypatch.setattr(training_plan, "FEW_ROWS", 100_000)  # what the server's sums cost is not measured
    build_both(wh, bigquery_wh)
    spec = declared(tmp_path, *(REGRESSION if task == "regression" else ()))
    chosen = {"engine": "warehouse", "algorithm": Algorithm(name=name, params=params)}
    spec = spec.model_copy(update=chosen)
    postgres = train(wh, spec, build_training_set(wh, spec))
    with recording(bigquery_wh) as kept:
        bigquery = train(bigquery_wh, spec, build_training_set(bigquery_wh, spec))
    assert bigquery.document.sha256 == postgres.document.sha256
    assert bigquery.metrics == postgres.metrics and bigquery.threshold == postgres.threshold
    assert bigquery.feature_importance == postgres.feature_importance
    count, refused = judged(judge, kept)
    assert refused == [] and count > 20
