"""Cells stand for their rows: a library trained on them answers as one trained on the rows.

Belongs here: libraries on cells. Does not belong here: our own trees (`test_tree_training`).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from ml.document import Evaluator
from ml.document.parity import check_parity
from ml.indb.lossless_cells import cells_document, lossless_cells
from ml.indb.tree_settings import TreeRows
from tests.ml.indb.tree_data import RELATION, load, tree_rows

ROWS = TreeRows(RELATION, "y", numbers=("z",), booleans=("b",), categories=("c",), weight="w")


LABELS = {"regression": "y", "binary": "is_high", "multiclass": "grade"}


@pytest.mark.parametrize("unit", [1, 8])
@pytest.mark.parametrize("objective", list(LABELS))
def test_lightgbm_on_cells_is_lightgbm_on_rows(rows_wh, objective, unit):
    import lightgbm

    table = tree_rows(2000)
    if unit > 1:
        weights = pa.array(np.random.default_rng(1).integers(0, 3 * unit, 2000) / unit)
        table = table.set_column(table.column_names.index("w"), "w", weights)
    load(rows_wh, table)
    rows = replace(ROWS, label=LABELS[objective], objective=objective)
    cells = lossless_cells(rows_wh, rows)
    assert len(cells.x) <= 9 * 2 * 5 * 3 and cells.rows == np.count_nonzero(table["w"].to_numpy())
    assert cells.weight.sum() == table["w"].to_numpy().sum()
    kind = lightgbm.LGBMRegressor if objective == "regression" else lightgbm.LGBMClassifier
    options = {
        "n_estimators": 10, "num_leaves": 8, "min_child_samples": 1, "min_child_weight": 0.0, "n_jobs": 1,
        "min_data_in_bin": 1, "deterministic": True, "force_col_wise": True, "verbose": -1,
    }  # fmt: skip
    ours = cells_document(kind(**options).fit(cells.x, cells.y, sample_weight=cells.weight), cells, "m")
    x = np.stack([one.codes(_values(table, one)).astype(float) for one in cells.bins], axis=1)
    x[x < 0] = np.nan
    plain = kind(**options).fit(x, table[rows.label].to_numpy(False), sample_weight=table["w"].to_numpy())
    got = Evaluator(ours).table(table).margins
    expected = plain.predict(x, raw_score=True).reshape(got.shape)
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)
    sample = table.select(["z", "b", "c"]).set_column(0, "z", table["z"].cast("double"))
    check_parity(rows_wh, ours, sample, rows=40, adversarial=100).require()


@pytest.mark.parametrize("family", ["tree", "linear"])
def test_scikit_learn_on_cells_is_scikit_learn_on_rows(rows_wh, family):
    from sklearn.linear_model import LinearRegression
    from sklearn.tree import DecisionTreeRegressor

    table = tree_rows(2000)
    load(rows_wh, table)
    cells = lossless_cells(rows_wh, replace(ROWS, categories=()))
    kept = {"max_leaf_nodes": 9, "min_weight_fraction_leaf": 0.01, "random_state": 0}
    made = {"tree": lambda: DecisionTreeRegressor(**kept), "linear": LinearRegression}[family]
    ours = cells_document(made().fit(cells.x, cells.y, sample_weight=cells.weight), cells, "m")
    x = np.stack([one.codes(_values(table, one)).astype(float) for one in cells.bins], axis=1)
    plain = made().fit(x, table["y"].to_numpy(), sample_weight=table["w"].to_numpy())
    got = Evaluator(ours).table(table).margins[:, 0]
    np.testing.assert_allclose(got, plain.predict(x), rtol=1e-7, atol=1e-7)


def _values(table, one):
    column = table[one.name]
    return column.to_pylist() if one.kind == "category" else column.to_numpy(False).astype(float)
