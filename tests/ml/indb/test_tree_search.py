"""Cross-validation of trees from one table: LightGBM's `cv` as the oracle, and one answer from every engine.

Features have two values, so that no held-out row lies in the gap between values of training rows, where
libraries place thresholds differently. Belongs here: searches. Does not belong here: one training.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from ml.document import Evaluator
from ml.indb.errors import InDatabaseError
from ml.indb.train_trees import train_trees
from ml.indb.tree_search import search_trees
from ml.indb.tree_settings import Boosting, Forest, Growth, TreeRows
from tests.ml.indb.tree_data import RELATION, load

NAMES = tuple(f"x{place}" for place in range(8))
LEAST = 10
ROWS = TreeRows(RELATION, "y", NAMES, key="id")
GRID = [Boosting(30, rate, growth=Growth(depth, 2**depth, LEAST)) for rate in (0.1, 0.4) for depth in (2, 3)]


def searched_rows(count: int = 900) -> pa.Table:
    """Rows of features of two values, a label of whole numbers, three grades of it, four folds."""
    random = np.random.default_rng(8)
    x = random.integers(0, 2, (count, len(NAMES)))
    y = np.rint(300 * x[:, 0] * x[:, 1] - 200 * x[:, 2] * (1 - x[:, 3]) + random.normal(0, 300, count))
    return pa.table({
        "id": range(count), **{name: x[:, at] for at, name in enumerate(NAMES)}, "y": y,
        "grade": np.digitize(y, [-150.0, 150.0]), "fold": np.arange(count) * 4 // count,
    })  # fmt: skip


def test_losses_are_those_of_lightgbms_cv(rows_wh):
    import lightgbm

    table = searched_rows()
    load(rows_wh, table)
    x, y, fold = (np.stack([table[name].to_numpy() for name in NAMES], axis=1), table["y"].to_numpy(),
                  table["fold"].to_numpy())  # fmt: skip
    found = search_trees(rows_wh, ROWS, GRID, "fold")
    folds = [(np.flatnonzero(fold != one), np.flatnonzero(fold == one)) for one in range(4)]
    for place, settings in enumerate(GRID):
        given = {
            "objective": "regression", "num_leaves": settings.growth.max_leaves, "min_data_in_leaf": LEAST,
            "max_depth": settings.growth.max_depth, "min_sum_hessian_in_leaf": 0.0, "verbose": -1,
            "learning_rate": settings.learning_rate, "min_data_in_bin": 1, "num_threads": 1,
            "deterministic": True, "force_col_wise": True, "enable_bundle": False,
            "feature_pre_filter": False,
        }  # fmt: skip
        curve = lightgbm.cv(given, lightgbm.Dataset(x, y), 30, folds=folds)["valid l2-mean"]
        assert found.rounds[place] == 1 + int(np.argmin(curve))
        assert found.means[place] == pytest.approx(min(curve), rel=1e-6)
    assert found.chosen == replace(GRID[found.best], rounds=found.rounds[found.best])


@pytest.mark.parametrize("objective", ["regression", "multiclass"])
def test_every_engine_finds_the_same_in_order_of_time(rows_wh, objective):
    load(rows_wh, searched_rows(400))
    rows = replace(ROWS, objective=objective, label="y" if objective == "regression" else "grade")
    forests = [Forest(2, growth=Growth(3, 8, leaves)) for leaves in (5, 30)]
    for candidates in (GRID[:1], forests):
        few = [replace(one, rounds=3) if isinstance(one, Boosting) else one for one in candidates]
        found = [
            search_trees(rows_wh, rows, few, "fold", order="time", gap=1, engine=engine)
            for engine in ("rows", "memory")
        ]
        assert found[0].losses.shape == (len(few), 2)
        assert np.array_equal(found[0].losses, found[1].losses) and found[0].rounds == found[1].rounds


def test_a_fold_in_time_is_judged_by_what_came_before(rows_wh):
    table = searched_rows(400)
    load(rows_wh, table)
    forest = Forest(4, growth=Growth(3, 8, 5))
    found = search_trees(rows_wh, ROWS, [forest], "fold", order="time", gap=1)
    past = replace(ROWS, relation=f"(select * from {RELATION} as past where fold < 2)")
    held = table.filter(pc.equal(table["fold"], 3))
    answers = Evaluator(train_trees(rows_wh, past, forest, "m").fitted.document).table(held).margins[:, 0]
    assert found.losses[0, 1] == pytest.approx(np.mean((answers - held["y"].to_numpy()) ** 2), rel=1e-6)


def test_what_cannot_be_searched_is_refused(rows_wh):
    load(rows_wh, searched_rows(200))
    binary = replace(ROWS, label="x0", numbers=NAMES[1:], objective="binary")
    with pytest.raises(InDatabaseError, match="losses \\['logistic', 'squared'\\]"):
        search_trees(rows_wh, binary, [Boosting(2), Forest(2)], "fold")
    with pytest.raises(InDatabaseError, match="fold column 'y' is double precision"):
        search_trees(rows_wh, ROWS, [Boosting(2)], "y")
    with pytest.raises(InDatabaseError, match="makes 1 folds; allowed: at least 2"):
        one = replace(ROWS, relation=f"(select * from {RELATION} as r where fold = 1)")
        search_trees(rows_wh, one, [Boosting(2)], "fold")
    with pytest.raises(InDatabaseError, match="gap 1"):
        search_trees(rows_wh, ROWS, [Boosting(2)], "fold", gap=1)
