"""What trees cost on this server, by SQL over rows, over cells in memory, and by LightGBM on exported rows.

Belongs here: the measurements, by the code that trains. Does not belong here: keeping them
(`ml.indb.unit_costs`), or what follows from them (`ml.indb.way_costs`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml.indb.bin_scan import scan
from ml.indb.binned_rows import binned_rows
from ml.indb.calibrate_sums import LEAST, NUMBERS, Costs, quickest
from ml.indb.train_trees import train_trees
from ml.indb.tree_settings import Boosting, Growth, TreeRows

if TYPE_CHECKING:
    from warehouse.client import Warehouse

ROWS = 20_000
FEW_ROWS = 500
FEATURES = NUMBERS[:8]
DEPTH = 4
BINS = 16
ROUNDS = {"rows": (1, 3), "memory": (1, 9)}
LIBRARY_ROUNDS = 20
LIBRARY_THREADS = -1
"""All cores, as a training would."""


def of_trees(wh: Warehouse, table: str) -> Costs:
    """Seconds for each row and feature: once `bin` for numbers, `code` for categories; `histogram` a level of
    a tree by SQL, `cell` the same in memory. For each row `scored` a tree; `tree_leaf` is what a leaf costs
    beside the rows.
    """
    few, rows = f"(select * from {table} where id < {FEW_ROWS})", f"(select * from {table} where id < {ROWS})"
    tree, by_sql, by_memory = (
        _by_tree(wh, *given) for given in ((few, "memory"), (rows, "rows"), (rows, "memory"))
    )
    values = ROWS * len(FEATURES)
    # Of a tree's seconds by SQL, its levels read every feature, the new scores write every one of them once.
    share = max(by_sql - tree, 0.0) / (DEPTH + 1)
    return {
        "tree_leaf": max(tree / 2**DEPTH, LEAST),
        "bin": _binned(wh, TreeRows(rows, "x15", numbers=FEATURES)) / values,
        "code": _binned(wh, TreeRows(rows, "x15", categories=("c", "d"))) / ROWS / 2,
        "histogram": max(share / values, LEAST),
        "scored": max(share / ROWS, LEAST),
        "cell": max((by_memory - tree) / values / DEPTH, LEAST),
    }


def _binned(wh: Warehouse, work: TreeRows) -> float:
    """Seconds of finding the bins and of making the table of codes."""

    def made() -> None:
        wh.execute(f"drop table {binned_rows(wh, work, scan(wh, work, BINS)).table}")

    return quickest(made)


def _by_tree(wh: Warehouse, rows: str, engine: str) -> float:
    """Seconds of a further tree."""
    work = TreeRows(rows, "x15", numbers=FEATURES)
    growth = Growth(max_depth=DEPTH, max_leaves=2**DEPTH)

    def seconds(rounds: int) -> float:
        settings = Boosting(rounds=rounds, growth=growth)
        return quickest(lambda: train_trees(wh, work, settings, "timed", most_bins=BINS, engine=engine))

    few, many = ROUNDS[engine]
    return (seconds(many) - seconds(few)) / (many - few)


def of_library_trees(wh: Warehouse, table: str) -> Costs:
    """Seconds of LightGBM for each row, feature and tree: `boost_value`, and `boost_tree` beside the rows."""
    from lightgbm import LGBMRegressor

    rows = wh.fetch_arrow(f"select {', '.join(NUMBERS)} from {table} where id < {ROWS}").to_pandas()
    x, y = rows[list(FEATURES)].to_numpy(), rows["x15"].to_numpy()

    def seconds(rows: int, rounds: int) -> float:
        model = LGBMRegressor(n_estimators=rounds, n_jobs=LIBRARY_THREADS, verbose=-1)
        return quickest(lambda: model.fit(x[:rows], y[:rows]))

    tree = (seconds(FEW_ROWS, LIBRARY_ROUNDS) - seconds(FEW_ROWS, 1)) / (LIBRARY_ROUNDS - 1)
    all_rows = seconds(ROWS, LIBRARY_ROUNDS)
    value = (all_rows - LIBRARY_ROUNDS * tree) / LIBRARY_ROUNDS / ROWS / len(FEATURES)
    return {"boost_tree": max(tree, LEAST), "boost_value": max(value, LEAST)}
