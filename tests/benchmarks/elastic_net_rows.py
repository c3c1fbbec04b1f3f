"""The rows that penalised paths are compared on, and what each case reads of them.

Belongs here: the table, cases, declarations. Does not belong here: either side of the comparison, or time.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from ml.indb.columns import Category, Number
from tests.benchmarks.document_tables import store
from warehouse.client import Warehouse

FOLDS, DAYS, WINDOW = 5, 100, 60
NUMBERS = tuple(f"x{place}" for place in range(20))
TEXTS = {f"c{place}": levels for place, levels in enumerate((10, 20, 20, 30, 40))}
BINS = {f"b{place}": levels for place, levels in enumerate((8, 8, 16, 16, 16, 32))}
"""The first numbers, cut into so many bins of about as many rows."""

WIDE = tuple(f"w{place}" for place in range(50))
FEATURES = {"dense": NUMBERS, "window": NUMBERS, "categories": tuple(TEXTS), "binned": tuple(BINS)}
CHUNK = 1_000_000


def declared(case: str) -> tuple[list[Number], list[Category]]:
    """Numbers, the target last, and categories."""
    target = Number("y", 3, 1000.0)
    if case in ("categories", "binned"):
        return [target], [Category(name) for name in FEATURES[case]]
    return [*(Number(name, 3, 100.0) for name in FEATURES[case]), target], []


def relation(case: str, where: str = "true") -> str:
    """SQL of a case's rows, with their fold."""
    columns = ", ".join([*FEATURES[case], "day", "y"])
    kept = f"{where} and day >= {DAYS - WINDOW}" if case == "window" else where
    return f"(select {columns}, mod(id, {FOLDS}) as fold from rows where {kept})"


def store_rows(wh: Warehouse, count: int) -> None:
    """The table `rows`, written in parts that memory holds, and vacuumed."""
    random = np.random.default_rng(11)
    weights = random.normal(size=10), {name: random.normal(size=TEXTS[name]) for name in ("c0", "c2", "c4")}
    for low in range(0, count, CHUNK):
        part = _rows(random, low, min(CHUNK, count - low), count, *weights)
        wh.load_arrow("public", "rows", part, "append" if low else "replace")
    wh.execute("vacuum analyze rows")


def store_wide(wh: Warehouse, count: int) -> None:
    """The table `wide`: 50 numbers of three decimals, and the target."""
    values = np.round(np.random.default_rng(12).normal(size=(count, len(WIDE))), 3)
    columns = {name: values[:, place] for place, name in enumerate(WIDE)}
    target = np.round(values[:, :5].sum(axis=1), 3)
    store(wh, "wide", pa.table({"id": pa.array(range(count), pa.int64()), **columns, "y": target}))


def _rows(
    random: np.random.Generator, low: int, rows: int, count: int, by_number: np.ndarray,
    by_text: dict[str, np.ndarray],
) -> pa.Table:  # fmt: skip
    """The target depends on half of the numbers and on three of the texts."""
    numbers = np.round(random.normal(size=(rows, len(NUMBERS))), 3)
    codes = {name: random.integers(levels, size=rows) for name, levels in TEXTS.items()}
    y = numbers[:, :10] @ by_number + random.normal(size=rows)
    for name, effect in by_text.items():
        y = y + effect[codes[name]]
    places = np.arange(low, low + rows)
    return pa.table(
        {
            "id": pa.array(places, pa.int64()),
            "day": pa.array(places * DAYS // count, pa.int32()),
            **{name: numbers[:, place] for place, name in enumerate(NUMBERS)},
            **{name: pa.array(_texts(name)).take(pa.array(found)) for name, found in codes.items()},
            **{
                name: pa.array(_binned(numbers[:, at], levels), pa.int16())
                for at, (name, levels) in enumerate(BINS.items())
            },
            "y": np.round(y, 3),
        }
    )


def _texts(name: str) -> list[str]:
    return [f"v{level:02d}" for level in range(TEXTS[name])]


def _binned(values: np.ndarray, levels: int) -> np.ndarray:
    from statistics import NormalDist

    normal = NormalDist()
    cuts = [normal.inv_cdf(place / levels) for place in range(1, levels)]
    return np.searchsorted(cuts, values, side="right")
