"""Rows that leave to be trained on in memory: the same codes, weights and targets as the binned table has.

Where features are wide and dense, sorting them and counting their bins takes a processor less time in memory
than SQL takes over the rows, even with their way out. What is read of each row is made by the same SQL as
the binned table; only bins are cut here, at the same places, so trees and document come out the same.

Belongs here: the export, its size in memory. Does not belong here: one column's bins (`ml.indb.array_bins`),
the choice of an export (`ml.indb.training_plan`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ml.indb.array_bins import binned_numbers, binned_texts
from ml.indb.binned_rows import numbers
from ml.indb.bins import Bins, number_sql
from ml.indb.cells import Cells
from ml.indb.grouped_values import column, held_sql, targets_sql
from ml.indb.samples import key_sql

if TYPE_CHECKING:
    import pyarrow as pa

    from ml.indb.bin_scan import Scan
    from ml.indb.tree_settings import TreeRows
    from warehouse.client import Warehouse

VALUE_BYTES, ROW_BYTES = 24, 150
"""What training holds at its peak of a value and of a row beside them: the value as it came, its code, the
code's copy to add up by; weight, target, score and derivatives."""


def held_bytes(rows: int, features: int) -> int:
    """Bytes of memory in which so many rows are trained on."""
    return rows * (features * VALUE_BYTES + ROW_BYTES)


@dataclass(frozen=True)
class Exported:
    """`cells` (each one row), `bins` by feature, and the bytes of Arrow that left."""

    bins: tuple[Bins, ...]
    cells: Cells
    bytes_out: int


def exported_rows(
    wh: Warehouse, rows: TreeRows, found: Scan, most_bins: int, fold: str | None = None
) -> Exported:
    """The rows that count, in memory. `fold`: SQL of each row's fold; without it bins are cut on training
    rows only.

    Raises:
        InDatabaseError: a feature is constant, missing in every row, infinite, or a category with too many
            values.
        WarehouseError: the statement fails.
    """
    table = wh.fetch_arrow(_rows_sql(rows, found, fold))
    size, count, has = table.nbytes, table.num_rows, set(table.column_names)
    ones = np.ones(count, dtype=np.int64)
    held = numbers(table, "v").astype(np.int16) if "v" in has else np.zeros(count, dtype=np.int16)
    is_training = held == 0 if fold is None and rows.watches else None
    bins, codes = [], np.empty((len(rows.features), count), dtype=np.int16)
    for at, (name, kind) in enumerate(rows.features.items()):
        values = table.column(f"x{at}")
        if kind == "category":
            one, codes[at] = binned_texts(name, values, is_training)
        else:
            one, codes[at] = binned_numbers(name, kind, _doubles(values), is_training, most_bins)
        bins.append(one)
        table = table.drop_columns([f"x{at}"])
    weight = numbers(table, "w") if "w" in has else ones
    target = np.stack([numbers(table, f"s{at}") for at in range(found.label.targets)])
    key = numbers(table, "k") if "k" in has else np.zeros(count, dtype=np.int64)
    return Exported(tuple(bins), Cells(codes, ones, weight, target, held, key), size)


def _rows_sql(rows: TreeRows, found: Scan, fold: str | None) -> str:
    """Columns x0, x1, … (features), s0, s1, … (weight times target, in steps), and those of w (weight in
    steps), k (key) and v (fold) that tell rows apart.
    """
    listed = [
        f"{column(name)}::text as x{at}"
        if kind == "category"
        else f"{number_sql(kind, column(name))} as x{at}"
        for at, (name, kind) in enumerate(rows.features.items())
    ]
    listed += [f"{target} as s{at}" for at, target in enumerate(targets_sql(rows, found))]
    listed += [f"{found.weight} as w"] if rows.weight else []
    listed += [f"{key_sql(column(rows.key))} as k"] if rows.key else []
    if fold is not None or rows.watches:
        listed.append(f"({fold or held_sql(found.is_training)})::smallint as v")
    return f"select {', '.join(listed)} from {rows.relation} as r where {found.is_used}"


def _doubles(values: pa.ChunkedArray) -> np.ndarray:
    """NaN for missing."""
    return values.to_numpy().astype(np.float64, copy=False)
