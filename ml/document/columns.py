"""The columns of a document under construction: their names, kinds and ranges.

Belongs here: naming inputs and nodes, bounding, and closing the document. Does not belong here: what an
operation needs of its operands (`ml.document.build`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ml.document.ops.constants import LIMIT, TINY
from ml.document.ranges import SAFE_LARGE, Range
from ml.document.schema import Document, DocumentError, Head, Input, Node

NAME_BYTES = 55


class Columns:
    """Collects inputs and nodes; `document` closes it. Columns are named by the strings it returns."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._inputs: dict[str, Input] = {}
        self._nodes: list[Node] = []
        self._by_id: dict[str, Node] = {}
        self._ranges: dict[str, Range] = {}
        self._bounded: dict[tuple[str, bool], str] = {}
        self._fills: dict[str, tuple[str, str]] = {}

    def input(self, name: str, kind: str) -> str:
        """An input column; naming it again returns the same."""
        if name not in self._inputs:
            self._inputs[name] = Input(name, kind)
            self._ranges[name] = Range(1.0, 1.0) if kind == "boolean" else Range()
        return name

    def filled_text(self, x: str, text: str) -> str:
        """A text column that reads `text` where x is missing. It is no node: what encodes it reads x and
        takes missing for `text`.
        """
        source, earlier = self._fills.get(x, (x, text))
        name = self._unique(named(source, "filled"))
        self._fills[name] = (source, earlier)
        return name

    def fill_of(self, x: str) -> tuple[str, str | None]:
        """The column to read for a text column, and the text that its missing values stand for, or None."""
        return self._fills.get(x, (x, None))

    def is_text(self, x: str) -> bool:
        return x in self._fills or (x in self._inputs and self._inputs[x].kind == "category")

    def range_of(self, x: str) -> Range:
        """The sizes a column of numbers can have.

        Raises:
            DocumentError: the column is text.
        """
        if self.is_text(x):
            raise DocumentError(
                f"column {self.fill_of(x)[0]!r} is text where a number is needed. Put an encoder before it."
            )
        return self._ranges[x]

    def node(
        self,
        op: str,
        inputs: Sequence[str],
        params: Mapping[str, Any] | None = None,
        *,
        label: str | None = None,
        range_: Range | None = None,
    ) -> str:
        """A node as it is, with no bound added; `label` becomes its name, made unique."""
        node = Node(self._unique(label or f"{op}_{len(self._nodes)}"), op, tuple(inputs), dict(params or {}))
        self._nodes.append(node)
        self._by_id[node.id] = node
        self._ranges[node.id] = range_ or Range()
        return node.id

    def source_of(self, column: str) -> Node | None:
        """The node that makes a column; None for an input."""
        return self._by_id.get(column)

    def bound(self, x: str, *, flush: bool = False) -> str:
        """x within ±1e100, and with `flush` either zero or at least 1e-100; x itself where it is already."""
        known = self.range_of(x)
        if known.large <= LIMIT and (not flush or known.small >= TINY):
            return x
        source = self.source_of(x)
        if source is not None and source.op == "bound":
            x = source.inputs[0]
            known = self.range_of(x)
        if (x, flush) not in self._bounded:
            small = max(known.small, TINY) if flush else known.small
            result = Range(min(known.large, LIMIT), small)
            params = {"flush": True} if flush else {}
            column = self.node("bound", [x], params, label=named(x, "bounded"), range_=result)
            self._bounded[x, flush] = column
        return self._bounded[x, flush]

    def document(
        self, margins: Sequence[str], head: Head, source: Mapping[str, Any], order: Sequence[str] = ()
    ) -> Document:
        """The finished document, without nodes that nothing uses; `order` puts the inputs in that order.
        Margins that softmax could not subtract from one another are bounded.
        """
        names = [*order, *(name for name in self._inputs if name not in order)]
        sizes = [self.range_of(margin).large for margin in margins]
        if head.kind == "softmax" and max(sizes) > SAFE_LARGE:  # it takes differences of them
            margins = [self.bound(margin) for margin in margins]
        return Document(
            name=self.name,
            inputs=tuple(self._inputs[name] for name in names),
            nodes=tuple(_used(self._nodes, margins)),
            margins=tuple(margins),
            head=head,
            source=source,
        )

    def _unique(self, wanted: str) -> str:
        cut = wanted.encode()[:NAME_BYTES].decode(errors="ignore")
        name, number = cut, 1
        while name in self._by_id or name in self._inputs or name in self._fills:
            number += 1
            name = f"{cut}_{number}"
        return name


def stem(column: str) -> str:
    """The name a column's own name began with, before what was done to it."""
    return column.split("__")[0] or column


def named(column: str, what: str) -> str:
    return f"{stem(column)}__{what}"


def _used(nodes: Sequence[Node], margins: Sequence[str]) -> list[Node]:
    wanted, kept = set(margins), []
    for node in reversed(nodes):
        if node.id in wanted:
            wanted.update(node.inputs)
            kept.append(node)
    return kept[::-1]
