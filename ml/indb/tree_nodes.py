"""A tree under growth: its nodes over bins, and their SQL.

Belongs here: nodes, and the CASE that finds a row's node or leaf. Does not belong here: choosing splits
(`ml.indb.splits`), documents (`ml.indb.tree_document`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property

from ml.indb.bins import MISSING
from warehouse.client.dialect import POSTGRES

Sums = tuple[int, ...]
"""Rows, second derivatives, then the first derivatives of each output."""


@dataclass(frozen=True)
class Split:
    """How a node divides: bins up to `upto` go left, or those in `members` (categories); a missing value goes
    left where `missing_left`. `left` is what the left child holds.
    """

    feature: int
    upto: int
    members: tuple[int, ...] | None
    missing_left: bool
    left: Sums
    gain: Fraction = field(compare=False)

    @cached_property
    def rank(self) -> tuple[float, Fraction]:
        """What splits are ordered by, exactly: rounding keeps order, so fractions decide between equals."""
        return float(self.gain), self.gain

    def sql(self, code: str) -> str:
        """The condition under which a row goes left."""
        if self.members is not None:
            codes = sorted([*self.members, *([MISSING] if self.missing_left else [])])
            return f"{code} in ({', '.join(map(str, codes))})"
        return f"{code} <= {self.upto}" if self.missing_left else f"{code} between 0 and {self.upto}"


@dataclass
class Node:
    """A node: what it holds, its split and children, or -1 and a leaf's `values` in steps, one an output.
    `low` and `high` bound the leaves below it where features are monotone. `origin`: the number it had while
    the tree grew.
    """

    sums: Sums
    low: Fraction | None = None
    high: Fraction | None = None
    split: Split | None = None
    left: int = -1
    right: int = -1
    values: tuple[int, ...] = ()
    origin: int = 0

    @property
    def rows(self) -> int:
        return self.sums[0]

    @property
    def h(self) -> int:
        return self.sums[1]

    @property
    def g(self) -> Sums:
        return self.sums[2:]


@dataclass
class GrownTree:
    """Nodes, the root first, children behind their parents."""

    nodes: list[Node]

    @property
    def leaves(self) -> int:
        return sum(node.split is None for node in self.nodes)

    @property
    def largest(self) -> int:
        """The largest size of a leaf."""
        return max(abs(value) for node in self.nodes if node.split is None for value in node.values)

    def node_sql(self, wanted: set[int]) -> str:
        """The number of the wanted node that a row lies in, else NULL."""
        return self._case(lambda place: str(place) if place in wanted else "null")

    def value_sql(self, output: int) -> str:
        """A row's leaf's value of an output, a bigint."""
        return self._case(lambda place: f"{POSTGRES.text(str(self.nodes[place].values[output]))}::bigint")

    def _case(self, leaf: Callable[[int], str]) -> str:
        texts = [""] * len(self.nodes)
        for place in range(len(self.nodes) - 1, -1, -1):
            node = self.nodes[place]
            if node.split is None:
                texts[place] = leaf(place)
                continue
            left, right = texts[node.left], texts[node.right]
            condition = node.split.sql(f"b{node.split.feature}")
            texts[place] = left if left == right else f"case when {condition} then {left} else {right} end"
        return texts[0]
