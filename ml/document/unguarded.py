"""A weighted sum as SQL that tests no input: quicker than the guarded text, and either right or an error.

Belongs here: this form of linear models over plain numbers, and when it may be used. Does not belong here:
the text that answers every row (`ml.document.sql`), running either (`ml.scoring_engines`).

The guarded text asks of every number of a row whether it lies within ±1e100 before it enters arithmetic,
which takes as long as the sum. Here the sum runs over the weights times a power of two so large that a number
beyond leaves a double's range, which Postgres calls an error (22003), as it does any other such number; an
infinity or NaN stays one to the end of the sum, where it is turned into that error. Then the guarded text
answers instead. A power of two changes no bit of a number that does not leave the range of normal doubles: no
product of the document's own sum is smaller than those, and a sum that is, is exact.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ml.document.layout import Layout
from ml.document.ops.arithmetic import AFFINE
from ml.document.ops.constants import LIMIT
from ml.document.ops.linear import PIECE_TERMS, SMALL
from ml.document.ranges import SMALLEST, Range, affine_range
from ml.document.schema import Node
from ml.document.sql import Block, Writer, comment

if TYPE_CHECKING:
    from ml.document.schema import Document

OUT_OF_RANGE = "22003"
"""SQLSTATE numeric_value_out_of_range."""

SMALLEST_PRODUCT = 2.0**-1020
BEYOND, LARGEST_POWER, LARGEST_WEIGHT = 1025, 1000, 930
"""Powers of two: past a double's range; of all scaling together; of a weight, so that ordinary numbers, up to
1e28, stay in range and meet no error."""


def unguarded_sql(
    document: Document, relation: str, keys: Sequence[str], *, title: str | None = None
) -> str | None:
    """As `scoring_sql`, for Postgres, or an error with SQLSTATE 22003 where a row needs the guards; None for
    documents that are no such sum.
    """
    writer = _Unguarded(Layout(document), keys)
    if writer.scale is None:
        return None
    return comment(document, title) + writer.text([writer.head(), *writer.levels()], relation)


class _Unguarded(Writer):
    """`scale` is the power of two, None where the document has no such text."""

    def __init__(self, layout: Layout, keys: Sequence[str]) -> None:
        super().__init__(layout, keys)
        self.sum, self.shift = self._one_sum()
        self.scale = None if self.sum is None else self._scale(self.sum)

    def levels(self, first: int = 1, last: int | None = None) -> list[Block]:
        assert self.sum is not None and self.scale is not None
        known = {name: self._input(item) for name, item in self.layout.inputs.items()}
        known |= {n: self._name(i) for n, i in self._bounds()}
        start, weights = self.sum.params["start"], self.sum.params["weights"]
        factor = self.scale * 2.0**self.shift
        scaled = {"start": start * factor, "weights": [weight * factor for weight in weights]}
        operands = [self._operand(name, known) for name in self.sum.inputs]
        node = Node(self.sum.id, "weighted", self.sum.inputs, scaled)
        keys = [self._name(key) for key in self._keys.values()]
        inner = [self._as(self._name(key), inside) for key, inside in self._keys.items()]
        total = self._as(_weighted(node, operands, self), self.sum.id)
        margin = self._as(self._back(self._name(self.sum.id)), self.document.margins[0])
        return [Block([*keys, margin], "l2"), Block([*inner, total], "l1")]

    def _back(self, total: str) -> str:
        """The margin of the scaled sum; what is no finite number raises the error."""
        number, factor = self.dialect.number, self.scale * 2.0**self.shift
        back = f"then {total} * {number(1.0 / factor)}"
        raised = f"when {total} is not null then cast({total} as bigint) end"
        if not self.shift:
            return f"case when abs({total}) < {number(math.inf)} {back} {raised}"
        small = number(SMALL * self.scale)
        finite = f"abs({total}) >= {small} and abs({total}) < {number(math.inf)}"
        return f"case when {finite} {back} when abs({total}) < {small} then {number(0.0)} {raised}"

    def _one_sum(self) -> tuple[Node | None, int]:
        """The weighted sum that is all of the document, and its shift."""
        nodes, margins = self.layout.nodes, self.document.margins
        last = nodes.get(margins[0]) if len(margins) == 1 else None
        shift = 0
        if last is not None and last.op == "unshift":
            shift = last.params["shift"]
            last = nodes.get(last.inputs[0])
        if last is None or last.op != "weighted" or len(last.inputs) > PIECE_TERMS:
            return None, 0
        return (last, shift) if last.params.get("shift", 0) == shift else (None, 0)

    def _bounds(self) -> Iterator[tuple[str, str]]:
        for node in self.document.nodes:
            if node.op == "bound":
                yield node.id, node.inputs[0]

    def _scale(self, node: Node) -> float | None:
        """The power of two that takes every number beyond the limit out of range."""
        least, most = math.inf, abs(node.params["start"]) * 2.0**self.shift
        for name, weight in zip(node.inputs, node.params["weights"], strict=True):
            beyond, known = self._sizes(name) or (0.0, Range())
            size = abs(weight) * 2.0**self.shift
            if not beyond > 0.0 or (size and size * known.small < SMALLEST_PRODUCT):
                return None
            least, most = min(least, size * beyond if size else math.inf), max(most, size)
        if not 0.0 < least < math.inf:
            return None
        power = max(0, BEYOND - math.floor(math.log2(least)))
        if power + self.shift > LARGEST_POWER or math.log2(most) + power > LARGEST_WEIGHT:
            return None
        return 2.0**power

    def _sizes(self, name: str) -> tuple[float, Range] | None:
        """The least size of an operand whose input lies beyond the limit (infinite where none can), and its
        range; None where neither is known.
        """
        if name in self.layout.inputs:  # a number that enters unbounded would be another kind of sum
            return (math.inf, Range(1.0, 1.0)) if self.layout.inputs[name].kind == "boolean" else None
        node = self.layout.nodes[name]
        if node.op == "bound":
            is_plain = node.inputs[0] in self.layout.inputs and not node.params.get("flush")
            return (LIMIT, Range(LIMIT, SMALLEST)) if is_plain else None
        below = self._sizes(node.inputs[0]) if node.op in ("affine", "impute") else None
        if below is None:
            return None
        beyond, known = below
        if node.op == "impute":
            return beyond, known.with_(Range.of([node.params["value"]]))
        return _through(beyond, node), affine_range(known, node.params)[0]


def _through(size: float, node: Node) -> float:
    """The least size that an affine makes of at least `size`, rounding included."""
    subtract, divide, multiply, add = (abs(node.params.get(key, float(key in AFFINE[1:3]))) for key in AFFINE)
    return max(0.5 * (max(size - 2.0 * subtract, 0.0) / divide * multiply - 2.0 * add), 0.0)


def _weighted(node: Node, operands: list[str], writer: Writer) -> str:
    from ml.document.ops import OPS

    return OPS["weighted"].sql(node, operands, writer.dialect)
