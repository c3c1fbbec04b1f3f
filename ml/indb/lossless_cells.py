"""Cells for any trainer that takes weights, and the document of what it fitted on them.

Rows that share every bin are one cell. With squared loss a cell of the sum of their weights and of their mean
label gives a trainer the same sums as its rows; with classes a cell is up to one a class. Belongs
here: cells as arrays of a library, the document over raw columns. Does not belong here: our own trees, which
read cells as they are (`ml.indb.train_trees`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ml.document.build import Builder
from ml.document.importers import model_of, source_of
from ml.document.schema import Document
from ml.indb.bin_scan import scan
from ml.indb.bins import MISSING, Bins
from ml.indb.errors import InDatabaseError
from ml.indb.tree_document import category_code
from ml.indb.tree_engines import tables_of

if TYPE_CHECKING:
    from ml.indb.cells import Cells
    from ml.indb.labels import Label
    from ml.indb.tree_settings import TreeRows
    from warehouse.client import Warehouse


@dataclass(frozen=True)
class LosslessCells:
    """`x` (cells, features) float64 are codes of bins, NaN for missing; `y` (cells,) the mean label, or the
    class; `weight` (cells,) the sum of weights, int64 where they are whole, else float64; `rows`: how many
    rows they stand for.
    """

    bins: tuple[Bins, ...]
    x: np.ndarray
    y: np.ndarray
    weight: np.ndarray
    rows: int


def lossless_cells(wh: Warehouse, rows: TreeRows, *, most_bins: int = 64) -> LosslessCells:
    """The cells of all rows that count.

    Raises:
        InDatabaseError: as `ml.indb.bin_scan.scan`, or rows are set aside for validation.
    """
    if rows.watches:
        raise InDatabaseError("rows are held out of cells; allowed: none. Filter rows in the relation.")
    found = scan(wh, rows, most_bins, for_cells=True)
    with tables_of(wh, rows, found, "memory", samples=0, most_bins=most_bins) as tables:
        cells = tables.cells
    x = np.where(cells.codes == MISSING, np.nan, cells.codes.astype(np.float64)).T
    return LosslessCells(found.bins, *_labelled(x, cells, found.label), int(cells.rows.sum()))


def _labelled(x: np.ndarray, cells: Cells, label: Label) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    if not label.classes:
        pairs = zip(cells.target[0].tolist(), cells.weight.tolist(), strict=True)
        return x, np.array([math.ldexp(s / w, -label.bits) for s, w in pairs]), _in_units(cells.weight, label)
    by_class = cells.target >> label.bits
    if len(label.classes) == 2:
        by_class = np.stack([cells.weight - by_class[0], by_class[0]])
    weights = by_class.ravel()
    classes = np.repeat(np.array(label.classes), len(x))
    kept = weights > 0
    return np.concatenate([x] * len(by_class))[kept], classes[kept], _in_units(weights[kept], label)


def _in_units(weights: np.ndarray, label: Label) -> np.ndarray:
    return weights if label.weight_steps == 1 else weights / label.weight_steps


def cells_document(estimator: Any, cells: LosslessCells, name: str) -> Document:
    """The document of an estimator fitted on cells: it reads raw columns, and finds their bins itself.

    Raises:
        DocumentError: the estimator has no importer.
    """
    builder = Builder(name)
    columns = [_code(builder, one) for one in cells.bins]
    margins, head = model_of(builder, estimator, columns)
    return builder.document(margins, head, source_of(estimator), [one.name for one in cells.bins])


def _code(builder: Builder, one: Bins) -> str:
    x = builder.input(one.name, one.kind)
    if one.kind == "category":
        return category_code(builder, one)
    return builder.bucket(x, one.edges, "left")
