"""Explanations of sums over columns, of pipelines, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest

from ml.document import Builder, Document, DocumentError, Evaluator, Head, Input, Node
from ml.document.explain import Explainer, explain, explain_margins, explain_row
from ml.document.importers import import_estimator
from tests.ml.document import frames
from tests.ml.document.documents import logistic, stump

ROWS = pa.table(
    {
        "age": pa.array([51.5, None, 20.0]),
        "debt": pa.array([100.0, 0.0, None]),
        "kind": pa.array(["shop", "web", None]),
    }
)


def adds_up(found) -> bool:
    total = found.base + found.values.sum(axis=1)
    return bool((np.abs(total - found.margin) <= 1e-9 * (1.0 + np.abs(found.margin))).all())


def test_a_linear_model_is_measured_from_the_means_its_scaling_took_off():
    document = logistic()
    found = explain(document, ROWS)
    age = [0.83 * (x - 41.3) / 11.7 for x in (51.5, 40.0, 20.0)]
    debt = [-1.27 * x / 350.25 for x in (100.0, 0.0, 0.0)]
    np.testing.assert_allclose(found.values.T, [age, debt, [0.31, 0.07, 0.0]], rtol=1e-13)
    assert (found.base, found.inputs) == (-0.6, ("age", "debt", "kind"))
    assert found.margin.tolist() == Evaluator(document).table(ROWS).margins[:, 0].tolist()
    assert adds_up(found)


def test_with_a_background_the_base_is_the_margin_of_its_means():
    document = logistic()
    found = explain(document, ROWS, background=ROWS)
    margins = Evaluator(document).table(ROWS).margins[:, 0]
    assert found.base == pytest.approx(margins.mean())
    np.testing.assert_allclose(found.values.mean(axis=0), 0.0, atol=1e-15)
    assert adds_up(found)


def test_one_row_is_explained_as_in_a_table():
    document, names = logistic(), ("age", "debt", "kind")
    whole = explain(document, ROWS)
    for place, row in enumerate(ROWS.to_pylist()):
        one = explain_row(document, row)
        assert one["base"] == whole.base
        assert one["margin"] == whole.margin[place]
        assert one["contributions"] == dict(zip(names, whole.values[place].tolist(), strict=True))
        again = explain_row(Document.from_text(document.text), row, background=ROWS)
        assert again["margin"] == one["margin"] and again["base"] != one["base"]


def test_a_missing_margin_has_missing_values():
    b = Builder("missing")
    columns = [b.bound(b.input("x", "number")), b.bound(b.input("y", "number"))]
    document = b.document([b.weighted(columns, [2.0, 3.0], 1.0)], Head("identity"), {})
    found = explain(document, pa.table({"x": [1.0, 1.0], "y": [None, 2.0]}))
    assert np.isnan(found.margin).tolist() == [True, False]
    assert np.isnan(found.values.sum(axis=1)).tolist() == [True, False]
    assert found.values[1].tolist() == [2.0, 6.0]


def test_a_background_without_a_value_is_refused():
    empty = pa.table({"age": [1.0], "debt": [2.0], "kind": pa.array(["web"])}).slice(0, 0)
    with pytest.raises(DocumentError, match="background: of 0 rows none has a value for input 'age'"):
        Explainer(logistic(), empty)


@pytest.mark.parametrize("flat", [True, False])
def test_a_pipeline_is_explained_by_its_inputs(flat):
    from lightgbm import LGBMRegressor
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers = make_pipeline(SimpleImputer(add_indicator=True), StandardScaler())
    one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    made = make_column_transformer((numbers, ["x", "y", "z"]), (one_hot, ["c", "d"]))
    model = Ridge() if flat else LGBMRegressor(n_estimators=20, verbose=-1, n_jobs=1)
    names = ["x", "y", "z", "c", "d"]
    data = frames.frame()[names]
    document = frames.imported(make_pipeline(made, model).fit(data, frames.amount()), names)
    found = explain(document, frames.table(names))
    columns = made.transform(data)
    # The imputer's mark of a missing x stands behind the numbers; then a column a category.
    ends = [0, 1, 2, 0, *[3] * len(one_hot.fit(data[["c"]]).categories_[0]), 4, 4]
    parts = columns * model.coef_ if flat else model.predict(columns, pred_contrib=True)[:, :-1]
    wanted = np.stack([parts[:, np.array(ends) == place].sum(axis=1) for place in range(5)], axis=1)
    np.testing.assert_allclose(found.values, wanted, rtol=0, atol=1e-9 * np.abs(wanted).max())
    assert adds_up(found)


def test_naive_bayes_and_distances_are_sums_over_their_columns():
    from sklearn.cluster import KMeans
    from sklearn.naive_bayes import GaussianNB

    matrix = frames.frame()[["y", "z"]].to_numpy()
    rows = pa.table({"y": matrix[:, 0], "z": matrix[:, 1]})
    inputs = [Input("y", "number"), Input("z", "number")]
    for model in (GaussianNB().fit(matrix, frames.amount() > 1.0), KMeans(3, random_state=0).fit(matrix)):
        found = explain_margins(import_estimator(model, inputs, "model"), rows)
        assert len(found) in (1, 3)
        assert all(adds_up(one) and (one.values != 0.0).any(axis=0).all() for one in found)
    with pytest.raises(DocumentError, match="has 3 margins; allowed: one"):
        explain(import_estimator(model, inputs, "model"), rows)


def test_sums_of_sums_are_taken_apart():
    from sklearn.decomposition import PCA
    from sklearn.linear_model import LinearRegression
    from sklearn.pipeline import make_pipeline

    matrix = np.random.default_rng(0).normal(size=(200, 4))
    pipeline = make_pipeline(PCA(2), LinearRegression()).fit(matrix, matrix @ [1.0, 2.0, 3.0, 4.0])
    document = import_estimator(pipeline, [Input(name, "number") for name in "abcd"], "model")
    rows = pa.table(dict(zip("abcd", matrix.T, strict=True)))
    found = explain(document, rows, background=rows)
    weights = pipeline[1].coef_ @ pipeline[0].components_
    wanted = weights * (matrix - matrix.mean(axis=0))
    np.testing.assert_allclose(found.values, wanted, rtol=0, atol=1e-12)
    assert adds_up(found)


def test_a_row_whose_inner_sum_was_cut_has_no_values():
    nodes = (
        Node("sum", "weighted", ("x", "y"), {"start": 0.0, "weights": [1e20, 1.0]}),
        Node("cut", "bound", ("sum",)),
        Node("margin", "affine", ("cut",), {"multiply": 2.0, "add": 1.0}),
    )
    inputs = (Input("x", "number"), Input("y", "number"))
    document = Document("cut", inputs, nodes, ("margin",), Head("identity"))
    found = explain(document, pa.table({"x": [1.0, 1e90], "y": [1.0, 1.0]}))
    assert found.values[0].tolist() == [2e20, 2.0]
    assert np.isnan(found.values[1]).all()
    assert found.margin[1] == 2e100


def test_trees_within_a_sum_and_constants_go_into_the_base():
    b = Builder("sum")
    x, y = b.input("x", "number"), b.input("y", "number")
    trees = b.trees([x, y], {"start": 1.0, "divide": 2.0, "trees": [stump(0, 0.0, 2.0, 4.0)]}, label="t")
    total = b.weighted([trees, b.impute(y, 0.0), b.constant(7.0)], [10.0, 3.0, 1.0], 100.0, label="total")
    document = b.document([total], Head("identity"), {})
    found = explain(document, pa.table({"x": [1.0, -1.0], "y": [5.0, None]}))
    assert found.base == 100.0 + 10.0 * (1.0 + 3.0) / 2.0 + 7.0
    assert found.values.tolist() == [[5.0, 15.0], [-5.0, 0.0]]
    assert adds_up(found)


def refused() -> dict[str, tuple[Document, str]]:
    def document(make) -> Document:
        b = Builder("refused")
        return b.document([make(b, b.input("x", "number"), b.input("y", "number"))], Head("identity"), {})

    def trees(b, *columns):
        return b.trees(columns, {"start": 0.0, "trees": [stump(0, 0.0, 1.0, 2.0)]}, label="t")

    return {
        "product": (
            document(lambda b, x, y: b.weighted([b.product(x, y)], [1.0], 0.0)),
            r"node 'x_by_y' \(product\) mixes the inputs x, y",
        ),
        "trees of a product": (
            document(lambda b, x, y: trees(b, x, b.product(x, y))),
            r"node 'x_by_y' \(product\), read by node 't' \(trees\), mixes the inputs x, y",
        ),
        "calibrated": (
            document(lambda b, x, y: b.interpolate(trees(b, x, y), [0.0, 1.0], [0.0, 2.0], label="curve")),
            r"node 'curve' \(interpolate\) mixes the inputs x, y",
        ),
        "calibrated tree of one input": (
            document(lambda b, x, y: b.interpolate(trees(b, x), [0.0, 1.0], [0.0, 2.0], label="curve")),
            r"node 'curve' \(interpolate\) changes a sum of trees",
        ),
        "network": (
            document(lambda b, x, y: b.weighted([b.function("tanh", b.weighted([x, y], [1, 2], 0))], [1], 0)),
            r"\(tanh\) mixes the inputs x, y.*allowed: weighted, unshift, gaussian, squared_distance, trees",
        ),
    }


@pytest.mark.parametrize("case", refused())
def test_what_is_no_sum_is_refused_by_name(case):
    document, message = refused()[case]
    with pytest.raises(DocumentError, match=message):
        Explainer(document)


def test_extreme_rows_are_explained_without_an_overflow():
    rows = pa.table(
        {
            "age": pa.array([1e308, -math.inf, 5e-324, math.nan]),
            "debt": pa.array([math.inf, 1e308, -0.0, None]),
            "kind": pa.array(["", "shop", "web", None]),
        }
    )
    found = explain(logistic(), rows)
    assert np.isfinite(found.values).all()
    total = found.base + found.values.sum(axis=1)
    assert (np.abs(total - found.margin) <= 1e-9 * np.abs(found.values).max(axis=1)).all()
