"""Random settings on random rows, with features and labels of extreme sizes: every engine gives the
reference's document.

Belongs here: settings and sizes drawn by a seed. Does not belong here: chosen cases (`test_tree_training`).
"""

from __future__ import annotations

import random
from dataclasses import replace

import pyarrow as pa
import pytest

from ml.indb.reference import reference_trees
from ml.indb.train_trees import train_trees
from ml.indb.tree_settings import Boosting, Forest, Growth, TreeRows
from tests.ml.indb.tree_data import RELATION, load, set_workers, tree_rows

SEEDS = range(8)


def drawn_rows(draw: random.Random) -> pa.Table:
    """Rows whose label and first feature have extreme sizes, NaN or NULL where the feature is missing."""
    table = tree_rows(draw.choice([60, 300, 900]), draw.randint(0, 99))
    y = table["y"].to_numpy() * draw.choice([1.0, 1e-150, 1e60, 1e85, 3e-5, 1e7])
    x = table["x"].to_numpy(zero_copy_only=False) * draw.choice([1.0, 1e300, 5e-320, 1e-200])
    table = table.set_column(table.column_names.index("y"), "y", pa.array(y))
    nulls = draw.random() < 0.5
    return table.set_column(table.column_names.index("x"), "x", pa.array(x, from_pandas=nulls))


def drawn_settings(draw: random.Random) -> tuple[TreeRows, Boosting | Forest]:
    """What to train on, and how."""
    held = draw.choice([{}, {"time": "day", "validation": 0.25}])
    rows = TreeRows(
        RELATION, "y", ("x", "z"), ("b",), ("c",), weight=draw.choice([None, "w"]), key="id", **held
    )
    if draw.random() < 0.5:
        rows = replace(rows, objective="binary", label=draw.choice(["is_high", "kind"]))
    growth = Growth(
        draw.randint(2, 9), draw.choice([3, 8, 40]), draw.choice([1, 5]), draw.choice([0.0, 0.7, 30.0]),
        features=draw.choice([None, 2]), monotone=draw.choice([{}, {"x": 1}, {"z": -1}]),
    )  # fmt: skip
    if draw.random() < 0.7:
        return rows, Boosting(draw.randint(1, 5), draw.choice([0.1, 0.3, 1.0]), growth=growth, patience=2)
    return rows, Forest(draw.randint(1, 3), draw.random() < 0.6, growth, draw.randint(0, 9))


@pytest.mark.parametrize("seed", SEEDS)
def test_every_engine_gives_the_references_document(rows_wh, seed):
    draw = random.Random(seed)
    table, (rows, settings), bins = drawn_rows(draw), drawn_settings(draw), draw.choice([2, 5, 16, 64])
    load(rows_wh, table)
    expected = reference_trees(table, rows, settings, "m", most_bins=bins)
    samples = isinstance(settings, Forest) and settings.sample
    for engine in ("rows", "memory", "export", *([] if samples else ["cells"])):
        set_workers(rows_wh, draw.random() < 0.5)
        got = train_trees(rows_wh, rows, settings, "m", most_bins=bins, engine=engine)
        assert got.fitted.document.sha256 == expected.document.sha256, engine
