"""The binned table: a short-lived unlogged table of bin codes, weights and targets, of rows or of cells.

Belongs here: making it, deciding whether cells pay, reading cells into memory. Does not belong here: bins
(`ml.indb.bin_scan`), histograms over it (`ml.indb.histogram_sql`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ml.indb.bin_scan import Scan
from ml.indb.cells import Cells
from ml.indb.grouped_values import column, held_sql, made_table, targets_sql, values_sql
from ml.indb.samples import key_sql

if TYPE_CHECKING:
    import pyarrow as pa

    from ml.indb.tree_settings import TreeRows
    from warehouse.client import Warehouse

PAYS = 2
"""Cells pay where rows are at least so many times as many."""

FEW_CELLS = 200_000
"""Up to so many cells are trained on in memory: about 20 bytes a feature and cell."""


@dataclass(frozen=True)
class Binned:
    """The table's quoted name, how many of its columns b0, b1, … are features and how many of s0, s1, … are
    targets, how many rows it stands for, and how many `cells` it has, None where each of its rows is one row.
    `is_even`: all rows have the weight 1, so that w is n.
    """

    table: str
    features: int
    outputs: int
    rows: int
    cells: int | None
    is_even: bool

    @property
    def codes(self) -> list[str]:
        return [f"b{place}" for place in range(self.features)]

    @property
    def targets(self) -> list[str]:
        return [f"s{place}" for place in range(self.outputs)]

    @property
    def pays(self) -> bool:
        """Whether cells are few enough to group by."""
        return self.cells is not None and self.cells * PAYS <= self.rows


def binned_rows(wh: Warehouse, rows: TreeRows, scan: Scan, fold: str | None = None) -> Binned:
    """Make the binned table of the rows that count. Columns: n (rows), w (weight), s0, s1, … (weight times
    target, both in steps), k (key), b0, b1, … (codes), v (the fold, in SQL `fold`; without one 0, and `HELD`
    for validation rows).

    Raises:
        WarehouseError: the statement fails.
    """
    table = made_table(wh, "binned", _select(rows, scan, fold))
    count = int(wh.scalar(f"select count(*) from {table}"))
    return Binned(table, len(scan.bins), scan.label.targets, count, None, rows.weight is None)


def binned_cells(wh: Warehouse, rows: TreeRows, scan: Scan, fold: str | None = None) -> Binned:
    """Make the table of cells: as the binned table, one row for all of equal codes and fold; k is 0. Counting
    the cells would take as long.

    Raises:
        WarehouseError: the statement fails.
    """
    targets = ", ".join(f"s{place}" for place in range(scan.label.targets))
    if scan.values is not None and fold is None:
        codes = ", ".join(f"{one.sql(f'x{at}')} as b{at}" for at, one in enumerate(scan.bins))
        source = scan.values
    else:
        # A value that has a bin of its own is grouped by as it is, and coded once a cell, not once a row.
        values = [column(one.name) if one.is_few else one.sql(column(one.name)) for one in scan.bins]
        codes = ", ".join(
            f"{one.sql(f'x{at}') if one.is_few else f'x{at}'} as b{at}" for at, one in enumerate(scan.bins)
        )
        number = fold or held_sql(scan.is_training)
        source = f"({values_sql(rows, scan, number, values)}) as by_value"
    coded = f"(select n, w, {targets}, v, {codes}\nfrom {source}) as one"
    return _grouped(wh, coded, len(scan.bins), scan.label.targets, rows.weight is None)


def _grouped(wh: Warehouse, source: str, features: int, outputs: int, is_even: bool) -> Binned:
    listed = ", ".join(f"b{place}" for place in range(features))
    names = ["n", "w", *(f"s{place}" for place in range(outputs))]
    sums = ", ".join(f"sum({name})::bigint as {name}" for name in names)
    grouped = f"select {sums}, 0::bigint as k, {listed}, v from {source} group by v, {listed}"
    table = made_table(wh, "cells", grouped)
    found = wh.query(f"select count(*) as cells, coalesce(sum(n), 0)::bigint as rows from {table}")[0]
    return Binned(table, features, outputs, found["rows"], found["cells"], is_even)


def cells_of(wh: Warehouse, rows: Binned) -> Binned:
    """Make the table of cells of a binned table of rows.

    Raises:
        WarehouseError: the statement fails.
    """
    return _grouped(wh, f"{rows.table} as one", rows.features, rows.outputs, rows.is_even)


def _select(rows: TreeRows, scan: Scan, fold: str | None) -> str:
    key = key_sql(column(rows.key)) if rows.key else "0::bigint"
    codes = ", ".join(f"{one.sql(column(one.name))} as b{at}" for at, one in enumerate(scan.bins))
    targets = ", ".join(f"{target} as s{at}" for at, target in enumerate(targets_sql(rows, scan)))
    return (
        f"select 1::bigint as n, {scan.weight} as w, {targets}, {key} as k,\n{codes},\n"
        f"({fold or held_sql(scan.is_training)})::smallint as v\n"
        f"from {rows.relation} as r where {scan.is_used}"
    )


def fetched(wh: Warehouse, one: Binned, *, ordered: bool = False) -> Cells:
    """The table in memory; `ordered`: cells in the order of fold and codes."""
    names = ["n", *([] if one.is_even else ["w"]), *one.targets, *one.codes, "v"]
    names += ["k"] if one.cells is None else []
    order = f" order by {', '.join(['v', *one.codes])}" if ordered else ""
    table = wh.fetch_arrow(f"select {', '.join(names)} from {one.table}{order}")
    codes = np.stack([numbers(table, name).astype(np.int16) for name in one.codes])
    rows = numbers(table, "n")
    weight = rows if one.is_even else numbers(table, "w")
    target = np.stack([numbers(table, name) for name in one.targets])
    key = numbers(table, "k") if one.cells is None else np.zeros_like(rows)
    return Cells(codes, rows, weight, target, numbers(table, "v").astype(np.int16), key)


def numbers(table: pa.Table, name: str) -> np.ndarray:
    """A column of an Arrow table as int64."""
    import pyarrow as pa

    return table.column(name).cast(pa.int64()).to_numpy()


def dropped(wh: Warehouse, one: Binned) -> None:
    """Drop the table."""
    wh.execute(f"drop table if exists {one.table}")
