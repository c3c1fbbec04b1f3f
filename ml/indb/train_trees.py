"""Training trees in the warehouse: scan, bin, choose rows or cells, fit, clear away.

Belongs here: the order of steps. Does not belong here: any of the steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml.indb.bin_scan import scan
from ml.indb.binned_rows import FEW_CELLS, Binned, binned, collapsed, fetched
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
    memory (cells by NumPy); rows and cells counted, cells None where they were not; `bytes_out`: the size of
    the histograms or cells that left the warehouse.
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
    half as many as rows, in memory where they are few. A forest that samples rows stays with rows.

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
    table = binned(wh, rows, found, count_cells=not samples and engine != "rows")
    layout = Layout(found.bins)
    made: Engine | None = None
    try:
        chosen = engine if engine != "auto" else _best(table)
        if chosen != "rows":
            table = collapsed(wh, table)
        if chosen == "memory":
            made = CellEngine(layout, fetched(wh, table))
        else:
            made = SqlEngine(wh, layout, table)
        fitted = fit_trees(made, found.label, rows, settings, name)
    finally:
        if made is not None:
            made.close()
        wh.execute(f"drop table if exists {table.table}")
    return TrainedTrees(fitted, chosen, table.rows, table.cells, made.bytes_out)


def _best(table: Binned) -> str:
    if not table.pays:
        return "rows"
    return "memory" if (table.cells or 0) <= FEW_CELLS else "cells"
