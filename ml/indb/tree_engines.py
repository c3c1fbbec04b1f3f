"""Choosing what trees are trained on: rows or cells in the warehouse, cells or exported rows in memory; and
clearing away.

Belongs here: the choice and the tables' lifetime. Does not belong here: the tables (`ml.indb.binned_rows`),
training on them (`ml.indb.boosting`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml.indb.bin_scan import Scan
from ml.indb.binned_rows import FEW_CELLS, Binned, binned_cells, binned_rows, cells_of, dropped, fetched
from ml.indb.cell_draws import CellDraws
from ml.indb.cells import HELD, CellEngine, Cells
from ml.indb.errors import InDatabaseError
from ml.indb.exported_rows import exported_rows
from ml.indb.histogram_sql import SqlEngine
from ml.indb.histograms import Layout

if TYPE_CHECKING:
    from ml.indb.histograms import Engine
    from ml.indb.tree_settings import TreeRows
    from warehouse.client import Warehouse

ENGINES = ("auto", "rows", "cells", "memory", "export")


@dataclass(frozen=True)
class Tables:
    """What the rows of a scan became. `chosen`: rows, cells, memory or export. `table`: what they are in the
    warehouse, None where they left. `bytes_out`: what `cells`, in memory, took on their way. `drawn`: the
    rows that a forest's `trees` draw from, where cells stand for them in memory.
    """

    wh: Warehouse
    layout: Layout
    table: Binned | None
    chosen: str
    cells: Cells | None = None
    bytes_out: int = 0
    drawn: Binned | None = None
    trees: int = 0

    @property
    def rows(self) -> int:
        """Rows that they stand for."""
        return self.table.rows if self.table else len(self.cells.rows)

    @property
    def cell_count(self) -> int | None:
        """Cells, None where each is one row."""
        return self.table.cells if self.table else None

    def engine(self, held: int = HELD, *, before: int | None = None) -> Engine:
        """A new engine that trains on all folds but `held`, or on those before the number `before`."""
        if self.cells is None:
            return SqlEngine(self.wh, self.layout, self.table, held, before=before)
        draws = CellDraws(self.wh, self.drawn, len(self.cells.rows), self.trees) if self.drawn else None
        return CellEngine(self.layout, self.cells, draws, held, before=before)


@contextmanager
def tables_of(
    wh: Warehouse, rows: TreeRows, found: Scan, engine: str, *, samples: int, most_bins: int,
    fold: str | None = None,
) -> Iterator[Tables]:  # fmt: skip
    """Make the tables of a scan, and drop them, and the scan's own, at the end. `samples`: how many trees
    draw rows. `most_bins`: where the rows leave without bins. `fold`: SQL of each row's fold, a smallint;
    without it, validation rows are `HELD`.

    Raises:
        InDatabaseError: an unknown engine, one that cannot draw rows, or features that cannot be trained on.
        WarehouseError: a statement fails.
    """
    made: list[Binned] = []
    try:
        check_engine(engine, samples=samples > 0)
        if engine == "export":
            left = exported_rows(wh, rows, found, most_bins, fold)
            yield Tables(wh, Layout(left.bins), None, engine, left.cells, left.bytes_out)
        elif samples:
            yield _sampled(wh, rows, found, engine, fold, made, samples)
        else:
            yield _whole(wh, rows, found, engine, fold, made)
    finally:
        for one in made:
            dropped(wh, one)
        if found.values is not None:
            wh.execute(f"drop table {found.values}")


def check_engine(engine: str, *, samples: bool) -> None:
    """Raise InDatabaseError for an engine that is not there, or cannot draw rows."""
    if engine not in ENGINES:
        raise InDatabaseError(f"engine is {engine!r}; allowed: {', '.join(ENGINES)}.")
    if samples and engine == "cells":
        raise InDatabaseError(
            "engine is 'cells' for a forest that samples rows, which no table of cells holds; allowed: auto, "
            "rows, memory, export."
        )


def _whole(
    wh: Warehouse, rows: TreeRows, found: Scan, engine: str, fold: str | None, made: list[Binned]
) -> Tables:
    """Cells where they are asked for, or pay; else rows."""
    layout = Layout(found.bins)
    if engine != "rows":
        made.append(binned_cells(wh, rows, found, fold))
        cells = made[-1]
        if engine == "memory" or (engine == "auto" and cells.pays and cells.cells <= FEW_CELLS):
            return _in_memory(wh, layout, cells, fetched(wh, cells))
        if engine == "cells" or cells.pays:
            return Tables(wh, layout, cells, "cells")
        dropped(wh, made.pop())
    made.append(binned_rows(wh, rows, found, fold))
    return Tables(wh, layout, made[-1], "rows")


def _in_memory(
    wh: Warehouse, layout: Layout, table: Binned, cells: Cells, drawn: Binned | None = None, trees: int = 0
) -> Tables:
    return Tables(wh, layout, table, "memory", cells, cells.nbytes, drawn, trees)


def _sampled(
    wh: Warehouse, rows: TreeRows, found: Scan, engine: str, fold: str | None, made: list[Binned], trees: int
) -> Tables:
    """Rows; in memory their cells where those pay, with what trees draw of them, else the rows' codes and the
    hashes of their keys.
    """
    layout = Layout(found.bins)
    made.append(binned_rows(wh, rows, found, fold))
    whole = made[0]
    if engine == "rows":
        return Tables(wh, layout, whole, "rows")
    made.append(cells_of(wh, whole))
    cells = made[-1]
    if cells.pays and (engine == "memory" or cells.cells <= FEW_CELLS):
        return _in_memory(wh, layout, cells, fetched(wh, cells, ordered=True), whole, trees)
    dropped(wh, made.pop())
    if engine == "memory":
        return _in_memory(wh, layout, whole, fetched(wh, whole))
    return Tables(wh, layout, whole, "rows")
