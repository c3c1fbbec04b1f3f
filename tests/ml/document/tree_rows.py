"""Data for fitted trees, rows that stand on their thresholds, and the comparison with the library's answer.

Belongs here: what the tests of tree importers share. Does not belong here: hand-made documents (`documents`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ml.document import Document, Evaluator, Input
from ml.document.importers import import_estimator
from ml.document.ops.missing import ZERO
from ml.document.thresholds import thresholds

TINY = (0.0, -0.0, 5e-324, -5e-324, 1e-35, -1e-35, ZERO, -ZERO, np.nextafter(ZERO, 1.0), -1.1e-35)
FLOAT32 = (1e30, -1e30, 2.0**24 + 1, 0.1, -0.5, -1.0, 255.0, 256.0, 300.0)
INFINITE = (np.inf, -np.inf, 1e308, -1e308, 1e300, 3e9)


def features(rows: int, *, missing: float = 0.0, seed: int = 0) -> np.ndarray:
    """(rows, 4): a normal number, tenths, ids beyond what a float32 holds, epoch seconds."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(rows, 4))
    x[:, 1] = np.round(x[:, 1], 1)
    x[:, 2] = 2.0**24 + random.integers(0, 50, rows)
    x[:, 3] = 1.7e9 + random.integers(0, 1000, rows) / 2
    x[random.random(x.shape) < missing] = np.nan
    return x


def target(x: np.ndarray) -> np.ndarray:
    """(rows,): a number that depends on all columns, and on what is missing."""
    known = np.nan_to_num(x)
    return known[:, 0] + (known[:, 1] > 0) + np.sin(known[:, 2]) + known[:, 3] % 7 + 2.0 * np.isnan(x[:, 0])


def classes(y: np.ndarray, count: int) -> np.ndarray:
    """(rows,): `count` classes of about equal size, named by letters."""
    edges = np.quantile(y, np.arange(1, count) / count)
    return np.array(list("abcdef"))[np.digitize(y, edges)]


def inputs(x: np.ndarray) -> list[Input]:
    return [Input(f"x{place}", "number") for place in range(x.shape[1])]


def imported(model: Any, x: np.ndarray) -> Document:
    """The model's document, once through its text."""
    return Document.from_text(import_estimator(model, inputs(x), type(model).__name__).text)


def on_thresholds(document: Document, x: np.ndarray, *, missing: bool, infinite: bool) -> np.ndarray:
    """Rows of x, and rows with one column on a threshold of the document, a neighbour of one, its float32, or
    a special number.
    """
    random, blocks = np.random.default_rng(1), [x[:200]]
    special = [*TINY, *FLOAT32, *(INFINITE if infinite else ()), *([np.nan] if missing else [])]
    for place, values in enumerate(thresholds(document).values()):
        at = random.permutation(values)[:150] if values else np.empty(0)
        around = [at, np.nextafter(at, np.inf), np.nextafter(at, -np.inf), at.astype(np.float32), special]
        column = np.concatenate([np.asarray(part, float) for part in around])
        column = column if infinite else column[~(np.abs(column) > 3e38)]
        block = x[random.integers(0, len(x), len(column))].copy()
        block[:, place] = column
        blocks.append(block)
    return np.concatenate(blocks)


def bits(values: Any) -> np.ndarray:
    """The 64 bits of each number; both zeros are the one a sum that starts at 0 gives."""
    return (np.asarray(values, dtype=np.float64) + 0.0).view(np.uint64)


def assert_margins(
    model: Any,
    x: np.ndarray,
    raw: Callable[[np.ndarray], Any],
    *,
    missing: bool = False,
    infinite: bool = False,
) -> Document:
    """Import the model; batch and row give the bits of `raw`, and a classifier its class, on rows made to
    tell. Returns the document.
    """
    document = imported(model, x)
    rows = on_thresholds(document, x, missing=missing, infinite=infinite)
    evaluator = Evaluator(document)
    answers = evaluator.columns({f"x{place}": rows[:, place].copy() for place in range(4)}, len(rows))
    expected = np.asarray(raw(rows), dtype=np.float64).reshape(len(rows), -1)
    np.testing.assert_array_equal(bits(answers.margins), bits(expected))
    names = document.input_names
    one = [evaluator.row(dict(zip(names, row, strict=True)))[0] for row in rows[::7].tolist()]
    np.testing.assert_array_equal(bits(one), bits(expected[::7]))
    if document.head.classes:
        decided = np.asarray(document.head.classes)[answers.decision]
        np.testing.assert_array_equal(decided, model.predict(rows))
    return document
