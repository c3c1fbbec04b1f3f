"""Two warehouses' relations compared row by row: the same columns, the same rows, the same bits.

Belongs here: reading, ordering and comparing. Does not belong here: which relations, or why they may differ.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from warehouse.client import Warehouse, quote


@dataclass
class Compared:
    """One relation: rows on each side, and by column how many rows differ and by how much at most (the
    largest distance in units in the last place for doubles, None for other types).
    """

    relation: str
    rows: tuple[int, int]
    missing_columns: list[str] = field(default_factory=list)
    differing: dict[str, tuple[int, int | None]] = field(default_factory=dict)

    @property
    def is_equal(self) -> bool:
        return self.rows[0] == self.rows[1] and not self.missing_columns and not self.differing


def compare(
    one: Warehouse, two: Warehouse, schema: str, table: str, leave_out: Collection[str] = ()
) -> Compared:
    """The rows of a relation in both warehouses, in the order of every column that orders exactly."""
    columns = [name for name in one.column_types(schema, table) if name not in leave_out]
    there = two.column_types(schema, table)
    missing = [name for name in columns if name not in there]
    shared = [name for name in columns if name in there]
    tables = [_ordered(_plain(wh.fetch_arrow(_select(schema, table, shared)))) for wh in (one, two)]
    found = Compared(f"{schema}.{table}", (tables[0].num_rows, tables[1].num_rows), missing)
    if tables[0].num_rows == tables[1].num_rows:
        for name in shared:
            count, distance = _difference(tables[0][name], tables[1][name])
            if count:
                found.differing[name] = (count, distance)
    return found


def _select(schema: str, table: str, columns: list[str]) -> str:
    return f"select {', '.join(map(quote, columns))} from {quote(schema, table)}"


def _plain(table: pa.Table) -> pa.Table:
    """Types that two engines spell differently, in one spelling."""
    arrays = []
    for column in table.columns:
        kind = column.type
        if isinstance(kind, pa.BaseExtensionType):
            kind, column = kind.storage_type, pc.cast(column, kind.storage_type)
        if pa.types.is_decimal(kind) or pa.types.is_null(kind):
            column = pc.cast(column, pa.float64())
        elif pa.types.is_timestamp(kind):
            column = pc.cast(column, pa.timestamp("us", kind.tz and "UTC"))
        elif pa.types.is_integer(kind):
            column = pc.cast(column, pa.int64())
        elif pa.types.is_floating(kind):
            column = pc.cast(column, pa.float64())
        elif pa.types.is_large_string(kind) or pa.types.is_string(kind):
            column = _canonical(pc.cast(column, pa.string()))
        arrays.append(column)
    return pa.table(arrays, names=table.column_names)


def _canonical(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """JSON as one text, since engines put spaces and keys as they like; other texts as they are."""
    first = next((value for value in column.to_pylist() if value is not None), "")
    if not first.startswith(("{", "[")):
        return column
    texts = [
        None if one is None else json.dumps(json.loads(one), sort_keys=True) for one in column.to_pylist()
    ]
    return pa.chunked_array([pa.array(texts, pa.string())])


def _ordered(table: pa.Table) -> pa.Table:
    """By every column but the doubles, which may differ in their last bits."""
    exact = [f.name for f in table.schema if not pa.types.is_floating(f.type)]
    inexact = [f.name for f in table.schema if pa.types.is_floating(f.type)]
    keys = [(name, "ascending") for name in (*exact, *inexact)]
    return table.sort_by(keys).combine_chunks() if table.num_rows else table


def _difference(one: pa.ChunkedArray, two: pa.ChunkedArray) -> tuple[int, int | None]:
    """How many values differ, and the largest distance of two doubles in units in the last place."""
    if one.type != two.type:
        return len(one), None
    if not pa.types.is_floating(one.type):
        same = pc.fill_null(pc.equal(one, two), False)
        both_null = pc.and_(pc.is_null(one), pc.is_null(two))
        return int(len(one) - pc.sum(pc.or_(same, both_null)).as_py()) if len(one) else 0, None
    left, right = (_bits(column) for column in (one, two))
    differs = left != right
    if not differs.any():
        return 0, None
    pairs = zip(_ranks(left[differs]).tolist(), _ranks(right[differs]).tolist(), strict=True)
    return int(differs.sum()), max(abs(one - other) for one, other in pairs)


def _bits(column: pa.ChunkedArray) -> np.ndarray:
    """Doubles as their bits; a missing one as bits that no number has; the two zeros are one."""
    values = pc.fill_null(column, float("nan")).to_numpy().astype(np.float64) + 0.0
    found = values.view(np.int64).copy()
    found[np.isnan(values)] = -1
    missing = np.asarray(pc.is_null(column))
    found[missing] = -2
    return found


def _ranks(bits: np.ndarray) -> np.ndarray:
    """Doubles' bits as whole numbers in the doubles' own order."""
    return np.where(bits < 0, np.int64(-(2**63)) - bits, bits)
