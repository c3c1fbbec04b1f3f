"""Trees trained in the warehouse: one document from every engine, and scores that are the training's own.

Belongs here: equality of engines, parity, settings. Does not belong here: bad rows (`test_tree_refusals`),
other libraries (`test_trees_against_lightgbm`).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ml.document import Document, Evaluator
from ml.document.parity import check_parity
from ml.document.work_tables import WORK_SCHEMA
from ml.indb import cell_draws
from ml.indb.bin_scan import scan
from ml.indb.binned_rows import binned_rows
from ml.indb.bins import MISSING, Bins
from ml.indb.errors import InDatabaseError
from ml.indb.histogram_sql import SqlEngine
from ml.indb.histograms import Layout
from ml.indb.losses import Loss
from ml.indb.reference import reference_bins, reference_trees
from ml.indb.train_trees import train_trees
from ml.indb.tree_nodes import GrownTree, Node
from ml.indb.tree_settings import Boosting, Forest, Growth, TreeRows
from tests.ml.indb.tree_data import RELATION, load, set_workers, tree_rows

FEATURES = {"numbers": ("x", "z"), "booleans": ("b",), "categories": ("c",)}
PLAIN = TreeRows(RELATION, "y", **FEATURES)
WEIGHED = replace(PLAIN, weight="w", key="id", time="day", validation=0.2)
BINARY = replace(WEIGHED, label="is_high", objective="binary")
CLASSES = replace(WEIGHED, label="grade", objective="multiclass")
SMALL = Growth(max_depth=4, max_leaves=12)
CASES = {
    "squared": (WEIGHED, Boosting(rounds=4, growth=SMALL)),
    "logistic": (BINARY, Boosting(rounds=4, growth=replace(SMALL, l2=1.5))),
    "text_label": (replace(BINARY, label="kind", weight=None), Boosting(2, loss="squared", growth=SMALL)),
    "monotone": (PLAIN, Boosting(rounds=3, growth=replace(SMALL, monotone={"x": 1, "z": -1}))),
    "tree": (BINARY, Forest(trees=1, sample=False, growth=SMALL)),
    "forest": (BINARY, Forest(trees=3, growth=replace(SMALL, features=2))),
    "softmax": (CLASSES, Boosting(rounds=3, growth=replace(SMALL, l2=0.5, monotone={"x": 1}))),
    "forest_of_classes": (CLASSES, Forest(trees=2, growth=SMALL)),
    "forest_on_cells": (replace(CLASSES, numbers=("z",)), Forest(trees=5, growth=SMALL, seed=3)),
}


@pytest.mark.parametrize("case", CASES)
def test_one_document_from_rows_cells_workers_and_the_reference(rows_wh, case):
    rows, settings = CASES[case]
    table = tree_rows()
    load(rows_wh, table)
    expected = reference_trees(table, rows, settings, "m", most_bins=16)
    assert max(tree.leaves for tree in expected.trees) > 4
    samples = isinstance(settings, Forest) and settings.sample
    runs = [("rows", False), ("rows", True), ("memory", False), *([] if samples else [("cells", True)])]
    for engine, parallel in [*runs, ("export", False)]:
        set_workers(rows_wh, parallel)
        trained = train_trees(rows_wh, rows, settings, "m", most_bins=16, engine=engine)
        assert trained.fitted.document.sha256 == expected.document.sha256, (engine, parallel)
        assert trained.fitted.losses == expected.losses
    assert tables_left(rows_wh) == 0


@pytest.mark.parametrize("case", ["squared", "logistic", "forest", "softmax", "forest_of_classes"])
def test_every_evaluator_gives_the_same_bits(rows_wh, case):
    rows, settings = CASES[case]
    table = tree_rows()
    document = reference_trees(table, rows, settings, "m", most_bins=16).document
    assert Document.from_text(document.text).sha256 == document.sha256
    sample = table.select(list(rows.features)).cast(_sample_schema(table, rows))
    check_parity(rows_wh, document, sample, rows=60, adversarial=300).require()


def test_columns_may_have_the_names_of_our_own(rows_wh):
    load(rows_wh, tree_rows())
    names = "z as x1, b as v, c as n, y as s0, w as k, id as b0"
    rows = TreeRows(
        f"(select {names} from {RELATION} as r)", "s0", ("x1",), ("v",), ("n",), weight="k", key="b0"
    )
    settings = Boosting(rounds=2, growth=SMALL)
    hashes = {
        train_trees(rows_wh, rows, settings, "m", engine=engine).fitted.document.sha256
        for engine in ("rows", "cells", "memory")
    }
    assert len(hashes) == 1
    forest = Forest(2, growth=SMALL)
    hashes = {
        train_trees(rows_wh, rows, forest, "m", engine=engine).fitted.document.sha256
        for engine in ("rows", "memory")
    }
    assert len(hashes) == 1


def test_a_refused_scan_leaves_no_table(rows_wh):
    load(rows_wh, tree_rows())
    rows = replace(PLAIN, relation=f"(select *, 7 as same from {RELATION} as r)", numbers=("z", "same"))
    with pytest.raises(InDatabaseError, match="'same' is 7.0 in every training row"):
        train_trees(rows_wh, rows, Boosting(rounds=2), "m")
    assert tables_left(rows_wh) == 0


def tables_left(wh) -> int:
    """Work tables that were not dropped."""
    counted = "select count(*) from pg_class where relnamespace = to_regnamespace(%s)"
    return wh.scalar(counted, (WORK_SCHEMA,))


def test_draws_come_in_several_statements(rows_wh, monkeypatch):
    rows = replace(WEIGHED, numbers=("z",), weight=None)
    table, settings = tree_rows(), Forest(trees=5, growth=SMALL)
    load(rows_wh, table)
    monkeypatch.setattr(cell_draws, "MOST_SUMS", 4)
    trained = train_trees(rows_wh, rows, settings, "m", most_bins=16)
    assert trained.engine == "memory" and trained.cells < trained.rows / 2
    expected = reference_trees(table, rows, settings, "m", most_bins=16)
    assert trained.fitted.document.sha256 == expected.document.sha256


def test_margins_are_the_scores_of_training():
    table = tree_rows(300)
    trained = reference_trees(table, PLAIN, CASES["squared"][1], "m", most_bins=16)
    margins = Evaluator(trained.document).table(table).margins[:, 0]
    steps = np.ldexp(margins, trained.document.source["bits"])
    _, codes = reference_bins(table, PLAIN, 16)
    assert steps.tolist() == [_walked(trained, row) for row in codes.T.tolist()]


def _walked(trained, codes) -> int:
    """The score in whole steps, followed through the grown trees by bin codes."""
    total = trained.starts[0]
    for tree in trained.trees:
        place = 0
        while (split := tree.nodes[place].split) is not None:
            code = codes[split.feature]
            goes_left = code in split.members if split.members is not None else code <= split.upto
            goes_left = split.missing_left if code == MISSING else goes_left
            place = tree.nodes[place].left if goes_left else tree.nodes[place].right
        total += tree.nodes[place].values[0]
    return total


def test_the_scans_of_a_level_run_in_parallel(rows_wh):
    load(rows_wh, tree_rows())
    set_workers(rows_wh, True)
    found = scan(rows_wh, BINARY, 16)
    engine = SqlEngine(rows_wh, Layout(found.bins), binned_rows(rows_wh, BINARY, found))
    engine.begin(Loss("logistic", found.label.bits), [0])
    plan = rows_wh.query("explain " + engine.level_sql(GrownTree([Node(())]), {0}))
    assert any("Workers Planned: 2" in row["QUERY PLAN"] for row in plan)


def _sample_schema(table, rows):
    import pyarrow as pa

    types = {"number": pa.float64(), "boolean": pa.bool_(), "category": pa.string()}
    return pa.schema([(name, types[kind]) for name, kind in rows.features.items()])


def test_sql_codes_are_numpys_codes_at_every_edge(rows_wh):
    edges = (-1e308, -0.1, 0.0, 5e-324, 0.1, 1e16)
    around = [float(np.nextafter(edge, way)) for edge in edges for way in (-np.inf, np.inf)]
    values = [*edges, *around, -0.0, np.nan, 1.7e308]
    one = Bins("x", "number", edges=edges)
    listed = ", ".join(f"('{value!r}'::float8)" for value in map(float, values))
    found = rows_wh.query(f"select {one.sql('x')} as code from (values {listed}, (null)) as t (x)")
    assert [row["code"] for row in found] == [*one.codes(values).tolist(), MISSING]


def test_a_better_loss_keeps_trees_and_a_worse_one_stops():
    table = tree_rows(300)
    settings = Boosting(rounds=200, learning_rate=0.5, patience=3, growth=replace(SMALL, min_rows=2))
    fitted = reference_trees(table, WEIGHED, settings, "m")
    best = fitted.losses.index(min(fitted.losses))
    assert len(fitted.trees) == best < len(fitted.losses) - 1 == best + 3


def test_monotone_features_never_turn():
    table = tree_rows()
    settings = Boosting(rounds=10, learning_rate=0.5, growth=replace(SMALL, min_rows=3, monotone={"x": -1}))
    document = reference_trees(table, PLAIN, settings, "m").document
    answer = Evaluator(document)
    for z in (0.0, 5.0, 8.0):
        places = np.linspace(-4, 4, 200).tolist()
        rows = [answer.row({"x": x, "z": z, "b": True, "c": "B"})[0][0] for x in places]
        assert all(low >= high for low, high in zip(rows, rows[1:], strict=False))


def test_auto_takes_cells_in_memory_where_rows_repeat(rows_wh):
    load(rows_wh, tree_rows())
    rows = TreeRows(RELATION, "y", numbers=("z",), booleans=("b",), categories=("c",))
    trained = train_trees(rows_wh, rows, Boosting(rounds=2, growth=SMALL), "m")
    assert (trained.engine, trained.rows) == ("memory", 900) and trained.cells <= 90
    assert trained.fitted.document.sha256 == train_trees(
        rows_wh, rows, Boosting(rounds=2, growth=SMALL), "m", engine="rows"
    ).fitted.document.sha256  # fmt: skip
