"""Choosing what trees are trained on: rows or cells in the warehouse, or cells in memory; and clearing away.

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
from ml.indb.histogram_sql import SqlEngine
from ml.indb.histograms import Layout

if TYPE_CHECKING:
    from ml.indb.histograms import Engine
    from ml.indb.tree_settings import TreeRows
    from warehouse.client import Warehouse

ENGINES = ("auto", "rows", "cells", "memory")


@dataclass(frozen=True)
class Tables:
    """What the rows of a scan became. `chosen`: rows, cells or memory. `drawn`: the rows that a forest's
    `trees` draw from, where cells stand for them in memory.
    """

    wh: Warehouse
    layout: Layout
    table: Binned
    chosen: str
    cells: Cells | None = None
    drawn: Binned | None = None
    trees: int = 0

    def engine(self, held: int = HELD, *, before: int | None = None) -> Engine:
        """A new engine that trains on all folds but `held`, or on those before the number `before`."""
        if self.cells is None:
            return SqlEngine(self.wh, self.layout, self.table, held, before=before)
        draws = CellDraws(self.wh, self.drawn, len(self.cells.rows), self.trees) if self.drawn else None
        return CellEngine(self.layout, self.cells, draws, held, before=before)


@contextmanager
def tables_of(
    wh: Warehouse, rows: TreeRows, found: Scan, engine: str, *, samples: int, fold: str | None = None
) -> Iterator[Tables]:
    """Make the tables of a scan, and drop them, and the scan's own, at the end. `samples`: how many trees
    draw rows. `fold`: SQL of each row's fold, a smallint; without it, validation rows are `HELD`.

    Raises:
        InDatabaseError: an unknown engine, or one that cannot draw rows.
        WarehouseError: a statement fails.
    """
    made: list[Binned] = []
    try:
        check_engine(engine, samples=samples > 0)
        if samples:
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
            "rows, memory."
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
            return Tables(wh, layout, cells, "memory", fetched(wh, cells))
        if engine == "cells" or cells.pays:
            return Tables(wh, layout, cells, "cells")
        dropped(wh, made.pop())
    made.append(binned_rows(wh, rows, found, fold))
    return Tables(wh, layout, made[-1], "rows")


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
        return Tables(wh, layout, cells, "memory", fetched(wh, cells, ordered=True), whole, trees)
    dropped(wh, made.pop())
    if engine == "memory":
        return Tables(wh, layout, whole, "memory", fetched(wh, whole))
    return Tables(wh, layout, whole, "rows")
