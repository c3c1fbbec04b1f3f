"""Rows that pull two engines apart: halves, long doubles, zeros of both signs, missing values, odd texts.

Belongs here: rows that several tests of this folder train on. Does not belong here: loading or comparing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

TEXTS = ("a", "B", "it's \\ odd", "é", " a", "")


def mixed_rows(count: int, seed: int = 0) -> pa.Table:
    """Columns: id, day (a date), fold; x with two decimals and halves, q of 17 digits with missing and NaN
    free, z with NaN, k, big (near the end of 31 bits), is_new, kind (text, missing); target, class, weight.
    """
    rng = np.random.default_rng(seed)

    def some_missing(values: Any, kind: pa.DataType, share: float = 0.1) -> pa.Array:
        lost = rng.random(count) < share
        return pa.array([None if gone else value for value, gone in zip(values, lost, strict=True)], kind)

    x = np.round(rng.normal(size=count) * 10, 2)
    x[: count // 4] = rng.integers(-9, 9, count // 4) + 0.5
    x[0] = -0.0
    z = rng.normal(size=count) * 1e6
    z[rng.random(count) < 0.1] = np.nan
    target = np.round(0.3 * x + rng.normal(size=count), 3)
    return pa.table(
        {
            "id": pa.array(range(count), pa.int64()),
            "day": pa.array(np.datetime64("2024-02-27") + rng.integers(0, 4, count)),
            "fold": pa.array(rng.integers(0, 3, count)),
            "x": pa.array(x),
            "q": some_missing((rng.normal(size=count) / 3).tolist(), pa.float64()),
            "z": pa.array(z),
            "k": pa.array(rng.integers(0, 6, count)),
            "big": pa.array(rng.integers(-(2**31), 2**31, count)),
            "is_new": some_missing((rng.random(count) < 0.3).tolist(), pa.bool_()),
            "kind": some_missing(rng.choice(TEXTS, count).tolist(), pa.string()),
            "target": pa.array(target),
            "class": pa.array(np.where(target + rng.normal(size=count) > 0, "yes", "no").tolist()),
            "weight": pa.array(rng.integers(0, 4, count)),
        }
    )
