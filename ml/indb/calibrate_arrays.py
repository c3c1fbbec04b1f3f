"""What trees cost in memory: bins, codes and a level of a tree over arrays, with no warehouse taking part.

Belongs here: these measurements, by the code that trains. Does not belong here: trees by SQL
(`ml.indb.calibrate_trees`), keeping what was measured (`ml.indb.unit_costs`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ml.indb.array_bins import binned_numbers, binned_texts
from ml.indb.boosting import fit_trees
from ml.indb.calibrate_sums import LEAST, Costs, quickest
from ml.indb.cells import CellEngine, Cells
from ml.indb.histograms import Layout
from ml.indb.labels import bits_for, number_label
from ml.indb.tree_settings import Boosting, Growth, TreeRows

if TYPE_CHECKING:
    from warehouse.client import Warehouse

ROWS, FEW_ROWS = 200_000, 2_000
"""Memory takes longer a row the more rows there are: about as many as an export is worth for."""

FEATURES, BINS, LEVELS, DEPTH, TREES = 8, 64, 20, 4, 2


def of_arrays(_: Warehouse, __: str) -> Costs:
    """Seconds for each row and feature: `array_bin` of a number's bin and `array_code` of a category's code,
    once; `cell` of a level of a tree.
    """
    import pyarrow as pa

    random = np.random.default_rng(0)
    x = random.normal(size=(FEATURES, ROWS))
    texts = pa.chunked_array([[f"value {at}" for at in random.integers(LEVELS, size=ROWS).tolist()]])
    found = [binned_numbers(f"x{at}", "number", one, None, BINS) for at, one in enumerate(x)]
    y = np.round(x[0] * x[1] + np.sin(3 * x[2]) + random.normal(size=ROWS), 3)
    label = number_label("y", float(y.min()), float(y.max()), bits_for(ROWS, None))
    ones, codes = np.ones(ROWS, dtype=np.int64), np.stack([codes for _, codes in found])
    cells = Cells(codes, ones, ones, label.steps(y), np.zeros(ROWS, dtype=np.int16), ones)
    layout, rows = Layout(tuple(one for one, _ in found)), TreeRows("rows", "y", numbers=("x",))
    settings = Boosting(TREES, growth=Growth(max_depth=DEPTH, max_leaves=2**DEPTH))

    def grown(count: int) -> float:
        part = cells.of(np.arange(ROWS) < count)
        return quickest(lambda: fit_trees(CellEngine(layout, part), label, rows, settings, "timed"))

    levels = max(grown(ROWS) - grown(FEW_ROWS), 0.0) / TREES / DEPTH
    return {
        "array_bin": quickest(lambda: binned_numbers("x", "number", x[0], None, BINS)) / ROWS,
        "array_code": quickest(lambda: binned_texts("c", texts, None)) / ROWS,
        "cell": max(levels / ROWS / FEATURES, LEAST),
    }
