"""Training trees in the warehouse: scan, bin, choose rows or cells, fit, clear away.

Belongs here: the order of steps. Does not belong here: any of the steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml.indb.bin_scan import scan
from ml.indb.boosting import FittedTrees, fit_trees
from ml.indb.tree_engines import Tables, check_engine, tables_of
from ml.indb.tree_settings import Boosting, Forest, TreeRows

if TYPE_CHECKING:
    from ml.indb.labels import Label
    from warehouse.client import Warehouse


@dataclass(frozen=True)
class TrainedTrees:
    """The fitted trees, and how they came about: `engine` is rows (SQL over rows), cells (SQL over cells),
    memory (cells by NumPy) or export (rows by NumPy); the rows, and the cells, None where the table holds
    rows; `bytes_out`: the size of the histograms, cells or rows that left the warehouse.
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
    half as many as rows, in memory where they are few. What a forest's trees draw of a cell is added up over
    the rows, each drawn by its own key, so cells serve there too; with "memory" and rows that do not repeat,
    codes and hashed keys of the rows leave, with "export" the rows themselves. Bins and rows are read by
    several statements: the relation should not change meanwhile.

    Raises:
        InDatabaseError: rows that cannot be trained on, see `ml.indb.bin_scan`, or unknown settings.
        WarehouseError: a statement fails.
    """
    samples = settings.trees if isinstance(settings, Forest) and settings.sample else 0
    check_engine(engine, samples=samples > 0)
    if engine == "export":
        return exported_trees(wh, rows, most_bins).train(rows, settings, name)
    found = scan(wh, rows, most_bins, for_cells=engine != "rows" and not samples)
    with tables_of(wh, rows, found, engine, samples=samples, most_bins=most_bins) as tables:
        return TreeData(found.label, tables).train(rows, settings, name)


@dataclass(frozen=True)
class TreeData:
    """Rows that can be trained on, again with other settings."""

    label: Label
    tables: Tables

    def train(self, rows: TreeRows, settings: Boosting | Forest, name: str) -> TrainedTrees:
        """As `train_trees`, on the rows `rows` that these are."""
        tables = self.tables
        made = tables.engine()
        try:
            fitted = fit_trees(made, self.label, rows, settings, name)
        finally:
            made.close()
        size = tables.bytes_out + made.bytes_out
        return TrainedTrees(fitted, tables.chosen, tables.rows, tables.cell_count, size)


def exported_trees(wh: Warehouse, rows: TreeRows, most_bins: int = 64) -> TreeData:
    """The rows, exported: they lie in memory, and nothing of them in the warehouse.

    Raises:
        InDatabaseError, WarehouseError: as `train_trees`.
    """
    found = scan(wh, rows, most_bins, for_export=True)
    with tables_of(wh, rows, found, "export", samples=0, most_bins=most_bins) as tables:
        return TreeData(found.label, tables)
