"""Explanations in SQL: the numbers of the Python form, on a real Postgres."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest

from ml.document import Builder, Document, DocumentError, Head, Input, Node
from ml.document.adversarial import adversarial_rows
from ml.document.explain import explain_margins, explain_sql
from ml.document.importers import import_estimator
from tests.ml.document.documents import ODD_TEXT, logistic, stump
from tests.ml.document.explain.brute_force import random_document, random_matrix

KEY = 'row "id"'


def assert_same(wh, document: Document, rows: pa.Table, background: pa.Table | None = None) -> None:
    """Both forms give the same values, which add up to the margin."""
    keyed = rows.append_column(KEY, pa.array(range(rows.num_rows), pa.int64()))
    wh.execute("create schema if not exists ml_work")
    wh.load_arrow("ml_work", "asked", keyed, "replace")
    answer = wh.fetch_arrow(explain_sql(document, '"ml_work"."asked"', [KEY], background))
    assert answer.column_names == [KEY, "output", "input", "contribution", "base", "margin"]
    found = explain_margins(document, rows, background)
    count, names = len(found), document.input_names
    assert answer.num_rows == rows.num_rows * count * len(names)
    values = np.full((count, rows.num_rows, len(names)), np.inf)
    for line in answer.to_pylist():
        one, value = found[line["output"]], line["contribution"]
        margin = math.nan if line["margin"] is None else line["margin"]
        values[line["output"], line[KEY], names.index(line["input"])] = math.nan if value is None else value
        assert line["base"] == one.base
        assert margin == one.margin[line[KEY]] or math.isnan(margin) and math.isnan(one.margin[line[KEY]])
    for place, one in enumerate(found):
        scale = np.fmax(1.0, np.nan_to_num(np.abs(one.values)).max(axis=1, keepdims=True, initial=0.0))
        np.testing.assert_array_less(np.nan_to_num(np.abs(values[place] - one.values)) / scale, 1e-9)
        assert (np.isnan(values[place]) == np.isnan(one.values)).all()


def test_sums_over_columns(wh):
    document = logistic()
    rows = adversarial_rows(document, cap=300)
    assert_same(wh, document, rows)
    assert_same(wh, document, rows.slice(0, 50), background=rows.slice(100, 40))


@pytest.mark.parametrize(("seed", "operands", "depth"), [(0, 1, 4), (1, 4, 6), (2, 9, 9)])
def test_trees_with_every_kind_of_test(wh, seed, operands, depth):
    document = random_document(seed, operands, depth, trees=4)
    matrix = random_matrix(seed, 60, operands)
    assert_same(wh, document, pa.table(dict(zip(document.input_names, matrix.T, strict=True))))


def test_several_margins_with_shared_columns_and_other_codes(wh):
    b = Builder("several")
    x, c = b.input("x", "number"), b.input("it's a category", "category")
    code = b.lookup(c, [("a", 0.0), (ODD_TEXT, 1.0), ("b", 2.0)], None, None)
    by_code = [stump(1, 0, 0.25, -1.5, test="in", missing_left=True), stump(0, 0.5, 1.0, 3.0, test="<")]
    one = b.trees([x, code], {"start": 0.0, "trees": by_code, "sets": [[0.0, 2.0]]}, label="one")
    two = b.trees([x, code], {"start": 1.0, "trees": by_code, "sets": [[1.0, 7.0]]}, label="two")
    total = b.weighted([one, b.impute(x, 0.0)], [2.0, 3.0], 0.5, label="total")
    document = b.document([total, two, one], Head("softmax", (0, 1, 2)), {})
    rows = pa.table({"x": [0.5, None, 0.0, -1.0, 2.0], c: pa.array(["a", ODD_TEXT, "b", "no such", None])})
    assert_same(wh, document, rows)


def test_a_fitted_classifier_with_categories(wh):
    import lightgbm

    random = np.random.default_rng(0)
    matrix = np.column_stack([random.normal(size=(600, 3)), random.integers(0, 9, 600)])
    label = np.digitize(matrix[:, 0] + (matrix[:, 3] % 3), [0.3, 1.5])
    params = {"objective": "multiclass", "num_class": 3, "verbose": -1, "num_leaves": 7, "num_threads": 1}
    params |= {"max_cat_to_onehot": 1, "min_data_per_group": 5}
    fitted = lightgbm.train(params, lightgbm.Dataset(matrix, label, categorical_feature=[3]), 5)
    document = import_estimator(fitted, [Input(name, "number") for name in "abcd"], "model")
    assert_same(wh, document, adversarial_rows(document, cap=200))


def test_missing_margins_cut_sums_and_branches_without_training_rows(wh):
    tree = {**stump(0, 1.0, 0.5, -0.5), "cover": [3.0, 3.0, 0.0]}
    nodes = (
        Node("sum", "weighted", ("x", "y"), {"start": 0.0, "weights": [1e20, 1e-100]}),
        Node("cut", "bound", ("sum",)),
        Node("trees", "trees", ("x",), {"start": 0.0, "trees": [tree]}),
        Node("margin", "weighted", ("cut", "trees"), {"start": 1.0, "weights": [2.0, 1.0]}),
    )
    inputs = (Input("x", "number"), Input("y", "number"), Input("unused", "boolean"))
    document = Document("cut", inputs, nodes, ("margin",), Head("identity"))
    rows = pa.table({"x": [1.0, 1e90, None, 3.0], "y": [1.0, 1.0, 2.0, None], "unused": [True] * 4})
    assert_same(wh, document, rows)


def test_a_key_with_the_name_of_an_answer_is_refused():
    with pytest.raises(DocumentError, match=r"keys \['margin_1', 'base'\] have the names of answers"):
        explain_sql(logistic(), "t", ["id", "margin_1", "base"])


def test_what_is_too_large_for_a_query_is_refused(monkeypatch):
    document = random_document(0, 4, 6, trees=4)
    monkeypatch.setattr("ml.document.explain.sql_trees.MAX_CONDITIONS", 10)
    with pytest.raises(DocumentError, match="conditions [0-9]+; allowed: 10. Explain it in Python"):
        explain_sql(document, "t")


def test_covers_too_far_apart_for_sql_are_refused():
    b = Builder("covers")
    tree = {**stump(0, 1.0, 0.5, -0.5), "cover": [1.0, 1.0, 1e-290]}
    document = b.document(
        [b.trees([b.input("x", "number")], {"start": 0.0, "trees": [tree]})], Head("identity"), {}
    )
    with pytest.raises(DocumentError, match="the smallest part of a value"):
        explain_sql(document, "t")
