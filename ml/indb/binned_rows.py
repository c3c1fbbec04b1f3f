"""The binned table: a short-lived unlogged table of bin codes, weights and targets, of rows or of cells.

Belongs here: making it, deciding whether cells pay, reading cells into memory. Does not belong here: bins
(`ml.indb.bin_scan`), histograms over it (`ml.indb.histogram_sql`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ml.document.work_tables import WORK_SCHEMA, new_name, prepare
from ml.indb.bin_scan import Scan, column
from ml.indb.cells import Cells
from ml.indb.samples import key_sql
from warehouse.client import quote

if TYPE_CHECKING:
    from ml.indb.tree_settings import TreeRows
    from warehouse.client import Warehouse

PAYS = 2
"""Cells pay where rows are at least so many times as many."""

FEW_CELLS = 200_000
"""Up to so many cells are trained on in memory: about 20 bytes a feature and cell."""


@dataclass(frozen=True)
class Binned:
    """The table's quoted name, how many of its columns b0, b1, … are features, and how many rows and cells it
    stands for; `cells` is None where they were not counted. `is_single`: each of its rows is one row, of
    weight 1 where `is_even`.
    """

    table: str
    features: int
    rows: int
    cells: int | None
    is_single: bool
    is_even: bool

    @property
    def codes(self) -> list[str]:
        return [f"b{place}" for place in range(self.features)]

    @property
    def pays(self) -> bool:
        """Whether cells are few enough to group by."""
        return self.cells is not None and self.cells * PAYS <= self.rows


def binned(wh: Warehouse, rows: TreeRows, scan: Scan, count_cells: bool) -> Binned:
    """Make the binned table of the rows that count. Columns: n (rows), w (weight), s (weight times label in
    steps), k (key), b0, b1, … (codes), v (whether it is a validation row).

    Raises:
        WarehouseError: the statement fails.
    """
    prepare(wh)
    table = quote(WORK_SCHEMA, new_name("binned"))
    w = f"{column(rows.weight)}::bigint" if rows.weight else "1::bigint"
    key = key_sql(column(rows.key)) if rows.key else "0::bigint"
    codes = [f"{one.sql(column(one.name))} as b{at}" for at, one in enumerate(scan.bins)]
    count = wh.execute(
        f"create unlogged table {table} as select 1::bigint as n, {w} as w, {w} * "
        f"{scan.label.sql(column(rows.label))} "
        f"as s, {key} as k,\n{', '.join(codes)}, not ({scan.is_training}) as v\n"
        f"from {rows.relation} as r where {scan.is_used}"
    )
    made = Binned(table, len(codes), count, None, True, rows.weight is None)
    if not count_cells:
        return made
    listed = ", ".join(made.codes)
    cells = wh.scalar(f"select count(*) from (select 1 from {table} group by v, {listed}) as cells")
    return replace(made, cells=int(cells))


def collapsed(wh: Warehouse, one: Binned) -> Binned:
    """The table of cells in the place of the table of rows, which is dropped."""
    table, listed = quote(WORK_SCHEMA, new_name("cells")), ", ".join(one.codes)
    wh.execute(
        f"create unlogged table {table} as select sum(n)::bigint as n, sum(w)::bigint as w, "
        "sum(s)::bigint as s, "
        f"0::bigint as k, {listed}, v from {one.table} group by v, {listed}"
    )
    wh.execute(f"drop table {one.table}")
    return replace(one, table=table, is_single=False, is_even=False)


def fetched(wh: Warehouse, one: Binned) -> Cells:
    """The table in memory."""
    import pyarrow as pa

    table = wh.fetch_arrow(f"select * from {one.table}")

    def read(name: str) -> np.ndarray:
        return table.column(name).cast(pa.int64()).to_numpy()

    codes = np.stack([read(name).astype(np.int16) for name in one.codes])
    return Cells(codes, read("n"), read("w"), read("s"), read("v").astype(bool), read("k"))
