"""What is sent to BigQuery ML, read as a tree: what each declaration comes to, and what is refused."""

from __future__ import annotations

import pytest
import sqlglot
from sqlglot import exp

from ml.bqml.options import EVALUATION, options_of
from ml.bqml.session import BigQueryMl, opened
from ml.bqml.statements import Model, TrainingRows
from ml.bqml.texts import statements_of
from ml.indb.errors import InDatabaseError
from ml.spec import SpecError
from ml.training_checks import TrainingSetError
from ml.training_set import build_training_set
from tests.ml.small_star import MODEL, REGRESSION, declared
from tests.ml.warehouse_star import WarehouseStar
from warehouse.client.bigquery.datasets import placed
from warehouse.client.bigquery.place import BigQueryPlace

LIGHTGBM = next(line for line in MODEL.splitlines() if line.startswith("algorithm:"))


@pytest.fixture(scope="module")
def star(rows_wh, tmp_path_factory):
    return WarehouseStar(rows_wh, tmp_path_factory.mktemp("star"))


def created(star, task, algorithm, fold=None, **params):
    """The parsed CREATE MODEL, its TRANSFORM by name, and its options as text."""
    session = BigQueryMl(star.wh, star.source(task), algorithm)
    prepared = session.prepared(params, fold)
    model, text = session.statement(prepared, params, fold)
    tree = sqlglot.parse_one(text, read="bigquery")
    (transform,) = tree.find_all(exp.TransformModelProperty)
    columns = {one.alias_or_name: one for one in transform.expressions}
    options = {one.name: one.args["value"].sql("bigquery") for one in tree.find_all(exp.Property)
               if not isinstance(one, exp.TransformModelProperty)}  # fmt: skip
    return model, tree, columns, options


def test_a_linear_model_is_solved_on_columns_that_do_not_follow_from_one_another(star):
    model, tree, columns, options = created(star, "regression", "linear")
    assert tree.args["kind"] == "MODEL" and tree.args["replace"]
    assert model.name.startswith("mdl_late__") and tree.this.db == "ml" and tree.this.name == model.name
    assert options["model_type"] == "'LINEAR_REG'" and options["optimize_strategy"] == "'NORMAL_EQUATION'"
    assert options["data_split_method"] == "'CUSTOM'" and options["data_split_col"] == f"'{EVALUATION}'"
    assert "max_iterations" not in options and "early_stop" not in options
    levels = [name for name in columns if name.startswith("carrier_id__level_")]
    assert len(levels) == 2  # of A, B, C the most frequent stands for none
    assert [*columns][-2:] == ["label", EVALUATION]
    assert {"queue_count__scaled", "queue_count__is_missing", "is_even__scaled"} <= set(columns)
    assert tree.expression.find(exp.Table).sql("bigquery") == "`training`.`trn_late`"


def test_penalties_weights_and_steps_are_said(star):
    _, _, columns, options = created(
        star, "classification", "logistic", l2_reg=0.5, class_weight="balanced", max_iterations=40
    )
    assert options["model_type"] == "'LOGISTIC_REG'" and options["l2_reg"] == "0.5"
    assert options["early_stop"] == "FALSE" and options["max_iterations"] == "40"
    assert options["auto_class_weights"] == "TRUE" and "class_weight" not in options
    assert len([name for name in columns if name.startswith("carrier_id__level_")]) == 3
    weighted = options_of("logistic", "classification", {"class_weight": 3.0})
    assert weighted["class_weights"] == "[STRUCT('0', 1.0), STRUCT('1', 3.0)]"
    assert options_of("linear", "regression", {"l1_reg": 0.1})["max_iterations"] == "200"


@pytest.mark.parametrize(
    ("task", "algorithm", "kind"),
    [
        ("classification", "gradient_boosting", "BOOSTED_TREE_CLASSIFIER"),
        ("regression", "gradient_boosting", "BOOSTED_TREE_REGRESSOR"),
        ("classification", "forest", "RANDOM_FOREST_CLASSIFIER"),
        ("regression", "forest", "RANDOM_FOREST_REGRESSOR"),
    ],
)
def test_trees_take_ordinals_and_no_missing_number(star, task, algorithm, kind):
    _, _, columns, options = created(star, task, algorithm, max_tree_depth=4)
    assert options["model_type"] == f"'{kind}'" and options["max_tree_depth"] == "4"
    code = columns["carrier_id__code"].find(exp.Cast).parent
    ordinals = [(one.this.name, one.args["true"].sql()) for one in code.args["ifs"]]
    assert ordinals == [("A", "0.0"), ("B", "1.0"), ("C", "2.0")] and "1.0" in code.args["default"].sql()
    assert all(one.find(exp.Coalesce) for name, one in columns.items() if name.endswith("__filled"))
    assert "queue_count__is_missing" in columns and "departure_hour__is_missing" not in columns


def test_each_fold_has_its_own_rows_constants_and_name(star):
    names, fills = set(), set()
    for fold in (None, 1, 2):
        model, tree, columns, _ = created(star, "regression", "linear", fold)
        names.add(model.name)
        fills.add(columns["queue_count__scaled"].sql("bigquery"))
        where = tree.expression.args["where"].sql("bigquery")
        assert ("split IN ('train', 'test')" in where) == (fold is None)
        assert (f"= {fold}" in where) == (fold is not None)
    assert len(names) == 3 and len(fills) == 3 and sum(name.endswith("_f1") for name in names) == 1


def test_rows_that_stop_a_fit_are_the_last_block_of_its_own(star):
    source, place = star.source("regression"), ("training", "trn_late")
    for number, block in ((None, 3), (2, 1), (3, 2)):
        select = sqlglot.parse_one(TrainingRows(source, place, number, True).sql(), read="bigquery")
        held = next(one for one in select.expressions if one.alias == EVALUATION)
        assert held.this.expression.sql() == str(block)
        assert "test" not in select.args["where"].sql()
    first = TrainingRows(source, place, 1, True).sql()
    assert first == TrainingRows(source, place, 1, False).sql()


def test_a_score_has_the_shape_of_predictions():
    rows = "select `flight_key`, `x` from `features`.`ftr`"
    for task, wanted in (("classification", "predicted_label_probs"), ("regression", "predicted_label")):
        tree = sqlglot.parse_one(Model("m", task).predict(rows, ["flight_key"]), read="bigquery")
        assert [one.alias_or_name for one in tree.expressions] == ["flight_key", "score"]
        assert wanted in tree.sql("bigquery")


def test_a_statement_beyond_a_megabyte_is_refused():
    with pytest.raises(InDatabaseError, match=r"CREATE MODEL has 1,400,0.* allowed on BigQuery: 1,000,000"):
        Model("m", "regression").create(["1.0 as `x`"] * 100_000, {}, "select 1")


@pytest.mark.parametrize(("name", "read"), [("logistic", "ML.WEIGHTS"), ("forest", "EXPORT MODEL")])
def test_all_statements_are_printed_and_said_to_have_run_nowhere(star, tmp_path, name, read):
    star.training_set("classification")
    text = statements_of(
        star.wh, declared(tmp_path, (LIGHTGBM, f"engine: bqml\nalgorithm: {{name: {name}}}"))
    )
    assert text.startswith(
        "-- late by BigQuery ML: judged as text only; ran nowhere.\ncreate or replace model"
    )
    parts = text.split(";\n")
    assert sqlglot.parse_one(parts[0], read="bigquery").args["kind"] == "MODEL"
    assert len(parts) == 8 and parts[7] == "" and read.lower() in text.lower()
    place = BigQueryPlace("a-project", "f")
    for part in parts[:7]:
        sent = placed(part, place)
        assert "`ml`" in part and "`f_ml`.`mdl_late__" in sent and "`ml`" not in sent
        assert sent.count("`f_training`.`trn_late`") == part.count("`training`.`trn_late`")
        assert sent.count("ML.") == part.count("ML.") and "f_p`" not in sent and "f_one`" not in sent
    for asked in ("ML.PREDICT", "ML.EVALUATE", "ML.EXPLAIN_PREDICT", "ML.FEATURE_INFO", "drop model"):
        assert asked in text
    with pytest.raises(InDatabaseError, match="no engine is 'bqml'"):
        statements_of(star.wh, star.specs["classification"])


@pytest.mark.parametrize(
    ("algorithm", "said"),
    [
        ("{name: ridge}", ["algorithm.name", "'ridge'", "for classification by BigQuery ML"]),
        ("{name: linear}", ["algorithm.name", "'linear'", "logistic"]),
        ("{name: logistic, seed: 7}", ["algorithm.seed", "value 7", "takes no seed"]),
        ("{name: logistic, params: {C: 1.0}}", ["algorithm.params.C", "l1_reg", "l2_reg"]),
        ("{name: logistic, params: {l2_reg: -1}}", ["algorithm.params.l2_reg", "float from 0 to"]),
        ("{name: forest, params: {sample_weight: w}}", ["algorithm.params.sample_weight", "subsample"]),
        (
            "{name: gradient_boosting, params: {early_stop: 1}}",
            ["algorithm.params.early_stop", "True or False"],
        ),
    ],
)
def test_what_bigquery_ml_has_not_is_refused_in_the_declaration(tmp_path, algorithm, said):
    with pytest.raises(SpecError) as caught:
        declared(tmp_path, (LIGHTGBM, f"engine: bqml\nalgorithm: {algorithm}"))
    assert all(part in str(caught.value) for part in said), str(caught.value)


def test_postgres_refuses_it_before_anything_is_built(star, tmp_path):
    before = star.training_set("regression").content_sha256
    spec = declared(tmp_path, *REGRESSION, (LIGHTGBM, "engine: bqml\nalgorithm: {name: linear}"))
    with pytest.raises(TrainingSetError, match=r"late.yml: field engine is 'bqml' .* on Postgres; allowed"):
        build_training_set(star.wh, spec)
    assert star.training_set("regression").content_sha256 == before
    with pytest.raises(InDatabaseError, match="engine is 'bqml' and the warehouse is 'postgres'"):
        opened("linear")(star.wh, star.source("regression"), 0, "bqml")
