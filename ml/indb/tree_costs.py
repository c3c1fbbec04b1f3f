"""What trees would cost over rows by SQL, over cells, and over exported rows in memory.

Belongs here: the formulas of trees. Does not belong here: those of sums (`ml.indb.way_costs`), what a step
takes (`ml.indb.calibrate_trees`).
"""

from __future__ import annotations

import math

from ml.indb.binned_rows import FEW_CELLS
from ml.indb.exported_rows import held_bytes
from ml.indb.work_costs import WorkCosts

CODE_BYTES, CELL_BYTES = 2, 33
"""A cell as Arrow: a code a feature; beside them four whole numbers and a truth value."""

HISTOGRAM_BYTES = 32
"""A bin with its count and two sums, as `ml.indb.histogram_sql` counts them."""


def rows_by_sql(costs: WorkCosts) -> tuple[float, float]:
    """Seconds and bytes out of histograms by SQL over all rows."""
    seconds = costs.source + costs.found.rows * _code(costs)
    return seconds + _trees_by_sql(costs, costs.found.rows), _histogram_bytes(costs)


def _code(costs: WorkCosts) -> float:
    """Seconds in which a row gets its codes: numbers by quantiles, which sorts them, categories by a list."""
    work, unit = costs.work, costs.unit
    return len(work.numbers) * unit["bin"] + len(work.categories) * unit["code"]


def _trees_by_sql(costs: WorkCosts, rows: int) -> float:
    work, unit = costs.work, costs.unit
    levels = work.depth * len(work.features) * unit["histogram"] + unit["scored"]
    return work.rounds * (_tree(costs) + rows * levels)


def _tree(costs: WorkCosts) -> float:
    """What a tree costs beside its rows: a share for each leaf."""
    return costs.unit["tree_leaf"] * costs.work.leaves


def _histogram_bytes(costs: WorkCosts) -> float:
    """Of two sisters one is measured."""
    work = costs.work
    return work.rounds * work.leaves * len(work.features) * (work.most_bins + 1) * HISTOGRAM_BYTES


def by_cells(costs: WorkCosts) -> tuple[float, float]:
    """Seconds and bytes out of rows grouped into cells, then trees on those, in memory where they fit."""
    work, found, unit = costs.work, costs.found, costs.unit
    cells, features = found.cells or found.rows, len(work.features)
    grouped = found.rows * features * unit["group"] + cells * unit["new_group"]
    made = costs.source + found.rows * _code(costs) + grouped
    is_small = found.rows <= work.memory_rows and held_bytes(cells, features) <= work.memory_bytes
    if cells > FEW_CELLS and not is_small:
        return made + _trees_by_sql(costs, cells), _histogram_bytes(costs)
    return made + in_memory(costs, cells), cells * (CODE_BYTES * features + CELL_BYTES)


def in_memory(costs: WorkCosts, cells: int) -> float:
    """Seconds of trees on so many cells, or rows, by NumPy. Where leaves are fewer than a full tree's, the
    levels that most cells pass are fewer too.
    """
    work = costs.work
    levels = min(work.depth, math.ceil(math.log2(max(work.leaves, 2))))
    return work.rounds * (_tree(costs) + cells * levels * len(work.features) * costs.unit["cell"])


def exported(costs: WorkCosts) -> tuple[float, float]:
    """The rows as Arrow, their bins and trees in memory."""
    work, found, unit = costs.work, costs.found, costs.unit
    row = (
        costs.exported_row + len(work.numbers) * unit["array_bin"] + len(work.categories) * unit["array_code"]
    )
    seconds = costs.begun_export + found.rows * row + in_memory(costs, found.rows)
    return seconds, found.rows * found.row_bytes


def held(costs: WorkCosts) -> int:
    """Bytes of memory that an export takes."""
    return held_bytes(costs.found.rows, len(costs.work.features))
