"""A small data set with every kind of column and with holes in it, as a frame, a target and inputs.

Belongs here: what tests of several importers fit their estimators on. Does not belong here: rows that are
hard to evaluate (`surfaces`).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from ml.document import Builder, Document, Evaluator, Head, Input
from ml.document.importers import import_estimator, transformer_of
from tests.ml.document.surfaces import TYPES, assert_same_bits
from warehouse.client import Warehouse

ROWS = 400
KINDS = {"f": "boolean", **dict.fromkeys("xyze", "number"), **dict.fromkeys("cd", "category")}
WHOLE = ("y", "z")
"""The columns without holes."""


@cache
def frame() -> pd.DataFrame:
    """Numbers x (with holes), y, z (few distinct values), truth values f and categories c, d with holes; c
    has rare ones. e is a number that is never there.
    """
    rng = np.random.default_rng(7)
    kinds = np.array(["a", "b", "it's", "été", None], dtype=object)
    c = rng.choice(kinds, ROWS, p=[0.4, 0.4, 0.04, 0.06, 0.1])
    made = pd.DataFrame(
        {
            "x": np.where(rng.random(ROWS) < 0.1, np.nan, rng.normal(size=ROWS) * 2.0),
            "y": rng.normal(3.0, 20.0, size=ROWS),
            "z": rng.integers(0, 5, ROWS).astype(np.float64),
            "f": np.where(rng.random(ROWS) < 0.1, np.nan, rng.integers(0, 2, ROWS)),
        }
    )
    made["e"] = np.nan
    made["c"] = pd.Series(list(c), dtype=object)
    made["d"] = pd.Series([("u", "v")[place] for place in rng.integers(0, 2, ROWS)], dtype=object)
    return made


def amount() -> np.ndarray:
    """A target to predict: a number above 0."""
    data = frame()
    noise = np.random.default_rng(8).normal(size=ROWS)
    return np.exp(0.01 * data.y + 0.1 * data.z + 0.4 * (data.c == "a") + 0.2 * noise).to_numpy()


def labels(count: int) -> np.ndarray:
    """A target to classify, `count` classes by amount."""
    edges = np.quantile(amount(), np.linspace(0, 1, count + 1)[1:-1])
    return np.array(["low", "mid", "top"])[:count][np.searchsorted(edges, amount())]


def table(columns: Sequence[str]) -> pa.Table:
    """The frame's columns as Arrow; a hole is NULL."""
    data = frame()
    arrays = {"row_id": pa.array(range(ROWS), pa.int64())}
    for name in columns:
        values = [None if value is None or value != value else value for value in data[name]]
        if KINDS[name] == "boolean":
            values = [None if value is None else bool(value) for value in values]
        arrays[name] = pa.array(values, TYPES[KINDS[name]])
    return pa.table(arrays)


def inputs(columns: Sequence[str]) -> list[Input]:
    return [Input(name, KINDS[name]) for name in columns]


def imported(estimator: Any, columns: Sequence[str], **options: Any) -> Document:
    """The document of an estimator fitted on these columns of the frame."""
    return import_estimator(estimator, inputs(columns), "test", **options)


def answers(document: Document, columns: Sequence[str]) -> Any:
    """The document's answers to the frame."""
    return Evaluator(document).table(table(columns))


def dense(values: Any) -> np.ndarray:
    """What a transformer gave, as an array of doubles (rows, columns)."""
    values = values.toarray() if hasattr(values, "toarray") else values
    array = np.asarray(values, dtype=np.float64)
    return array.reshape(len(array), -1)


def columns_of(transformer: Any, columns: Sequence[str]) -> Document:
    """The document whose margins are a fitted transformer's columns."""
    builder = Builder("columns")
    given = transformer_of(builder, transformer, [builder.input(name, KINDS[name]) for name in columns])
    return builder.document(given, Head("identity"), {}, columns)


def check_columns(
    wh: Warehouse, transformer: Any, columns: Sequence[str], *, target: Any = None, data: Any = None,
    rtol: float = 1e-13,
) -> None:  # fmt: skip
    """Fit a transformer; its document gives what its `transform` gives, and the same on all surfaces."""
    data = frame()[list(columns)] if data is None else data
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        transformer.fit(data, amount() if target is None else target)
        expected = dense(transformer.transform(data))
    document = columns_of(transformer, columns)
    given = answers(document, columns).margins
    np.testing.assert_allclose(given, expected, rtol=rtol, atol=1e-13)
    assert_same_bits(wh, document)
