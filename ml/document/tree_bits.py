"""Many rows through many small trees by sets of bits: no row walks a tree, all tests are answered at once.

Belongs here: the evaluation. Does not belong here: making the tables (`bit_tables`), which engine takes a
node (`tree_engine`), the row and SQL forms (`ops.trees`).

A tree's leaves are numbered from the left, one bit each. A test that fails rules out the leaves under its
left branch; a row's leaf is the lowest bit that its failed tests leave (Lucchese et al., "QuickScorer: a fast
algorithm to rank documents with additive ensembles of regression trees", SIGIR 2015). Which tests of a column
fail depends on the interval between thresholds alone that its value lies in: the bits that they leave stand
in a table by interval, so a row costs one look-up a column and run of trees. Comparisons are of doubles as
they are; leaves are added from the left, one tree after the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ml.document.intervals import Codes, Intervals

ROWS = 4_096
"""Rows at once: their bits for a run of trees stay in a core's own cache."""

WORD_BITS = 64


@dataclass(frozen=True)
class Run:
    """Some trees, by the columns they compare: `columns[i]` is a column's number, `places[i]` turns its
    places among all thresholds of the ensemble into rows of `tables[i]`, a row of bits by tree and word.
    `leaves` are the values by tree and bit; a tree has `words` numbers of bits.
    """

    columns: tuple[int, ...]
    places: tuple[np.ndarray, ...]
    tables: tuple[np.ndarray, ...]
    leaves: np.ndarray
    words: int


@dataclass(frozen=True)
class BitTrees:
    """An ensemble as tables. Holds no state of a call: safe from several threads."""

    start: float
    columns: tuple[Intervals | Codes, ...]
    runs: tuple[Run, ...]

    def total(self, columns: Sequence[np.ndarray]) -> np.ndarray:
        """start + tree 1 + tree 2 + … of every row, added from the left; float64 of shape (rows,)."""
        total = np.full(len(columns[0]), self.start)
        for first in range(0, len(total), ROWS):
            part = slice(first, first + ROWS)
            self._add([x[part] for x in columns], total[part])
        return total

    def _add(self, columns: Sequence[np.ndarray], total: np.ndarray) -> None:
        places = [column.places(columns[column.operand]) for column in self.columns]
        for run in self.runs:
            leaf = _leaf_of(run, places, len(total))
            for number, values in enumerate(run.leaves):
                total += values.take(leaf[:, number])


def _leaf_of(run: Run, places: Sequence[np.ndarray], rows: int) -> np.ndarray:
    """The bit of the leaf of every row and tree of a run, (rows, trees)."""
    if not run.columns:  # trees of one leaf each
        return np.zeros((rows, len(run.leaves)), dtype=np.uint8)
    bits = _left(run, places)
    one = bits.dtype.type(1)
    below = np.bitwise_count((bits & (~bits + one)) - one)  # the bits under the lowest one
    if run.words == 1:
        return below
    shape = (rows, len(run.leaves), run.words)
    bits, below = bits.reshape(shape), below.reshape(shape)
    leaf = below[:, :, -1] + np.int16(WORD_BITS * (run.words - 1))
    for word in reversed(range(run.words - 1)):
        here = below[:, :, word] + np.int16(WORD_BITS * word)
        leaf = np.where(bits[:, :, word], here, leaf)
    return leaf


def _left(run: Run, places: Sequence[np.ndarray]) -> np.ndarray:
    """The bits that all columns together leave, (rows, trees * words)."""
    bits: Any = None
    for column, inner, table in zip(run.columns, run.places, run.tables, strict=True):
        at = inner.take(places[column])
        if bits is None:
            bits = table.take(at, axis=0)
            other = np.empty_like(bits)
        else:
            table.take(at, axis=0, out=other, mode="clip")  # "raise" would copy
            np.bitwise_and(bits, other, out=bits)
    return bits
