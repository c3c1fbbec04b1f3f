"""What trees cost on this server, by SQL over rows, over cells in memory, and on exported rows.

Belongs here: the measurements, by the code that trains. Does not belong here: keeping them
(`ml.indb.unit_costs`), or what follows from them (`ml.indb.way_costs`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ml.indb.array_bins import binned_numbers, binned_texts
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
ARRAY_ROWS, ARRAY_BINS = 200_000, 64
"""Sorting takes longer a row the more rows there are."""


def of_trees(wh: Warehouse, table: str) -> Costs:
    """Seconds for each row and feature: once `bin` for numbers, `code` for categories; `histogram` a level of
    a tree by SQL, `cell` the same in memory; `array_bin` and `array_code` are `bin` and `code` of rows that
    left. For each row `scored` a tree; `tree_leaf` is what a leaf costs beside the rows.
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
        **_in_arrays(),
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


def _in_arrays() -> Costs:
    """Seconds of cutting bins and finding codes of exported columns: no warehouse takes part."""
    import pyarrow as pa

    random = np.random.default_rng(0)
    x = random.normal(size=ARRAY_ROWS)
    texts = pa.chunked_array([[f"value {at}" for at in random.integers(20, size=ARRAY_ROWS).tolist()]])
    seconds = {
        "array_bin": quickest(lambda: binned_numbers("x", "number", x, None, ARRAY_BINS)),
        "array_code": quickest(lambda: binned_texts("c", texts, None)),
    }
    return {name: value / ARRAY_ROWS for name, value in seconds.items()}
