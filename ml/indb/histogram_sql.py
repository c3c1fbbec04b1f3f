"""Histograms by SQL: one GROUP BY GROUPING SETS a level of a tree, over the binned table with its scores.

A row's node is a CASE on its codes, so growing a tree writes nothing; after each tree a new unlogged table
takes the place of the last one, since updating rows in place costs several times as much. Sums are bigint or
NUMERIC of whole numbers, so parallel workers and the order of rows change nothing.

Belongs here: the engine over a table. Does not belong here: making that table (`ml.indb.binned_rows`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ml.document.work_tables import WORK_SCHEMA, new_name
from ml.indb.cells import HELD
from ml.indb.histograms import Layout, Totals
from ml.indb.loss_sql import derivatives_sql, loss_select, scored_select
from ml.indb.losses import Loss
from ml.indb.samples import drawn_sql
from ml.indb.tree_nodes import GrownTree
from warehouse.client import quote
from warehouse.client.dialect import POSTGRES

if TYPE_CHECKING:
    from ml.indb.binned_rows import Binned
    from warehouse.client import Warehouse

NUMBER_BYTES = 8
AT_ONCE = 20
"""So many grown trees of one output are added by one statement."""


class SqlEngine:
    """The rows stay in the warehouse; what comes back is nodes times bins. Rows of the fold `held` are the
    validation rows, all others train, or those of folds below `before`. The binned table is the caller's;
    `close` drops the scores.
    """

    name = "warehouse"

    def __init__(
        self, wh: Warehouse, layout: Layout, binned: Binned, held: int = HELD, *, before: int | None = None
    ) -> None:
        self.layout, self._wh, self._binned = layout, wh, binned
        self._trains = f"v <> {held}" if before is None else f"v < {before}"
        self._is_held = f"v = {held}"
        self._scored: str | None = None
        self._times: str | None = None
        self._aimed: tuple[int, ...] = (0,)
        self.bytes_out = 0
        targets = ", ".join(f"sum({name})::bigint as {name}" for name in binned.targets)
        found = wh.query(
            f"select coalesce(sum(n), 0)::bigint as n, coalesce(sum(w), 0)::bigint as w, {targets} "
            f"from {binned.table} where {self._trains}"
        )[0]
        self.totals = Totals(found["n"], found["w"], tuple(found[name] or 0 for name in binned.targets))

    def begin(self, loss: Loss, starts: Sequence[int]) -> None:
        self._loss = loss
        self._added: list[list[str]] = [[] for _ in starts]
        scores = [f"{POSTGRES.text(str(start))}::bigint" for start in starts]
        self._write(self._binned.table, scores, ["k"])

    def sample(self, seed: int, tree: int) -> None:
        self._times = drawn_sql("k", seed, tree)

    def aim(self, outputs: Sequence[int]) -> None:
        self._aimed = tuple(outputs)

    def histograms(self, tree: GrownTree, nodes: Sequence[int]) -> dict[int, np.ndarray]:
        names = ["n", "h", *(f"g{output}" for output in self._aimed)]
        found = {node: self.layout.empty(len(self._aimed)) for node in nodes}
        for row in self._wh.query(self.level_sql(tree, set(nodes))):
            place = self.layout.slots(row["feature"], np.array(row["bins"]))
            self.bytes_out += NUMBER_BYTES * (2 + (1 + len(names)) * len(place))
            found[row["node"]][:, place] = [row[name] for name in names]
        return found

    def level_sql(self, tree: GrownTree, nodes: set[int]) -> str:
        """The statement of one level: by node and feature, arrays over the bins that occur."""
        codes, times = self._binned.codes, self._times
        firsts = [f"g{output}" for output in self._aimed]
        many = "" if times is None else " * t"
        derived = [derivatives_sql(self._loss, output) for output in self._aimed]
        columns = ["n", derived[0][1], *(g for g, _ in derived)]
        named = zip(columns, ("n", "h", *firsts), strict=True)
        values = ", ".join(f"{value}{many} as {name}" for value, name in named)
        drawn = f"(select *, {times} as t from {self._source()} where {self._trains}) as d"
        source = self._source() if times is None else drawn
        inner = (
            f"select {tree.node_sql(nodes)}::int as node, {', '.join(codes)}, {values}\n"
            f"from {source} where {self._trains if times is None else 't > 0'} {POSTGRES.fence}"
        )
        # Every code is there, so a column is NULL only in the groupings that it is not of.
        sets = ", ".join(f"(node, {code})" for code in codes)
        feature = " ".join(f"when {code} is not null then {at}" for at, code in enumerate(codes))
        bin_ = codes[0] if len(codes) == 1 else f"coalesce({', '.join(codes)})"
        grouped = (
            f"select node, case {feature} end as feature, {bin_} as bin, {self._sums(firsts)}\n"
            f"from ({inner}) as r where node is not null\ngroup by grouping sets ({sets})"
        )
        arrays = ", ".join(f"array_agg({name}) as {name}" for name in ("n", "h", *firsts))
        selected = f"select node, feature, array_agg(bin) as bins, {arrays}"
        return f"{selected}\nfrom ({grouped}) as c group by node, feature"

    def _source(self) -> str:
        """The scored rows, with what is not kept of them: a row's n is 1, and w is n where it is even."""
        n = "1::bigint" if self._binned.cells is None else "n"
        made = [f", {n} as n"] * (self._binned.cells is None) + [f", {n} as w"] * self._binned.is_even
        return f"(select *{''.join(made)} from {self._scored}) as scored"

    def _sums(self, firsts: Sequence[str]) -> str:
        """Sums of n, h and g; a count is quicker where they are the same."""
        rows = "count(*)" if self._binned.cells is None and self._times is None else "sum(n)::bigint"
        second = rows if self._binned.is_even and self._loss.name == "squared" else "sum(h)::bigint"
        return ", ".join([f"{rows} as n", f"{second} as h", *(f"sum({g})::bigint as {g}" for g in firsts)])

    def grown(self, tree: GrownTree, outputs: Sequence[int], *, is_last: bool = True) -> None:
        for place, output in enumerate(outputs):
            self._added[output].append(tree.value_sql(place))
        if max(map(len, self._added)) >= AT_ONCE:
            self.update()

    def update(self) -> None:
        if any(self._added):
            scores = [" + ".join([f"f{place}", *added]) for place, added in enumerate(self._added)]
            self._added = [[] for _ in scores]
            self._write(self._source(), scores, [])

    def validation_loss(self, divide: int = 1) -> int:
        names = [f"s{place}" for place in range(self._loss.outputs)]
        source = f"{self._source()} where {self._is_held}"
        if (
            divide != 1
        ):  # the loss of f / divide, times its square, is that of f with target and weight for it
            scores = ", ".join(f"f{place}" for place in range(self._loss.outputs))
            targets = ", ".join(f"{name} * {divide} as {name}" for name in names)
            source = f"(select w, {scores}, {targets} from {source}) as divided"
        return int(self._wh.scalar(loss_select(self._loss, source)) or 0)

    def close(self) -> None:
        if self._scored is not None:
            self._wh.execute(f"drop table if exists {self._scored}")

    def _write(self, read: str, scores: Sequence[str], once: Sequence[str]) -> None:
        """Rows with new scores and their derivatives in a new table; the one before it is dropped. `once`:
        what only the first table has to have.
        """
        table, before, one = quote(WORK_SCHEMA, new_name("scored")), self._scored, self._binned
        counts = ["n"] * (one.cells is not None) + ["w"] * (not one.is_even)
        kept = [*counts, *one.targets, *once, *one.codes, "v"]
        inner = ", ".join([*kept, *["w"] * one.is_even])
        named = ", ".join(f"{score} as f{place}" for place, score in enumerate(scores))
        select = scored_select(self._loss, ", ".join(kept), f"(select {inner}, {named} from {read}) as one")
        self._wh.execute(f"create unlogged table {table} as {select}")
        self._scored = table
        if before is not None:
            self._wh.execute(f"drop table {before}")
