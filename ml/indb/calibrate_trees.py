"""What trees cost on this server by SQL over rows.

Belongs here: the measurements, by the code that trains. Does not belong here: trees in memory
(`ml.indb.calibrate_arrays`), keeping what was measured (`ml.indb.unit_costs`), or what follows from it
(`ml.indb.tree_costs`).
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


def of_trees(wh: Warehouse, table: str) -> Costs:
    """Seconds for each row and feature: once `bin` for numbers, `code` for categories; `histogram` a level of
    a tree. For each row `scored` a tree; `tree_leaf` is what a leaf costs beside the rows.
    """
    few, rows = f"(select * from {table} where id < {FEW_ROWS})", f"(select * from {table} where id < {ROWS})"
    tree, by_sql = _by_tree(wh, few, "memory"), _by_tree(wh, rows, "rows")
    values = ROWS * len(FEATURES)
    # Of a tree's seconds by SQL, its levels read every feature, the new scores write every one of them once.
    share = max(by_sql - tree, 0.0) / (DEPTH + 1)
    return {
        "tree_leaf": max(tree / 2**DEPTH, LEAST),
        "bin": _binned(wh, TreeRows(rows, "x15", numbers=FEATURES)) / values,
        "code": _binned(wh, TreeRows(rows, "x15", categories=("c", "d"))) / ROWS / 2,
        "histogram": max(share / values, LEAST),
        "scored": max(share / ROWS, LEAST),
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
