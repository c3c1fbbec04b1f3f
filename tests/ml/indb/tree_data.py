"""Rows for the tests of trees: missing values, categories, booleans, weights, ties.

Belongs here: the rows and the databases' loading of them. Does not belong here: assertions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from warehouse.client import Warehouse

RELATION = "lab.tree_rows"
PARALLEL = (
    "parallel_setup_cost = 0", "parallel_tuple_cost = 0", "min_parallel_table_scan_size = 0",
    "max_parallel_workers_per_gather = 2",
)  # fmt: skip


def tree_rows(count: int = 900, seed: int = 0) -> pa.Table:
    """Rows with key `id`, features x z b c, labels y (number), is_high, kind (text), grade (three
    texts), weight w, day.
    """
    random = np.random.default_rng(seed)
    x, z = random.normal(size=count), random.integers(0, 9, count)
    b, c = random.random(count) < 0.4, np.array(["a", "B", "é %s", "it's \\"])[random.integers(0, 4, count)]
    y = np.round(2 * x + 3 * (z > 4) - 2 * (c == "B") + b + random.normal(size=count), 3)
    x = [None if random.random() < 0.1 else float(value) for value in x]
    c = [None if random.random() < 0.05 else str(value) for value in c]
    return pa.table({
        "id": pa.array(range(count), pa.int64()), "x": pa.array(x, pa.float64()), "z": pa.array(z),
        "b": pa.array(b), "c": pa.array(c, pa.string()), "y": pa.array(y), "is_high": pa.array(y > 1.0),
        "grade": pa.array(np.array(["fair", "Good", "it's \\ %s"])[np.digitize(y, [0.0, 2.0])]),
        "kind": pa.array(np.where(y > 1.0, "high", "low")), "w": pa.array(random.integers(0, 4, count)),
        "day": pa.array(random.integers(0, 60, count)),
    })  # fmt: skip


def load(wh: Warehouse, table: pa.Table) -> None:
    """The rows as `RELATION`."""
    wh.execute("create schema if not exists lab")
    wh.load_arrow(*RELATION.split("."), table, "replace")


def set_workers(wh: Warehouse, parallel: bool) -> None:
    """Let every scan run in parallel, or none."""
    wh.execute("; ".join(f"set {one}" if parallel else f"reset {one.split(' ')[0]}" for one in PARALLEL))
    if not parallel:
        wh.execute("set max_parallel_workers_per_gather = 0")
