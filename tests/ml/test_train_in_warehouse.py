"""`engine: warehouse`: the same search, threshold and measures as a library's training, and the rows stay."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from ml import registry
from ml.document import Evaluator
from ml.evaluate import best_threshold
from ml.fitted_model import TrainingError
from ml.indb import training_plan
from ml.indb.trainers import TRAINERS, trees
from ml.indb.training_record import last_training, training_text
from ml.metrics import METRICS, Sample
from ml.predictor import Predictor
from ml.score import score
from ml.train import train
from ml.warehouse_scores import out_of_fold
from tests.ml.indb.way_units import UNIT
from tests.ml.warehouse_star import FOLDS, WarehouseStar


@pytest.fixture(autouse=True)
def no_calibration(monkeypatch):
    """The star is small, and what the server's sums cost is another test's matter."""
    monkeypatch.setattr(training_plan, "FEW_ROWS", 10_000)


@pytest.fixture(scope="module")
def star(rows_wh, tmp_path_factory):
    return WarehouseStar(rows_wh, tmp_path_factory.mktemp("star"))


def fitted(star, task, name, told=None, **params):
    grid = params.pop("grid", {})
    spec = star.spec(task, name, **params)
    spec = spec.model_copy(update={"algorithm": spec.algorithm.model_copy(update={"grid": grid})})
    return train(star.wh, spec, star.training_set(task), told)


def test_a_grid_is_searched_in_order_of_time_and_the_model_is_measured_as_any_other(star):
    told: list[str] = []
    made = fitted(star, "classification", "gradient_boosting", told.append, n_estimators=5,
                  grid={"max_depth": (1, 3)})  # fmt: skip
    assert [tried["params"]["max_depth"] for tried in made.cv_results] == [1, 3]
    chosen = min(made.cv_results, key=lambda tried: tried["mean"])
    assert chosen["is_chosen"] and chosen["params"] == made.params and len(chosen["folds"]) == FOLDS
    assert made.estimator is None and 0 < made.threshold < 1
    values = {(row.metric, row.subject, row.split): row.value for row in made.metrics}
    assert set(values) == {
        (metric, subject, split)
        for metric in made.spec.metrics
        for split, subjects in (
            ("test", ["model", "constant", "baseline", "model_vs_constant", "model_vs_baseline"]),
            ("train", ["model"]),
        )
        for subject in subjects
    }
    assert values["auc", "model", "test"] > 0.7
    assert max(made.feature_importance, key=made.feature_importance.get) == "queue_count"
    assert sum(made.feature_importance.values()) == pytest.approx(1.0)
    assert made.training["plan"]["way"] in ("cells", "joined", "export")
    assert made.bytes_out == sum(made.training[f"{step}_bytes_out"] for step in ("fit", "search", "measure"))
    json.dumps([made.curves, made.cv_results, made.params, dict(made.training)], allow_nan=False)


def test_trees_train_where_the_costs_say_and_are_the_same_model(star, monkeypatch):
    """Costs are given, not measured: the choice follows them, and the record says what it took."""
    monkeypatch.setattr(training_plan, "FEW_ROWS", 0)
    made = {}
    for way, dear in (("export", ("histogram", "group", "bin", "code")), ("joined", ("export", "group"))):
        costs = UNIT | dict.fromkeys(dear, 1.0)
        monkeypatch.setattr(training_plan, "unit_costs", lambda wh, trainer, given=costs: given)
        made[way] = fitted(star, "classification", "gradient_boosting", n_estimators=3)
        plan = made[way].plan
        assert (plan.way, plan.is_asked) == (way, False) and f"{way} is the quickest: " in plan.reason
        assert made[way].training["plan"]["estimates"][way]["bytes_out"] == plan.bytes_out > 0
    assert made["export"].document.sha256 == made["joined"].document.sha256
    assert made["export"].training["how"].endswith(" exported rows in memory")
    out = made["export"].training["fit_bytes_out"]
    assert out > 0.9 * made["export"].plan.bytes_out
    version = registry.register(star.wh, made["export"], star.training_set_now(), "code")
    row = last_training(star.wh, "late")
    assert (row["way"], row["version"], row["actual_bytes_out"]) == ("export", version.version, out)
    assert "export of " in training_text(row) and "export is the quickest: " in training_text(row)
    assert row["estimates"]["export"]["memory_bytes"] > 0


@pytest.mark.parametrize("task", ["regression", "classification"])
def test_boosting_takes_as_many_trees_as_lose_least_out_of_fold(star, task, monkeypatch):
    monkeypatch.setattr(trees, "MOST_TREES", 12)
    told: list[str] = []
    made = fitted(star, task, "gradient_boosting", told.append, max_depth=2, learning_rate=0.5)
    path = [
        one for one in made.cv_results if one["metric"] == ("rmse" if task == "regression" else "log_loss")
    ]
    assert [one["params"]["n_estimators"] for one in path[:12]] == list(range(1, 13))
    best = min(path[:12], key=lambda one: one["mean"])
    assert made.params == best["params"] and made.params["n_estimators"] < 12
    assert f"n_estimators {made.params['n_estimators']}" in " ".join(told)
    node = next(node for node in made.document.nodes if "trees" in node.params)
    assert len(node.params["trees"]) == made.params["n_estimators"]


def test_the_measures_are_those_of_the_rows(star):
    made = fitted(star, "classification", "naive_bayes")
    table = star.wh.fetch_arrow(
        "select *, label::int as y from training.trn_late where split = 'test' "
        'order by flight_date, flight_key collate "C"'
    )
    scores = Evaluator(made.document).table(table).scores[:, 0]
    label = table.column("y").to_numpy().astype(float)
    found = {row.metric: row.value for row in made.metrics if (row.split, row.subject) == ("test", "model")}
    assert found["brier"] == pytest.approx(np.mean((scores - label) ** 2), abs=1e-12)
    called = scores >= made.threshold
    assert found["accuracy"] == pytest.approx(np.mean(called == (label > 0)))
    decided = Evaluator(made.document).table(table).decision
    assert np.array_equal(decided == 1, called)


def test_metrics_and_threshold_in_sql_are_those_of_numpy(star):
    source = star.source("classification")
    session = TRAINERS["naive_bayes"].open(star.wh, source, 0, "joined")
    documents = {fold.number: session.fit({}, fold.number).document for fold in source.folds}
    held = out_of_fold(star.wh, source, documents)
    try:
        rows = star.wh.query(f"select fold, label, score from {held.table} order by fold")
        label, value, fold = (
            np.array([row[name] for row in rows], float) for name in ("label", "score", "fold")
        )
        for metric in ("log_loss", "brier", "auc", "f1"):
            for number, found in enumerate(held.values(metric), start=1):
                is_in = fold == number
                one = Sample(label[is_in], value[is_in], np.zeros(is_in.sum(), dtype=np.int64), 1)
                assert found == pytest.approx(METRICS[metric].of(one, np.ones((1, 1)))[0], rel=1e-12), metric
        for rule in ("f1", "accuracy"):
            assert held.threshold(rule) == best_threshold(label, value, rule)
    finally:
        held.drop()
    assert star.wh.scalar("select count(*) from pg_tables where schemaname = 'ml_work'") == 0


def test_a_path_of_penalties_is_searched_without_reading_a_row(star):
    made = fitted(star, "regression", "elastic_net", penalties=12)
    path = [tried for tried in made.cv_results if tried["metric"] == "rmse"]
    assert len(path) == 12 and all(len(tried["folds"]) == FOLDS for tried in path)
    best = min(path, key=lambda tried: tried["mean"])
    (chosen,) = [tried for tried in made.cv_results if tried["is_chosen"]]
    assert chosen["metric"] == "mae" and chosen["params"]["alpha"] == best["params"]["alpha"]
    assert made.params == chosen["params"] and made.threshold is None

    by_rmse = star.spec("regression", "elastic_net", penalties=12)
    by_rmse = by_rmse.model_copy(
        update={"cross_validation": by_rmse.cross_validation.model_copy(update={"metric": "rmse"})}
    )
    again = train(star.wh, by_rmse, star.training_set("regression"))
    assert again.params == made.params and again.training["search_bytes_out"] == 0
    source = star.source("regression")
    session = TRAINERS["elastic_net"].open(star.wh, source, 0, "joined")
    held = out_of_fold(
        star.wh, source, {one.number: session.fit(made.params, one.number).document for one in source.folds}
    )
    scored = held.values("rmse")
    held.drop()
    assert best["folds"] == pytest.approx(scored, rel=1e-6), "errors from sums are those of the rows"


def test_training_twice_gives_the_same_document_and_numbers(star):
    first, second = (fitted(star, "regression", "ridge", alpha=3.0) for _ in range(2))
    assert first.document.sha256 == second.document.sha256
    assert (first.metrics, first.cv_results) == (second.metrics, second.cv_results)


def test_what_cannot_be_trained_on_is_named(star):
    star.wh.execute("update core.fct_flight set is_late = false where is_arrived")
    with pytest.raises(TrainingError, match=r"model late: .*label.* (False|1 values)"):
        fitted(star, "classification", "lda")
    star.rebuild()
    with pytest.raises(TrainingError, match="model late: target 'label'"):
        fitted(star, "regression", "gamma")  # delays below 0
    star.wh.execute("alter table features.ftr_flight__state alter queue_count type double precision")
    star.wh.execute("update features.ftr_flight__state set queue_count = 'infinity' where is_even")
    for name in ("lda", "gradient_boosting", "logistic"):
        with pytest.raises(TrainingError, match="model late: .*'queue_count'.*(Infinity|infinite)"):
            fitted(star, "classification", name)
    star.rebuild()


def test_a_version_of_the_warehouse_is_one_as_any_other(star):
    """Registered without an estimator, compared on every surface, promoted, loaded, and scored in batch."""
    from serving.candidate import http_surface

    wh = star.wh
    made = fitted(star, "classification", "lda")
    version = registry.register(wh, made, star.training_set_now(), "code")
    assert version.estimator_sha256 is None and version.algorithm == "lda"
    assert version.declaration() == made.spec and version.declaration().engine == "warehouse"
    with http_surface(Predictor.load(wh, "late", version.version)) as http:
        gates = registry.judge_version(wh, "late", version.version, made.sample, http)
    assert all(gate.is_passed for gate in gates)
    parity = {row["surface"]: row["is_equal"] for row in registry.parity_of(wh, "late", version.version)}
    assert parity == {"python": True, "numpy": True, "sql": True, "http": True}
    registry.promote(wh, "late", version.version, "tester", "first")
    done = score(wh, "late", engine="warehouse")
    assert done.scored_rows == done.rows > 0 and done.bytes_out == 0
    stored = wh.query("select trainer, way, version, actual_seconds from ml.training_plan order by plan_id")
    assert stored[-1]["version"] == version.version and stored[-1]["trainer"] == "cofactors"
    kept = wh.scalar("select training from ml.model_version where version = %s", (version.version,))
    assert kept["fit_bytes_out"] == made.training["fit_bytes_out"]
    second = registry.register(wh, replace(made, training=None, plan=None), star.training_set_now(), "code")
    assert second.artifact_sha256 == version.artifact_sha256
