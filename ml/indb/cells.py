"""Cells: rows that share every bin, held in memory with their weights; the engine that trains on them.

Rows of equal bins get equal scores from every tree, so a cell with the sum of their weights and of their
targets gives the same histograms. The same engine on rows is the reference.

Belongs here: cells as arrays, their histograms, scores. Does not belong here: making them in the warehouse
(`ml.indb.binned_rows`), or from rows in memory (`ml.indb.reference`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ml.indb.bins import MISSING
from ml.indb.histograms import Layout, Totals
from ml.indb.losses import Loss
from ml.indb.samples import drawn
from ml.indb.tree_nodes import GrownTree, Split


@dataclass(frozen=True)
class Cells:
    """`codes` (features, cells) int16; by cell int64 `rows`, `weight`, `target` (steps) and `key` (a hash),
    and whether it belongs to the validation rows.
    """

    codes: np.ndarray
    rows: np.ndarray
    weight: np.ndarray
    target: np.ndarray
    is_validation: np.ndarray
    key: np.ndarray

    def of(self, mask: np.ndarray) -> Cells:
        """Those where the mask holds."""
        return Cells(self.codes[:, mask], *(part[mask] for part in self._parts()))

    @property
    def nbytes(self) -> int:
        """The size of all arrays."""
        return self.codes.nbytes + sum(part.nbytes for part in self._parts())

    def _parts(self) -> tuple[np.ndarray, ...]:
        return self.rows, self.weight, self.target, self.is_validation, self.key


class CellEngine:
    """Exact sums by NumPy on 64-bit whole numbers."""

    name = "cells"

    def __init__(self, layout: Layout, cells: Cells) -> None:
        self.layout, self.bytes_out = layout, cells.nbytes
        self._train, self._held = cells.of(~cells.is_validation), cells.of(cells.is_validation)
        train = self._train
        self.totals = Totals(*(int(part.sum()) for part in (train.rows, train.weight, train.target)))
        self._slots = [layout.slots(place, codes) for place, codes in enumerate(train.codes)]
        self._reset(train.rows)

    def begin(self, loss: Loss, start: int) -> None:
        self._loss = loss
        self._scores = [np.full(len(part.rows), start, dtype=np.int64) for part in (self._train, self._held)]
        self._derive()

    def sample(self, seed: int, tree: int) -> None:
        times = drawn(self._train.key, seed, tree)
        self._derive()
        self._g, self._h = self._g * times, self._h * times
        self._reset(self._train.rows * times)

    def histograms(self, tree: GrownTree, nodes: Sequence[int]) -> dict[int, np.ndarray]:
        if len(tree.nodes) == 1:
            self._reset(self._rows)
        _part(tree, self._train.codes, self._inside, self._seen)
        self._seen = len(tree.nodes)
        return {node: self._histogram(self._inside[node]) for node in nodes}

    def add(self, tree: GrownTree) -> None:
        for part, scores in zip((self._train, self._held), self._scores, strict=True):
            inside = {0: np.arange(len(scores))}
            _part(tree, part.codes, inside, 1)
            for number, node in enumerate(tree.nodes):
                if node.split is None:
                    scores[inside[number]] += node.value
        self._derive()

    def validation_loss(self) -> int:
        held = self._held
        return self._loss.loss(held.weight, held.target, self._scores[1])

    def close(self) -> None:
        """Nothing outside memory was made."""

    def _derive(self) -> None:
        train = self._train
        self._g, self._h = self._loss.derivatives(train.weight, train.target, self._scores[0])
        self._reset(train.rows)

    def _reset(self, rows: np.ndarray) -> None:
        """A new tree: every cell lies in the root."""
        self._rows, self._seen = rows, 1
        self._inside = {0: np.arange(len(rows))}

    def _histogram(self, cells: np.ndarray) -> np.ndarray:
        found = self.layout.empty()
        parts = [values[cells] for values in (self._rows, self._g, self._h)]
        # Doubles add whole numbers exactly as long as no sum of them passes 2**53.
        are_small = [int(np.abs(values).sum()) < 2**53 for values in parts]
        for slots in self._slots:
            places = slots[cells]
            for part, values, is_small in zip(found, parts, are_small, strict=True):
                if is_small:
                    part += np.bincount(places, values, len(part)).astype(np.int64)
                else:
                    np.add.at(part, places, values)
        return found


def _part(tree: GrownTree, codes: np.ndarray, inside: dict[int, np.ndarray], seen: int) -> None:
    """Add which cells lie in each node to `inside`, by the splits whose children have numbers from `seen`."""
    for number, node in enumerate(tree.nodes):
        if node.split is not None and node.left >= seen:
            cells = inside[number]
            goes_left = left_of(node.split, codes[node.split.feature, cells])
            inside[node.left], inside[node.right] = cells[goes_left], cells[~goes_left]


def left_of(split: Split, codes: np.ndarray) -> np.ndarray:
    """Whether codes go left."""
    goes = codes <= split.upto if split.members is None else np.isin(codes, split.members)
    return np.where(codes == MISSING, split.missing_left, goes)
