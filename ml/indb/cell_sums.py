"""Sums of cells by node, feature and bin: exact, though NumPy's quickest way adds doubles.

Doubles add whole numbers exactly as long as no sum of them passes 2**53; where the sizes of all cells'
numbers add up to less, nothing can. Larger numbers are added as whole numbers.

Features of few bins are added up together, by all pairs (or more) of their bins, where cells are many: the
sums of one of them follow from those, and cells are read fewer times.

Belongs here: this addition. Does not belong here: which cells lie in a node (`ml.indb.cells`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ml.indb.histograms import CURVATURE, FIRST, ROWS, Layout

EXACT = 2**53
WIDEST = 4_500
"""Bins of features that are added up together, in all combinations."""

CELLS_A_BIN = 4
"""Features are added up together where there are so many cells for each of these bins."""


@dataclass(frozen=True)
class Bundle:
    """Features that are added up together: `codes` (cells,), one number for a combination of their bins."""

    features: tuple[int, ...]
    widths: tuple[int, ...]
    codes: np.ndarray

    @property
    def width(self) -> int:
        return int(np.prod(self.widths))


class CellBins:
    """The bins of all cells; `codes` (features, cells), -1 for missing."""

    def __init__(self, layout: Layout, codes: np.ndarray) -> None:
        self.layout, self.cells = layout, codes.shape[1]
        widths = [one.count + 1 for one in layout.bins]
        self.singles = [
            Bundle((at,), (width,), np.where(column < 0, width - 1, column).astype(np.intp))
            for at, (width, column) in enumerate(zip(widths, codes, strict=True))
        ]

    @cached_property
    def bundles(self) -> list[Bundle]:
        """Neighbours, as many as combine to `WIDEST`."""
        made: list[Bundle] = []
        for one in self.singles:
            last = made[-1] if made else None
            if last is None or last.width * one.width > WIDEST:
                made.append(one)
                continue
            codes = last.codes * one.width + one.codes
            made[-1] = Bundle(last.features + one.features, last.widths + one.widths, codes)
        return made

    def suited(self, cells: int, nodes: int) -> list[Bundle]:
        """What to add up for so many cells in so many nodes."""
        if cells < CELLS_A_BIN * nodes * self.layout.size:  # not even single features' bins are well filled
            return self.singles
        most = max(one.width for one in self.bundles)
        return self.bundles if cells >= CELLS_A_BIN * nodes * most else self.singles


class CellSums:
    """The numbers of all cells of one round: `rows` (cells,), `h` (curvatures, cells), `g` (outputs, cells),
    int64.
    """

    def __init__(self, bins: CellBins, rows: np.ndarray, h: np.ndarray, g: np.ndarray) -> None:
        self._bins, self._rows = bins, _exact(rows)
        # With squared loss and without weights a cell's second derivative is its rows.
        self._h = [None if np.array_equal(one, rows) else _exact(one) for one in h]
        self._g = [_exact(one) for one in g]

    def of(self, nodes: Sequence[np.ndarray], outputs: Sequence[int]) -> np.ndarray:
        """Histograms (nodes, 2 + outputs, places) int64 of the cells in each of the nodes."""
        h = self._h[outputs[0] if len(self._h) > 1 else 0]
        columns = {ROWS: self._rows} | ({} if h is None else {CURVATURE: h})
        columns |= {FIRST + place: self._g[output] for place, output in enumerate(outputs)}
        is_exact = all(column.dtype == np.float64 for column in columns.values())
        shape = (len(nodes), FIRST + len(outputs), self._bins.layout.size)
        made = np.zeros(shape, dtype=np.float64 if is_exact else np.int64)
        self._add(made, nodes, columns)
        if h is None:
            made[:, CURVATURE] = made[:, ROWS]
        return made.astype(np.int64)

    def _add(self, made: np.ndarray, nodes: Sequence[np.ndarray], columns: dict[int, np.ndarray]) -> None:
        cells, count = np.concatenate(nodes), len(nodes)
        is_whole = count == 1 and len(cells) == self._bins.cells
        which = np.repeat(np.arange(count), [len(one) for one in nodes]) if count > 1 else None
        numbers = {part: column if is_whole else column.take(cells) for part, column in columns.items()}
        starts = self._bins.layout.starts
        for bundle in self._bins.suited(len(cells), count):
            places = bundle.codes if is_whole else bundle.codes.take(cells)
            if which is not None:
                places = places + which * bundle.width
            for part, values in numbers.items():
                sums = _added(places, values, count * bundle.width).reshape(count, *bundle.widths)
                for axis, feature in enumerate(bundle.features, start=1):
                    others = tuple(one for one in range(1, sums.ndim) if one != axis)
                    made[:, part, starts[feature] : starts[feature + 1]] = sums.sum(axis=others)


def _added(places: np.ndarray, values: np.ndarray, width: int) -> np.ndarray:
    if values.dtype == np.float64:
        return np.bincount(places, values, width)
    found = np.zeros(width, dtype=np.int64)
    np.add.at(found, places, values)
    return found


def _exact(values: np.ndarray) -> np.ndarray:
    """The numbers as doubles where their sums stay exact, else as they are."""
    return values.astype(np.float64) if float(np.abs(values).sum(dtype=np.float64)) < EXACT / 2 else values
