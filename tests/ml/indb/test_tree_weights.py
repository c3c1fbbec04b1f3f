"""Row weights of trees: the grid that they count on, one document from every way, and what they mean.

Belongs here: fractional weights. Does not belong here: refusals (`test_tree_refusals`), other libraries
(`test_trees_against_lightgbm`, `test_trees_against_sklearn`, `test_lossless_cells`).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from ml.indb.bin_scan import scan
from ml.indb.reference import reference_trees
from ml.indb.train_trees import train_trees
from ml.indb.tree_search import search_trees
from ml.indb.tree_settings import Boosting, Forest, Growth, TreeRows
from tests.ml.indb.tree_data import RELATION, load, set_workers, tree_rows

FEATURES = {"numbers": ("x", "z"), "booleans": ("b",), "categories": ("c",)}
ROWS = TreeRows(RELATION, "y", **FEATURES, weight="w", key="id")
SMALL = Growth(max_depth=4, max_leaves=10, l2=0.75, min_gain=0.5)
CASES = {
    "squared": (replace(ROWS, time="day", validation=0.2), Boosting(3, growth=SMALL)),
    "logistic": (replace(ROWS, label="is_high", objective="binary"), Boosting(3, growth=SMALL)),
    "softmax": (replace(ROWS, label="grade", objective="multiclass"), Boosting(2, growth=SMALL)),
    "forest": (replace(ROWS, label="kind", objective="binary"), Forest(2, growth=SMALL)),
    "cells": (replace(ROWS, numbers=("z",)), Boosting(3, growth=SMALL)),
}


def weighted(steps: int, kind: pa.DataType | None = None, most: int = 3) -> pa.Table:
    """The rows, with weights of whole steps from 0 to `most`."""
    table = tree_rows()
    weights = np.random.default_rng(8).integers(0, most * steps, table.num_rows) / steps
    return table.set_column(table.column_names.index("w"), "w", pa.array(weights).cast(kind or pa.float64()))


@pytest.mark.parametrize("case", CASES)
def test_one_document_from_rows_cells_workers_and_the_reference(rows_wh, case):
    rows, settings = CASES[case]
    table = weighted(100)
    load(rows_wh, table)
    expected = reference_trees(table, rows, settings, "m", most_bins=16)
    assert expected.document.source["weight_steps"] == 100
    samples = isinstance(settings, Forest)
    runs = [("rows", False), ("rows", True), ("memory", False), *([] if samples else [("cells", True)])]
    for engine, parallel in [*runs, ("export", False)]:
        set_workers(rows_wh, parallel)
        trained = train_trees(rows_wh, rows, settings, "m", most_bins=16, engine=engine)
        assert trained.fitted.document.sha256 == expected.document.sha256, (engine, parallel)
        assert trained.fitted.losses == expected.losses


@pytest.mark.parametrize(
    ("steps", "kind", "sql"),
    [(1, None, "w"), (4, None, "w"), (1024, None, "w"), (1000, None, "w"), (10, pa.float32(), "w"),
     (100, None, "w::text::numeric(20, 9)"), (1, None, "w::int")],
)  # fmt: skip
def test_the_coarsest_grid_is_found(rows_wh, steps, kind, sql):
    table = weighted(steps, kind)
    load(rows_wh, table)
    rows = replace(ROWS, relation=f"(select id, x, z, b, c, y, {sql} as w from {RELATION} as r)")
    settings = Boosting(2, growth=SMALL)
    found = scan(rows_wh, rows, 16)
    assert found.label.weight_steps == steps
    trained = train_trees(rows_wh, rows, settings, "m", most_bins=16).fitted
    assert (
        trained.document.sha256 == reference_trees(table, rows, settings, "m", most_bins=16).document.sha256
    )


def test_declared_steps_round_and_say_so(rows_wh):
    table = tree_rows()
    weights = np.random.default_rng(8).exponential(size=table.num_rows) + 0.01
    table = table.set_column(table.column_names.index("w"), "w", pa.array(weights))
    load(rows_wh, table)
    rows, settings = replace(ROWS, weight_steps=60), Boosting(2, growth=SMALL)
    trained = train_trees(rows_wh, rows, settings, "m", engine="rows").fitted.document
    assert trained.sha256 == reference_trees(table, rows, settings, "m").document.sha256
    assert trained.source["weight_steps"] == 60
    rounded = table.set_column(table.column_names.index("w"), "w", pa.array(np.rint(weights * 60) / 60))
    assert reference_trees(rounded, rows, settings, "m").document.sha256 == trained.sha256


@pytest.mark.parametrize("case", ["squared", "logistic", "softmax"])
def test_a_weight_is_so_much_of_a_row(case):
    """With all of penalty and least gain divided as the weights are, trees divide rows as before."""
    rows, settings = CASES[case]
    eighths = weighted(8)
    whole = eighths.set_column(
        eighths.column_names.index("w"), "w", pa.array(eighths["w"].to_numpy() * 8).cast(pa.int64())
    )
    times = replace(SMALL, l2=SMALL.l2 * 8, min_gain=SMALL.min_gain * 8)
    one = reference_trees(eighths, rows, settings, "m", most_bins=16)
    two = reference_trees(whole, rows, replace(settings, growth=times), "m", most_bins=16)
    assert (one.loss.weight_steps, two.loss.weight_steps) == (8, 1) and one.losses == two.losses
    assert [tree.nodes for tree in one.trees] == [tree.nodes for tree in two.trees]


def test_a_search_counts_weights(rows_wh):
    table = weighted(8).append_column("f", pa.array(np.arange(900) % 3))
    load(rows_wh, table)
    tried = [Boosting(4, growth=replace(SMALL, max_depth=depth)) for depth in (1, 3)]
    found = [
        search_trees(rows_wh, ROWS, tried, "f", engine=engine) for engine in ("rows", "memory", "export")
    ]
    for other in found[1:]:
        np.testing.assert_array_equal(found[0].losses, other.losses)
    whole = replace(ROWS, relation=f"(select id, x, z, b, c, y, f, w * 8 as w from {RELATION} as r)")
    times = [
        replace(one, growth=replace(one.growth, l2=SMALL.l2 * 8, min_gain=SMALL.min_gain * 8))
        for one in tried
    ]
    np.testing.assert_array_equal(
        search_trees(rows_wh, whole, times, "f", engine="memory").losses, found[0].losses
    )
