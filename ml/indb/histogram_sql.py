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

from ml.document.dialect import POSTGRES
from ml.document.work_tables import WORK_SCHEMA, new_name
from ml.indb.histograms import Layout, Totals
from ml.indb.losses import Loss
from ml.indb.samples import drawn_sql
from ml.indb.tree_nodes import GrownTree
from warehouse.client import quote

if TYPE_CHECKING:
    from ml.indb.binned_rows import Binned
    from warehouse.client import Warehouse

NUMBER_BYTES = 8


class SqlEngine:
    """The rows stay in the warehouse; what comes back is nodes times bins."""

    name = "warehouse"

    def __init__(self, wh: Warehouse, layout: Layout, binned: Binned) -> None:
        self.layout, self._wh, self._binned = layout, wh, binned
        self._scored: str | None = None
        self._times: str | None = None
        self.bytes_out = 0
        found = wh.query(
            f"select sum(n)::bigint as n, sum(w)::bigint as w, sum(s)::bigint as s from {binned.table} "
            "where not v"
        )[0]
        self.totals = Totals(found["n"], found["w"], found["s"])

    def begin(self, loss: Loss, start: int) -> None:
        self._loss = loss
        self._write(self._binned.table, f"{POSTGRES.text(str(start))}::bigint")

    def sample(self, seed: int, tree: int) -> None:
        self._times = drawn_sql("k", seed, tree)

    def histograms(self, tree: GrownTree, nodes: Sequence[int]) -> dict[int, np.ndarray]:
        found = {node: self.layout.empty() for node in nodes}
        for row in self._wh.query(self.level_sql(tree, set(nodes))):
            place = self.layout.slots(row["feature"], np.array(row["bins"]))
            self.bytes_out += NUMBER_BYTES * (2 + 4 * len(place))
            found[row["node"]][:, place] = [row["n"], row["g"], row["h"]]
        return found

    def level_sql(self, tree: GrownTree, nodes: set[int]) -> str:
        """The statement of one level: by node and feature, arrays over the bins that occur."""
        codes, times = self._binned.codes, self._times
        values = "n, g, h" if times is None else "n * t as n, g * t as g, h * t as h"
        drawn = f"(select *, {times} as t from {self._scored} where not v) as d"
        source = self._scored if times is None else drawn
        where = "not v" if times is None else "t > 0"
        inner = (
            f"select {tree.node_sql(nodes)}::int as node, {', '.join(codes)}, {values}\n"
            f"from {source} where {where} {POSTGRES.fence}"
        )
        # Every code is there, so a column is NULL only in the groupings that it is not of.
        sets = ", ".join(f"(node, {code})" for code in codes)
        feature = " ".join(f"when {code} is not null then {at}" for at, code in enumerate(codes))
        bin_ = codes[0] if len(codes) == 1 else f"coalesce({', '.join(codes)})"
        grouped = (
            f"select node, case {feature} end as feature, {bin_} as bin, {self._sums()}\n"
            f"from ({inner}) as r where node is not null\ngroup by grouping sets ({sets})"
        )
        arrays = ", ".join(f"array_agg({name}) as {name}" for name in ("n", "g", "h"))
        selected = f"select node, feature, array_agg(bin) as bins, {arrays}"
        return f"{selected}\nfrom ({grouped}) as c group by node, feature"

    def _sums(self) -> str:
        """Sums of n, g and h; a count is quicker where they are the same."""
        rows = "count(*)" if self._binned.cells is None and self._times is None else "sum(n)::bigint"
        curvature = rows if self._binned.is_even and self._loss.name == "squared" else "sum(h)::bigint"
        return f"{rows} as n, sum(g)::bigint as g, {curvature} as h"

    def add(self, tree: GrownTree) -> None:
        self._write(self._scored, f"f + {tree.value_sql()}")

    def validation_loss(self) -> int:
        loss = self._loss.loss_sql("w", "s", "f")
        return int(self._wh.scalar(f"select coalesce({loss}, 0)::text from {self._scored} where v"))

    def close(self) -> None:
        tables = [table for table in (self._binned.table, self._scored) if table is not None]
        self._wh.execute(f"drop table if exists {', '.join(tables)}")

    def _write(self, source: str | None, score: str) -> None:
        """Rows with new scores and their derivatives in a new table; the one before it is dropped."""
        table, before = quote(WORK_SCHEMA, new_name("scored")), self._scored
        kept = f"n, w, s, k, {', '.join(self._binned.codes)}, v"
        p, g, h = self._loss.derivatives_sql("w", "s", "f")
        self._wh.execute(
            f"create unlogged table {table} as select {kept}, f, {g} as g, {h} as h\n"
            f"from (select *, {p} as p from (select {kept}, {score} as f from {source}) as one "
            f"{POSTGRES.fence}) as two"
        )
        self._scored = table
        if before is not None:
            self._wh.execute(f"drop table {before}")
