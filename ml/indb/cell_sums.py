"""Sums of cells by node, feature and bin: exact, though NumPy's quickest way adds doubles.

Doubles add whole numbers exactly as long as no sum of them passes 2**53; where the sizes of all cells'
numbers add up to less, nothing can. Larger numbers are added as whole numbers.

Belongs here: this addition. Does not belong here: which cells lie in a node (`ml.indb.cells`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

EXACT = 2**53


class CellSums:
    """The numbers of all cells of one round: `rows` (cells,), `h` (curvatures, cells), `g` (outputs, cells),
    int64; `slots`: by feature, each cell's place in a histogram of `size` places.
    """

    def __init__(
        self, size: int, slots: Sequence[np.ndarray], rows: np.ndarray, h: np.ndarray, g: np.ndarray
    ) -> None:
        self._size, self._slots = size, slots
        self._rows = _exact(rows)
        # With squared loss and without weights a cell's second derivative is its rows.
        self._h = [None if np.array_equal(one, rows) else _exact(one) for one in h]
        self._g = [_exact(one) for one in g]

    def of(self, nodes: Sequence[np.ndarray], outputs: Sequence[int]) -> np.ndarray:
        """Histograms (nodes, 2 + outputs, size) int64 of the cells in each of the nodes."""
        made = np.zeros((len(nodes), 2 + len(outputs), self._size), dtype=np.int64)
        cells = np.concatenate(nodes)
        is_whole = len(nodes) == 1 and len(cells) == len(self._rows)
        shifts = np.repeat(np.arange(len(nodes)) * self._size, [len(one) for one in nodes])
        h = self._h[outputs[0] if len(self._h) > 1 else 0]
        columns = [self._rows, *([] if h is None else [h]), *(self._g[output] for output in outputs)]
        parts = [0, *([] if h is None else [1]), *range(2, 2 + len(outputs))]
        numbers = columns if is_whole else [column.take(cells) for column in columns]
        for slots in self._slots:
            places = slots if is_whole else slots.take(cells) + shifts
            for place, values in zip(parts, numbers, strict=True):
                made[:, place] += self._added(places, values, len(nodes))
        if h is None:
            made[:, 1] = made[:, 0]
        return made

    def _added(self, places: np.ndarray, values: np.ndarray, nodes: int) -> np.ndarray:
        count = nodes * self._size
        if values.dtype == np.float64:
            return np.bincount(places, values, count).astype(np.int64).reshape(nodes, self._size)
        found = np.zeros(count, dtype=np.int64)
        np.add.at(found, places, values)
        return found.reshape(nodes, self._size)


def _exact(values: np.ndarray) -> np.ndarray:
    """The numbers as doubles where their sums stay exact, else as they are."""
    return values.astype(np.float64) if float(np.abs(values).sum(dtype=np.float64)) < EXACT / 2 else values
