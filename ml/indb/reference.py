"""The reference: the same bins, steps and trees from rows in memory, with no SQL.

It exists to be compared with: the document of `train_trees` has the sha256 of this one. Belongs here: bins
and the label read from an Arrow table. Does not belong here: growth, which is the same code.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ml.indb.bins import Bins, category_bins, number_bins, quantile, shares
from ml.indb.boosting import FittedTrees, fit_trees
from ml.indb.cells import HELD, CellEngine, Cells
from ml.indb.histograms import Layout
from ml.indb.labels import Label, bits_for, class_label, number_label
from ml.indb.samples import keys
from ml.indb.tree_settings import Boosting, Forest, TreeRows
from ml.indb.tree_weights import weights_in_steps

if TYPE_CHECKING:
    import pyarrow as pa


def reference_trees(
    table: pa.Table, rows: TreeRows, settings: Boosting | Forest, name: str, *, most_bins: int = 64
) -> FittedTrees:
    """Train on the rows of an Arrow table that holds the columns of `rows`.

    Raises:
        InDatabaseError: as the bins and the label do; bad rows are refused by `ml.indb.bin_scan` only.
    """
    count = table.num_rows
    steps, weight = 1, np.ones(count, dtype=np.int64)
    if rows.weight:
        steps, weight = weights_in_steps(_weights(table, rows.weight), rows.weight_steps)
    used = np.flatnonzero(weight > 0)
    table, weight = table.take(used), weight[used]
    is_training = _is_training(table, rows)
    bits = bits_for(int(weight.sum()), rows.weight, steps)
    label, target = _label(table, rows, is_training, bits)
    label = replace(label, weight_steps=steps)
    bins, codes = reference_bins(table, rows, most_bins, is_training)
    key = keys(_texts(table, rows.key)) if rows.key else np.zeros(len(used), dtype=np.int64)
    ones = np.ones(len(used), dtype=np.int64)
    fold = np.where(is_training, 0, HELD)
    cells = Cells(codes, ones, weight, weight * target, fold, key)
    return fit_trees(CellEngine(Layout(bins), cells), label, rows, settings, name)


def reference_bins(
    table: pa.Table, rows: TreeRows, most_bins: int, is_training: np.ndarray | None = None
) -> tuple[tuple[Bins, ...], np.ndarray]:
    """The features' bins from the rows to train on (all, without `is_training`), and all rows' codes
    (features, rows) int16.
    """
    bins, codes = [], []
    for feature, kind in rows.features.items():
        column = _texts(table, feature) if kind == "category" else _numbers(table, feature).tolist()
        trains = [True] * len(column) if is_training is None else is_training
        seen = [x for x, is_seen in zip(column, trains, strict=True) if is_seen]
        one = _category(feature, seen) if kind == "category" else _number(feature, kind, seen, most_bins)
        bins.append(one)
        codes.append(one.codes(column))
    return tuple(bins), np.stack(codes)


def _numbers(table: pa.Table, name: str) -> np.ndarray:
    """Doubles, NaN for missing."""
    import pyarrow as pa

    column = table.column(name)
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.uint8())
    return column.cast(pa.float64()).to_numpy()


def _weights(table: pa.Table, name: str) -> np.ndarray:
    """Doubles; one of 32 bits stands for its shortest decimal."""
    import pyarrow as pa

    if not pa.types.is_float32(table.column(name).type):
        return _numbers(table, name)
    return np.array([float(str(value)) for value in table.column(name).to_numpy()])


def _texts(table: pa.Table, name: str) -> list[Any]:
    import pyarrow as pa

    return table.column(name).cast(pa.string()).to_pylist()


def _is_training(table: pa.Table, rows: TreeRows) -> np.ndarray:
    if rows.held:
        return ~table.column(rows.held).to_numpy()
    if not rows.time:
        return np.ones(table.num_rows, dtype=bool)
    times = table.column(rows.time).to_pylist()
    cut = quantile(sorted(times), 1.0 - rows.validation)
    return np.array([time <= cut for time in times], dtype=bool)


def _label(table: pa.Table, rows: TreeRows, is_training: np.ndarray, bits: int) -> tuple[Label, np.ndarray]:
    if rows.objective == "regression":
        y = _numbers(table, rows.label)
        label = number_label(rows.label, float(y.min()), float(y.max()), bits)
        return label, label.steps(y)
    texts, values = _texts(table, rows.label), table.column(rows.label).to_pylist()
    seen = {(value, text) for value, text, trains in zip(values, texts, is_training, strict=True) if trains}
    label = class_label(rows.label, seen, bits, rows.objective)
    return label, label.steps(texts)


def _category(name: str, seen: list[Any]) -> Bins:
    known = sorted({value for value in seen if value is not None})
    return category_bins(name, known, None in seen)


def _number(name: str, kind: str, seen: list[float], most: int) -> Bins:
    known = sorted(value + 0.0 for value in seen if not math.isnan(value))
    has_missing = len(known) < len(seen)
    distinct = sorted(set(known))
    if len(distinct) <= most:
        return number_bins(name, kind, distinct, [], 0.0, has_missing)
    cuts = [quantile(known, share) for share in shares(most)]
    return number_bins(name, kind, None, cuts, known[-1], has_missing)
