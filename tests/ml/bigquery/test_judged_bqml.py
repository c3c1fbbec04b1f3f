"""BigQuery ML's statements, analyzed by ZetaSQL; TRANSFORM evaluated by it; the fit imported as a document.

The fits are scikit-learn's (`answering`): nothing here ran on BigQuery ML.
"""

from __future__ import annotations

import numpy as np
import pytest

from ml.bqml.session import BigQueryMl, place_of
from ml.bqml.statements import Model, TrainingRows
from ml.document import Evaluator
from ml.indb.errors import InDatabaseError
from tests.ml.bigquery.answering import PROBABILITIES, Answering
from tests.ml.warehouse_star import FOLDS, WarehouseStar
from tests.peers.zetasql import Refused

pytestmark = pytest.mark.slow
FEATURES = {"carrier_id": "STRING", "departure_hour": "INT64", "queue_count": "INT64", "is_even": "BOOL"}


@pytest.fixture(scope="module")
def star(rows_wh, tmp_path_factory):
    return WarehouseStar(rows_wh, tmp_path_factory.mktemp("star"))


@pytest.fixture
def given(star, judge):
    """Makes the training set of a task, on Postgres and in the judge; its source."""

    def made(task: str):
        source = star.source(task)
        rows = star.wh.fetch_arrow("select * from training.trn_late")
        if judge.columns("training.trn_late") is not None:
            judge._ask(what="drop", name="training.trn_late")
        judge.load("training.trn_late", rows)
        return source

    return made


@pytest.mark.parametrize(
    ("task", "algorithm", "params"),
    [("regression", "linear", {}), ("classification", "logistic", {"l2_reg": 0.1})],
)
def test_the_document_says_what_the_fit_on_transforms_columns_says(
    star, judge, given, task, algorithm, params
):
    source = given(task)
    wh = Answering(judge, FEATURES)
    session = BigQueryMl(
        star.wh, source, algorithm
    )  # sums of Postgres; they are the same (test_judged_training)
    session.wh = wh
    fit = session.fit(params, None)
    assert [text.split()[0] for text in wh.sent_to_ml] == ["create", "alter", "select", "select"]
    rows = star.wh.fetch_arrow("select * from training.trn_late where split = 'test' order by flight_key")
    scores = Evaluator(fit.document).table(rows).scores[:, 0]
    (name,) = wh.models
    asked = f"select {', '.join(map('`{}`'.format, source.features))} from `training`.`trn_late` " \
            "where split = 'test' order by `flight_key`"  # fmt: skip
    told = wh.run_googlesql(Model(name, task).predict(asked, list(source.features)))
    own = np.array([row["score"] for row in told])
    assert len(own) == len(scores) > 500 and np.abs(own - scores).max() < 1e-12 * max(1.0, np.abs(own).max())
    assert sum(fit.importance.values()) == pytest.approx(1.0)
    assert max(fit.importance, key=fit.importance.get) in ("queue_count", "carrier_id")
    folded = session.fit(params, 2)
    assert wh.sent_to_ml[-1].startswith("drop model") and folded.document.sha256 != fit.document.sha256


@pytest.mark.parametrize(
    ("task", "algorithm"), [("classification", "gradient_boosting"), ("regression", "forest")]
)
def test_exported_trees_are_imported(star, judge, given, task, algorithm):
    """The booster is XGBoost's own, fitted on TRANSFORM as ZetaSQL evaluates it."""
    session = BigQueryMl(star.wh, given(task), algorithm)
    session.wh = wh = Answering(judge, FEATURES)
    fit = session.fit({}, None)
    assert [text.split()[0] for text in wh.sent_to_ml] == ["create", "alter", "export", "select"]
    (trees,) = [node for node in fit.document.nodes if node.op == "trees"]
    assert len(trees.params["trees"]) == 6
    assert sum(fit.importance.values()) == pytest.approx(1.0) and fit.importance["queue_count"] > 0.2
    wh.export_uri = None
    with pytest.raises(
        InDatabaseError, match=r"files in a bucket, .* names none; allowed: a URL with export_uri"
    ):
        session.fit({}, None)


def test_weights_with_another_meaning_are_found_out(star, judge, given):
    session = BigQueryMl(star.wh, given("regression"), "linear")
    session.wh = Answering(judge, FEATURES, flips=True)
    with pytest.raises(InDatabaseError, match=r"rows: the imported document scores"):
        session.fit({}, None)


@pytest.mark.parametrize("task", ["classification", "regression"])
@pytest.mark.parametrize("algorithm", ["gradient_boosting", "forest"])
def test_create_model_of_trees_is_well_typed(star, judge, given, task, algorithm):
    session = BigQueryMl(star.wh, given(task), algorithm)
    prepared = session.prepared({}, None)
    for params, fold in (({"early_stop": True, "subsample": 0.5}, None), ({"class_weight": "balanced"}, 2)):
        model, create = session.statement(prepared, params, fold)
        judge.analyze(create)
        for text in (model.label({"a": "b"}, 2), model.export("gs://bucket/folder"), model.drop()):
            judge.analyze(text)


def test_a_column_that_is_not_there_is_refused_by_the_judge(star, judge, given):
    session = BigQueryMl(star.wh, given("regression"), "linear")
    _, create = session.statement(session.prepared({}, None), {}, None)
    with pytest.raises(Refused, match="Unrecognized name"):
        judge.analyze(create.replace("`queue_count`", "`queue_counts`", 1))


def test_questions_to_a_model_are_well_typed(star, judge, given):
    source = given("classification")
    judge.model("ml.m")
    columns = {**FEATURES, "flight_key": "STRING"}
    functions = {
        "ML.PREDICT": (["model", "relation", "any?"], {**columns, "predicted_label_probs": PROBABILITIES}),
        "ML.EVALUATE": (["model", "relation?"], {"log_loss": "FLOAT64"}),
        "ML.FEATURE_INFO": (["model"], {"input": "STRING", "mean": "FLOAT64"}),
        "ML.EXPLAIN_PREDICT": (
            ["model", "relation", "any?"],
            {**columns, "top_feature_attributions": [{"feature": "STRING", "attribution": "FLOAT64"}],
             "baseline_prediction_value": "FLOAT64"},
        ),
    }  # fmt: skip
    for name, (arguments, given_columns) in functions.items():
        judge.function(name, arguments, given_columns)
    model = Model("m", source.task)
    rows = f"select flight_key, {', '.join(source.features)} from `training`.`trn_late`"
    for text in (
        model.predict(rows, ["flight_key"]), model.explain_predict(rows, ["flight_key"], 5),
        model.evaluate(), model.evaluate(TrainingRows(source, place_of(source), None).sql()),
        model.feature_info(),
    ):  # fmt: skip
        judge.analyze(text)


@pytest.mark.parametrize("stops_early", [False, True])
def test_rows_are_those_of_the_folds(star, judge, given, stops_early):
    """ZetaSQL counts what each fit reads; Postgres counts the same rows by the source's own conditions."""
    source = given("regression")
    for fold in (None, *range(1, FOLDS + 1)):
        sql = TrainingRows(source, place_of(source), fold, stops_early).sql()
        (found,) = judge.run(f"select count(*) as n, countif(is_evaluation) as held from ({sql})")
        if fold is None and not stops_early:
            held = star.wh.scalar("select count(*) from training.trn_late where split = 'test'")
            trained = source.rows
        elif fold is None or (stops_early and fold > 1):
            block = FOLDS if fold is None else fold - 1
            known = "true" if fold is None else source.trains(fold)
            held = star.wh.scalar(
                f"select count(*) from {source.relation(f'__block = {block} and {known}')} as r"
            )
            own = f"__open <= {block} and __block <> {block}"
            trained = star.wh.scalar(f"select count(*) from {source.relation(f'{own} and {known}')} as r")
        else:
            held = star.wh.scalar(f"select count(*) from {source.relation(source.validates(fold))} as r")
            trained = star.wh.scalar(f"select count(*) from {source.relation(source.trains(fold))} as r")
        assert (found["held"], found["n"] - found["held"]) == (held, trained), (fold, stops_early)
        assert held and trained
