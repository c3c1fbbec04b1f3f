"""Cells: rows that share every bin, held in memory with their weights; the engine that trains on them.

Rows of equal bins get equal scores from every tree, so a cell with the sum of their weights and of their
targets gives the same histograms. The same engine on rows is the reference.

Belongs here: cells as arrays, which lie in a node, scores. Does not belong here: adding them up
(`ml.indb.cell_sums`), making them in the warehouse (`ml.indb.binned_rows`), or from rows in memory
(`ml.indb.reference`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ml.indb.bins import MISSING
from ml.indb.cell_sums import CellBins, CellSums
from ml.indb.histograms import Layout, Totals
from ml.indb.losses import Loss
from ml.indb.samples import drawn
from ml.indb.tree_nodes import GrownTree, Split

HELD = 1
"""The fold of validation rows."""

Drawn = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Rows (cells,), weight (cells,) and target (targets, cells), int64."""


@dataclass(frozen=True)
class Cells:
    """`codes` (features, cells) int16; by cell int64 `rows`, `weight`, `target` (targets, cells; steps times
    weight), `fold`, and `key` (a hash, of rows only).
    """

    codes: np.ndarray
    rows: np.ndarray
    weight: np.ndarray
    target: np.ndarray
    fold: np.ndarray
    key: np.ndarray

    def of(self, mask: np.ndarray) -> Cells:
        """Those where the mask holds."""
        parts = (self.codes, self.rows, self.weight, self.target, self.fold, self.key)
        return Cells(*(part[..., mask] for part in parts))

    @property
    def nbytes(self) -> int:
        """The size of all arrays."""
        parts = (self.codes, self.rows, self.weight, self.target, self.fold, self.key)
        return sum(part.nbytes for part in parts)


class Draws(Protocol):
    """How often a forest's trees draw rows."""

    bytes_out: int

    def drawn(self, seed: int, tree: int) -> Drawn:
        """What the tree draws of all cells, in their order."""


class RowDraws:
    """Draws of cells that are single rows, by their keys."""

    bytes_out = 0

    def __init__(self, cells: Cells) -> None:
        self._cells = cells

    def drawn(self, seed: int, tree: int) -> Drawn:
        times, cells = drawn(self._cells.key, seed, tree), self._cells
        return cells.rows * times, cells.weight * times, cells.target * times


class CellEngine:
    """Exact sums by NumPy on 64-bit whole numbers; cells of the fold `held` are the validation rows, all
    others train, or those of folds below `before`.
    """

    name = "cells"

    def __init__(
        self,
        layout: Layout,
        cells: Cells,
        draws: Draws | None = None,
        held: int = HELD,
        *,
        before: int | None = None,
    ) -> None:
        self.layout = layout
        self._draws = draws or RowDraws(cells)
        self._trains = cells.fold != held if before is None else cells.fold < before
        self._train = cells if self._trains.all() else cells.of(self._trains)
        self._held = cells.of(cells.fold == held)
        train = self._train
        targets = tuple(train.target.sum(axis=1).tolist())
        self.totals = Totals(int(train.rows.sum()), int(train.weight.sum()), targets)
        self._bins = CellBins(layout, train.codes)
        self._aimed: tuple[int, ...] = (0,)

    @property
    def bytes_out(self) -> int:
        """Bytes of what was drawn of the cells, beside themselves."""
        return self._draws.bytes_out

    def begin(self, loss: Loss, starts: Sequence[int]) -> None:
        self._loss = loss
        self._scores = [
            np.repeat(np.array(starts, dtype=np.int64)[:, None], len(part.rows), axis=1)
            for part in (self._train, self._held)
        ]
        self.update()

    def sample(self, seed: int, tree: int) -> None:
        rows, weight, target = self._draws.drawn(seed, tree)
        self._derive(rows[self._trains], weight[self._trains], target[:, self._trains])

    def aim(self, outputs: Sequence[int]) -> None:
        self._aimed = tuple(outputs)

    def histograms(self, tree: GrownTree, nodes: Sequence[int]) -> dict[int, np.ndarray]:
        if len(tree.nodes) == 1:
            self._inside, self._seen = {0: self._all}, 1
        self._seen = part(tree, self._train.codes, self._inside, self._seen)
        self._growing = tree
        made = self._sums.of([self._inside[node] for node in nodes], self._aimed)
        return dict(zip(nodes, made, strict=True))

    def grown(self, tree: GrownTree, outputs: Sequence[int], *, is_last: bool = True) -> None:
        if is_last:  # what histograms found out about training cells is kept; the last splits are to be done
            part(self._growing, self._train.codes, self._inside, self._seen)
            self._raise(0, tree, [self._inside.get(node.origin) for node in tree.nodes], outputs)
        inside = {0: np.arange(len(self._held.rows))}
        part(tree, self._held.codes, inside, 1)
        self._raise(1, tree, [inside[number] for number in range(len(tree.nodes))], outputs)

    def update(self) -> None:
        self._derive(self._train.rows, self._train.weight, self._train.target)

    def validation_loss(self, divide: int = 1) -> int:
        held = self._held
        # The loss of f / divide, times its square, is that of f with target and weight for it.
        return self._loss.loss(held.weight, held.target * divide, self._scores[1])

    def close(self) -> None:
        """Nothing outside memory was made."""

    def _derive(self, rows: np.ndarray, weight: np.ndarray, target: np.ndarray) -> None:
        drawn_cells = np.flatnonzero(rows)
        self._all = drawn_cells
        g, h = self._loss.derivatives(weight, target, self._scores[0])
        self._sums = CellSums(self._bins, rows, h, g)

    def _raise(
        self, which: int, tree: GrownTree, inside: Sequence[np.ndarray], outputs: Sequence[int]
    ) -> None:
        """Add leaves' values to the scores of the cells that lie in them."""
        for node, cells in zip(tree.nodes, inside, strict=True):
            if node.split is None:
                for output, value in zip(outputs, node.values, strict=True):
                    self._scores[which][output, cells] += value


def part(tree: GrownTree, codes: np.ndarray, inside: dict[int, np.ndarray], seen: int) -> int:
    """Add which cells lie in each node to `inside`, by the splits whose children have numbers from `seen`;
    how many nodes there are.
    """
    for number, node in enumerate(tree.nodes):
        if node.split is not None and node.left >= seen:
            cells = inside[number]
            goes_left = left_of(node.split, codes[node.split.feature].take(cells))
            # Places are found and taken quicker than a mask is applied.
            for child, goes in ((node.left, goes_left), (node.right, ~goes_left)):
                inside[child] = cells.take(np.flatnonzero(goes))
    return len(tree.nodes)


def left_of(split: Split, codes: np.ndarray) -> np.ndarray:
    """Whether codes go left."""
    if split.members is None and split.missing_left:  # missing, -1, is below every bin
        return codes <= split.upto
    goes = codes <= split.upto if split.members is None else np.isin(codes, split.members)
    return np.where(codes == MISSING, split.missing_left, goes)
