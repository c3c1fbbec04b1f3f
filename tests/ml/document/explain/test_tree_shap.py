"""Shapley values of sums of trees: against their definition, and against LightGBM's own."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest

from ml.document import Builder, DocumentError, Head, Input
from ml.document.explain import Explainer, explain, explain_margins
from ml.document.importers import import_estimator
from tests.ml.document.documents import stump
from tests.ml.document.explain.brute_force import expected, random_document, random_matrix, shapley_values

TOLERANCE = 1e-9
NAMES = tuple("abcdefgh")


def table(names, matrix: np.ndarray) -> pa.Table:
    return pa.table({name: pa.array(column) for name, column in zip(names, matrix.T, strict=True)})


@pytest.mark.parametrize(("operands", "depth"), [(1, 4), (2, 5), (3, 4), (4, 6), (5, 7)])
def test_values_are_those_of_the_definition(operands, depth):
    for seed in range(4):
        document = random_document(seed, operands, depth, trees=3)
        params, rows = document.nodes[0].params, random_matrix(seed, 12, operands)
        found = explain(document, table(document.input_names, rows))
        wanted = [shapley_values(params, row) for row in rows.tolist()]
        np.testing.assert_allclose(found.values, wanted, rtol=0, atol=1e-12)
        assert found.base == pytest.approx(expected(params, rows[0], set()), abs=1e-12)
        np.testing.assert_allclose(found.base + found.values.sum(axis=1), found.margin, rtol=0, atol=1e-12)


def test_a_path_with_many_columns_adds_up():
    document = random_document(3, operands=40, depth=24, trees=2)
    assert max(group.width for group in Explainer(document).paths[0][0].groups) > 10
    found = explain(document, table(document.input_names, random_matrix(5, 30, 40)))
    np.testing.assert_allclose(found.base + found.values.sum(axis=1), found.margin, rtol=0, atol=1e-12)


def test_blocks_of_rows_and_groups_of_leaves_change_nothing(monkeypatch):
    document, rows = random_document(1, 4, 8, trees=5), random_matrix(1, 50, 4)
    whole = explain(document, table(document.input_names, rows))
    monkeypatch.setattr("ml.document.explain.tree_shap.BLOCK", 64)
    monkeypatch.setattr("ml.document.explain.paths.MAX_ENTRIES", 8)
    parts = explain(document, table(document.input_names, rows))
    np.testing.assert_allclose(parts.values, whole.values, rtol=0, atol=1e-13)


@pytest.fixture(scope="module")
def data() -> tuple[np.ndarray, np.ndarray]:
    """Eight columns: numbers with holes, numbers with many zeros, a code from 0 to 11; and a target."""
    random = np.random.default_rng(4)
    matrix = random.normal(size=(1500, 8))
    matrix[random.random(matrix.shape) < 0.05] = math.nan
    matrix[:, 6] = random.integers(0, 3, 1500)
    matrix[:, 7] = random.integers(0, 12, 1500)
    known = np.nan_to_num(matrix)
    effect = np.array([0.5, -1, 0, 2, 0, 1, -2, 0.3, 0.1, 0, 1, -0.4])[known[:, 7].astype(int)]
    return matrix, known[:, 0] + np.sin(3 * known[:, 1]) + known[:, 2] * known[:, 3] + effect


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("regression", {}),
        ("regression", {"zero_as_missing": True}),
        ("regression", {"use_missing": False}),
        ("binary", {"min_data_per_group": 5, "max_cat_to_onehot": 1}),
        ("multiclass", {"num_class": 3}),
        ("poisson", {}),
        ("regression", {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.6}),
    ],
)
def test_values_are_those_of_lightgbm(data, kind, options):
    import lightgbm

    matrix, target = data
    label = {"binary": target > 0, "multiclass": np.digitize(target, [-1, 1]), "poisson": np.exp(target / 3)}
    params = {"objective": kind, "num_leaves": 15, "verbose": -1, "num_threads": 1, "seed": 1, **options}
    fitted = lightgbm.train(
        params, lightgbm.Dataset(matrix, label.get(kind, target), categorical_feature=[7]), 20
    )
    document = import_estimator(fitted, [Input(name, "number") for name in NAMES], "model")
    asked = matrix[:200].copy()
    asked[:20, 7] = [*range(12), -1.0, 3.5, 40.0, math.nan, *range(4)]
    found = explain_margins(document, table(NAMES, asked))
    theirs = fitted.predict(asked, pred_contrib=True).reshape(200, len(found), 9)
    if options.get("boosting") == "rf":
        theirs /= fitted.num_trees()  # LightGBM explains the sum of a forest whose mean it answers
    for place, one in enumerate(found):
        scale = max(1.0, np.abs(theirs).max())
        np.testing.assert_allclose(one.values, theirs[:, place, :-1], rtol=0, atol=TOLERANCE * scale)
        np.testing.assert_allclose(one.base, theirs[:, place, -1], rtol=0, atol=TOLERANCE * scale)


@pytest.mark.parametrize("cover", [[0.0, 0.0, 0.0], [1.0, 1.0, 1.0], [3.0, 4.0, -1.0]])
def test_covers_that_do_not_add_up_are_refused(cover):
    b = Builder("covers")
    tree = {**stump(0, 1.0, 0.5, -0.5), "cover": cover}
    margin = b.trees([b.input("x", "number")], {"start": 0.0, "trees": [tree]}, label="margin")
    document = b.document([margin], Head("identity"), {})
    with pytest.raises(DocumentError, match="node 'margin': in tree 0 node 0 has cover"):
        explain(document, pa.table({"x": [1.0]}))


def test_a_branch_that_no_training_row_took_counts_for_nothing():
    b = Builder("covers")
    tree = {**stump(0, 1.0, 0.5, -0.5), "cover": [3.0, 3.0, 0.0]}
    margin = b.trees([b.input("x", "number")], {"start": 0.25, "trees": [tree]}, label="margin")
    document = b.document([margin], Head("identity"), {})
    found = explain(document, pa.table({"x": [1.0, 2.0]}))
    assert found.base == 0.75
    assert found.values.tolist() == [[0.0], [-1.0]]
