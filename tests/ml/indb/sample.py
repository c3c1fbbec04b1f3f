"""A small relation with every kind of column, in the warehouse and in memory.

Belongs here: rows that several tests of this folder fit. Does not belong here: a test.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from ml.indb.columns import Category, Number

ROWS = 240
NUMBERS = (
    Number("price", decimals=2, limit=1e6),
    Number("count"),
    Number("is_open"),
    Number("wide"),
    Number("age", decimals=1, missing="indicator"),
    Number("y", decimals=3),
)
CATEGORIES = (Category("shape"), Category("zone"))
FEATURES = ["price", "count", "is_open", "wide", "age", "shape", "zone"]


def sample(seed: int = 7, rows: int = ROWS) -> pa.Table:
    """Rows with missing ages and shapes, a fold and a day; y depends on most columns."""
    random = np.random.default_rng(seed)
    price = np.round(random.normal(20, 5, rows), 2)
    count = random.integers(0, 9, rows)
    is_open = random.random(rows) < 0.4
    wide = random.normal(0, 1, rows) * 10.0 ** random.integers(-3, 3, rows)
    age = np.where(random.random(rows) < 0.15, np.nan, np.round(random.gamma(3, 4, rows), 1))
    shape = random.choice(["round", "it's square", "flat", ""], rows, p=[0.5, 0.3, 0.15, 0.05])
    zone = random.choice([1, 2, 3], rows)
    y = 3 + 0.5 * price - count + 2 * is_open + 0.01 * wide + np.nan_to_num(age) * 0.3 + zone
    y = np.round(y + np.where(shape == "flat", -4, 0) + random.normal(0, 1.5, rows), 3)
    return pa.table(
        {
            "id": pa.array(range(rows), pa.int64()),
            "day": pa.array(np.arange(rows) % 6, pa.int32()),
            "fold": pa.array(np.arange(rows) * 5 // rows, pa.int32()),
            "price": price,
            "count": pa.array(count, pa.int32()),
            "is_open": is_open,
            "wide": wide,
            "age": pa.array(age, pa.float64(), from_pandas=True),
            "shape": pa.array([None if random.random() < 0.1 else str(s) for s in shape], pa.string()),
            "zone": pa.array(zone, pa.int16()),
            "y": y,
        }
    )


def matrix(table: pa.Table, names: list[str]) -> np.ndarray:
    """The columns that terms of these names stand for, as doubles (n, p)."""
    columns = []
    for name in names:
        column, is_level, level = name.partition("=")
        if name.endswith("__is_missing"):
            values = np.isnan(table.column(name.removesuffix("__is_missing")).to_numpy().astype(float))
        elif is_level:
            wanted = None if level == "(missing)" else level
            values = [None if v is None else str(v) for v in table.column(column).to_pylist()]
            values = np.array([value == wanted for value in values])
        else:
            values = np.nan_to_num(table.column(column).to_numpy(zero_copy_only=False).astype(float))
        columns.append(values.astype(float))
    return np.column_stack(columns)
