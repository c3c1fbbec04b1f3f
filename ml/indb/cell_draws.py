"""What a forest's trees draw of cells: as exact as over rows, since each row is drawn by its own key.

A cell's share of a tree is the sum over its rows of how often each is drawn. The warehouse adds these sums
for many trees in one scan, and a tree then grows on them in memory: its document is the one that rows give,
and rows are read once for many trees instead of once a level of each.

Belongs here: this statement. Does not belong here: the hash (`ml.indb.samples`), growing (`ml.indb.trees`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ml.indb.binned_rows import numbers
from ml.indb.samples import drawn_sql
from warehouse.client.dialect import POSTGRES

if TYPE_CHECKING:
    from ml.indb.binned_rows import Binned
    from ml.indb.cells import Drawn
    from warehouse.client import Warehouse

MOST_SUMS = 300
"""Columns of one statement: a result may have 1,664, and as many sums stand in each group of its hash."""

MOST_NUMBERS = 8_000_000
"""Numbers of one answer, 8 bytes each."""


class CellDraws:
    """The draws of cells that were fetched in the order of fold and codes, from the binned table of rows.
    `trees`: how many a forest has; no more are drawn than that.
    """

    def __init__(self, wh: Warehouse, rows: Binned, cells: int, trees: int) -> None:
        self._wh, self._rows, self._cells, self._trees = wh, rows, cells, trees
        self._made: dict[tuple[int, int], Drawn] = {}
        self.bytes_out = 0

    def drawn(self, seed: int, tree: int) -> Drawn:
        """Rows, weight and targets that the tree draws, by cell."""
        if (seed, tree) not in self._made:
            self._fetch(seed, tree)
        return self._made.pop((seed, tree))

    @property
    def _sums(self) -> int:
        """Sums a tree."""
        return 1 + (not self._rows.is_even) + self._rows.outputs

    def _fetch(self, seed: int, first: int) -> None:
        """Draw for this tree and those behind it, as many as one statement takes."""
        most = min(MOST_SUMS, MOST_NUMBERS // max(self._cells, 1)) // self._sums
        trees = range(first, max(min(first + most, self._trees), first + 1))
        table = self._wh.fetch_arrow(self.draws_sql(seed, trees))
        self.bytes_out += table.nbytes
        targets = self._rows.targets
        self._made = {}
        for tree in trees:
            rows = numbers(table, f"n{tree}")
            weight = rows if self._rows.is_even else numbers(table, f"w{tree}")
            target = np.stack([numbers(table, f"{name}_{tree}") for name in targets])
            self._made[seed, tree] = rows, weight, target

    def draws_sql(self, seed: int, trees: range) -> str:
        """The statement: sums by tree, one row a cell."""
        codes, targets = ", ".join(self._rows.codes), self._rows.targets
        times = ", ".join(f"{drawn_sql('k', seed, tree)} as t{tree}" for tree in trees)
        sums = [f"sum(t{tree})::bigint as n{tree}" for tree in trees]
        if not self._rows.is_even:
            sums += [f"sum(w * t{tree})::bigint as w{tree}" for tree in trees]
        sums += [f"sum({name} * t{tree})::bigint as {name}_{tree}" for tree in trees for name in targets]
        source = f"(select w, {', '.join(targets)}, v, {codes}, {times} from {self._rows.table} "
        return (
            f"select {', '.join(sums)}\nfrom {source}{POSTGRES.fence}) as drawn\n"
            f"group by v, {codes} order by v, {codes}"
        )
