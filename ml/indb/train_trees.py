"""Training trees in the warehouse: scan, bin, choose rows or cells, fit, clear away.

Belongs here: the order of steps. Does not belong here: any of the steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml.indb.bin_scan import Scan, scan
from ml.indb.binned_rows import FEW_CELLS, Binned, binned_cells, binned_rows, fetched
from ml.indb.boosting import FittedTrees, fit_trees
from ml.indb.cells import CellEngine
from ml.indb.errors import InDatabaseError
from ml.indb.histogram_sql import SqlEngine
from ml.indb.histograms import Layout
from ml.indb.tree_settings import Boosting, Forest, TreeRows

if TYPE_CHECKING:
    from ml.indb.histograms import Engine
    from warehouse.client import Warehouse

ENGINES = ("auto", "rows", "cells", "memory")


@dataclass(frozen=True)
class TrainedTrees:
    """The fitted trees, and how they came about: `engine` is rows (SQL over rows), cells (SQL over cells) or
    memory (cells by NumPy); the rows, and the cells, None where the table holds rows; `bytes_out`: the size
    of the histograms or cells that left the warehouse.
    """

    fitted: FittedTrees
    engine: str
    rows: int
    cells: int | None
    bytes_out: int


def train_trees(
    wh: Warehouse,
    rows: TreeRows,
    settings: Boosting | Forest,
    name: str,
    *,
    most_bins: int = 64,
    engine: str = "auto",
) -> TrainedTrees:
    """Train in the warehouse. Every engine gives the same document; "auto" takes cells where they are at most
    half as many as rows, in memory where they are few. A forest that samples rows stays with rows. Bins and
    rows are read by several statements: the relation should not change meanwhile.

    Raises:
        InDatabaseError: rows that cannot be trained on, see `ml.indb.bin_scan`, or unknown settings.
        WarehouseError: a statement fails.
    """
    if engine not in ENGINES:
        raise InDatabaseError(f"engine is {engine!r}; allowed: {', '.join(ENGINES)}.")
    samples = isinstance(settings, Forest) and settings.sample
    if samples and engine in ("cells", "memory"):
        raise InDatabaseError(f"a forest samples rows, which engine {engine!r} has not; allowed: auto, rows.")
    found = scan(wh, rows, most_bins)
    table = _table(wh, rows, found, "rows" if samples else engine)
    layout = Layout(found.bins)
    made: Engine | None = None
    try:
        chosen = _chosen(table, engine)
        made = CellEngine(layout, fetched(wh, table)) if chosen == "memory" else SqlEngine(wh, layout, table)
        fitted = fit_trees(made, found.label, rows, settings, name)
    finally:
        if made is not None:
            made.close()
        wh.execute(f"drop table if exists {table.table}")
    return TrainedTrees(fitted, chosen, table.rows, table.cells, made.bytes_out)


def _table(wh: Warehouse, rows: TreeRows, found: Scan, engine: str) -> Binned:
    """Cells where they are asked for, or pay; else rows."""
    if engine == "rows":
        return binned_rows(wh, rows, found)
    cells = binned_cells(wh, rows, found)
    if engine != "auto" or cells.pays:
        return cells
    wh.execute(f"drop table {cells.table}")
    return binned_rows(wh, rows, found)


def _chosen(table: Binned, engine: str) -> str:
    if engine != "auto":
        return engine
    if table.cells is None:
        return "rows"
    return "memory" if table.cells <= FEW_CELLS else "cells"
