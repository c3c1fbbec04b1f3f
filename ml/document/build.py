"""Building a document step by step, with every column kept inside the range where no engine raises.

Belongs here: naming nodes, and the static analysis that says where a `bound` is needed. Does not belong here:
any library's estimators (`ml.document.importers`).

The analysis follows two numbers a column: the largest size it can have, and the smallest size above zero. An
operation whose result could overflow, or round to zero, gets its operands bounded first.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ml.document.ops.constants import LIMIT, TINY
from ml.document.schema import Document, DocumentError, Head, Input, Node

SMALLEST = 5e-324
SAFE_LARGE, SAFE_SMALL = 1e250, 1e-250
NAME_BYTES = 55


@dataclass(frozen=True)
class Range:
    """The sizes a column can have: at most `large`; if not zero, at least `small`."""

    large: float = math.inf
    small: float = SMALLEST

    @classmethod
    def of(cls, values: Sequence[float | None]) -> Range:
        sizes = [abs(value) for value in values if value is not None]
        return cls(max(sizes, default=0.0), min((size for size in sizes if size), default=1.0))


class Builder:
    """Collects inputs and nodes; `document` closes it. Columns are named by the strings it returns."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._inputs: dict[str, Input] = {}
        self._nodes: list[Node] = []
        self._by_id: dict[str, Node] = {}
        self._ranges: dict[str, Range] = {}
        self._bounded: dict[tuple[str, bool], str] = {}

    def input(self, name: str, kind: str) -> str:
        """An input column; naming it again returns the same."""
        if name not in self._inputs:
            self._inputs[name] = Input(name, kind)
            self._ranges[name] = Range(1.0, 1.0) if kind == "boolean" else Range()
        return name

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
        known = self._ranges[x]
        if known.large <= LIMIT and (not flush or known.small >= TINY):
            return x
        if (x, flush) not in self._bounded:
            small = max(known.small, TINY) if flush else known.small
            result = Range(min(known.large, LIMIT), small)
            params = {"flush": True} if flush else {}
            self._bounded[x, flush] = self.node("bound", [x], params, label=_named(x, "bounded"), range_=result)
        return self._bounded[x, flush]

    def impute(self, x: str, value: float) -> str:
        """x with `value` where it is missing."""
        x, value = self.bound(x), float(value)
        known = self._ranges[x]
        small = min(known.small, abs(value)) if value else known.small
        result = Range(max(known.large, abs(value)), small)
        return self.node("impute", [x], {"value": value}, label=_named(x, "filled"), range_=result)

    def is_missing(self, x: str) -> str:
        return self.node("is_missing", [x], label=_named(x, "is_missing"), range_=Range(1.0, 1.0))

    def lookup(
        self,
        x: str,
        values: Sequence[tuple[str, float | None]],
        unknown: float | None,
        missing: float | None,
        label: str | None = None,
    ) -> str:
        """The number of a category; None leaves it missing."""
        params = {"values": [list(pair) for pair in values], "unknown": unknown, "missing": missing}
        result = Range.of([*(number for _, number in values), unknown, missing])
        return self.node("lookup", [x], params, label=label or _named(x, "code"), range_=result)

    def affine(self, x: str, label: str | None = None, **steps: float) -> str:
        """((x - subtract) / divide) * multiply + add, the given steps; steps without effect are left out."""
        neutral = {"subtract": 0.0, "divide": 1.0, "multiply": 1.0, "add": 0.0}
        params = {key: float(steps[key]) for key in neutral if float(steps.get(key, neutral[key])) != neutral[key]}
        if not params:
            return x
        x = self.bound(x)
        result = _affine_range(self._ranges[x], params)
        if result.small < SAFE_SMALL:
            x = self.bound(x, flush=True)
            result = _affine_range(self._ranges[x], params)
        return self.node("affine", [x], params, label=label or _named(x, "scaled"), range_=result)

    def log(self, x: str, add: float = 0.0) -> str:
        """ln(x + add)."""
        return self.node("log", [self.bound(x)], {"add": float(add)}, label=_named(x, "log"), range_=Range(1e3, 1e-17))

    def clip(self, x: str, low: float | None = None, high: float | None = None) -> str:
        """x within the given sides."""
        params = {key: float(v) for key, v in (("low", low), ("high", high)) if v is not None}
        known, sizes = self._ranges[x], [abs(v) for v in params.values()]
        large = max(sizes) if len(params) == 2 else max([known.large, *sizes])
        result = Range(large, min([known.small, *(s for s in sizes if s)]))
        return self.node("clip", [x], params, label=_named(x, "clipped"), range_=result)

    def product(self, x: str, y: str) -> str:
        """x · y."""
        x, y = self.bound(x, flush=True), self.bound(y, flush=True)
        one, two = self._ranges[x], self._ranges[y]
        result = Range(one.large * two.large, one.small * two.small)
        return self.node("product", [x, y], label=f"{_stem(x)}_by_{_stem(y)}", range_=result)

    def weighted(
        self, xs: Sequence[str], weights: Sequence[float], start: float, label: str | None = None
    ) -> str:
        """start + Σ weight · x, from the left; terms of weight 0 are left out, indicators of one category are
        read as one lookup.
        """
        terms = self._fused([(x, _weight(w)) for x, w in zip(xs, weights, strict=True) if w])
        if not terms:
            constant = self._any_number()
            return self.node("affine", [constant], {"multiply": 0.0, "add": float(start)}, label=label)
        columns = [self.bound(x) for x, _ in terms]
        kept = [weight for _, weight in terms]
        shift = self._shift(columns, kept)
        large = abs(start) + sum(abs(w) * self._ranges[x].large for x, w in zip(columns, kept, strict=True))
        if large * 2.0**shift > 1e300:
            raise DocumentError(
                f"{label or 'weighted'}: weights from {min(map(abs, kept)):g} to {max(map(abs, kept)):g} lie "
                "too far apart to be added safely. Scale the features first."
            )
        params: dict[str, Any] = {"start": float(start), "weights": kept}
        if not shift:
            return self.node("weighted", columns, params, label=label, range_=Range(large))
        params["shift"] = shift
        total = self.node(
            "weighted", columns, params, label=label and f"{label}__shifted", range_=Range(large * 2.0**shift)
        )
        return self.node("unshift", [total], {"shift": shift}, label=label, range_=Range(large, 1e-300))

    def trees(self, xs: Sequence[str], params: Mapping[str, Any], label: str | None = None) -> str:
        """A sum of trees over columns taken as they are."""
        return self.node("trees", xs, params, label=label, range_=Range(LIMIT))

    def document(
        self, margins: Sequence[str], head: Head, source: Mapping[str, Any], order: Sequence[str] = ()
    ) -> Document:
        """The finished document, without nodes that nothing uses; `order` puts the inputs in that order."""
        names = [*order, *(name for name in self._inputs if name not in order)]
        return Document(
            name=self.name,
            inputs=tuple(self._inputs[name] for name in names),
            nodes=tuple(_used(self._nodes, margins)),
            margins=tuple(margins),
            head=head,
            source=source,
        )

    def _shift(self, columns: list[str], weights: list[float]) -> int:
        """The power of two that keeps every product from rounding to zero; 0 where none can."""
        smallest = min(abs(w) * self._ranges[x].small for x, w in zip(columns, weights, strict=True))
        if smallest > 1e-300:
            return 0
        return max(0, -math.floor(math.log2(min(map(abs, weights)))))

    def _fused(self, terms: list[tuple[str, float]]) -> list[tuple[str, float]]:
        """Neighbouring indicators of one category, each with its weight, as one lookup with weight 1."""
        fused: list[tuple[str, float]] = []
        group: list[tuple[Node, float]] = []

        def close() -> None:
            if len(group) > 1:
                fused.append((self._merged(group), 1.0))
            elif group:
                fused.append((group[0][0].id, group[0][1]))
            group.clear()

        for x, weight in terms:
            node = self._by_id.get(x)
            if node is not None and node.op == "lookup" and _is_indicator(node):
                if group and group[-1][0].inputs != node.inputs:
                    close()
                group.append((node, weight))
            else:
                close()
                fused.append((x, weight))
        close()
        return fused

    def _merged(self, group: list[tuple[Node, float]]) -> str:
        """One lookup with the value that the indicators' weighted sum has for each category."""
        texts = list(dict.fromkeys(text for node, _ in group for text, _ in node.params["values"]))
        tables = [(dict(map(tuple, node.params["values"])), node.params, weight) for node, weight in group]

        def total(text: str | None, key: str) -> float:
            parts = [
                weight for table, params, weight in tables if (table.get(text, params[key]) if text else params[key])
            ]
            if len(parts) > 1:
                raise DocumentError("indicators of one category overlap; allowed: at most one is 1.")
            return parts[0] if parts else 0.0

        source = group[0][0].inputs[0]
        values = [(text, total(text, "unknown")) for text in texts]
        return self.lookup(
            source, values, total(None, "unknown"), total(None, "missing"), label=_named(source, "weight")
        )

    def _any_number(self) -> str:
        for item in self._inputs.values():
            x = item.name if item.kind != "category" else self.lookup(item.name, [], 0.0, 0.0)
            return self.impute(x, 0.0)
        raise DocumentError("a model without inputs; allowed: at least one feature.")

    def _unique(self, wanted: str) -> str:
        cut = wanted.encode()[:NAME_BYTES].decode(errors="ignore")
        name, number = cut, 1
        while name in self._by_id or name in self._inputs:
            number += 1
            name = f"{cut}_{number}"
        return name


def _stem(column: str) -> str:
    """The name a column's own name began with, before what was done to it."""
    return column.split("__")[0] or column


def _named(column: str, what: str) -> str:
    return f"{_stem(column)}__{what}"


def _is_indicator(node: Node) -> bool:
    numbers = {number for _, number in node.params["values"]} | {node.params["unknown"], node.params["missing"]}
    return numbers <= {0.0, 1.0}


def _weight(value: float) -> float:
    value = float(value)
    if not math.isfinite(value) or abs(value) > LIMIT:
        raise DocumentError(f"a weight is {value!r}; allowed: at most {LIMIT:g} in size. Scale the features.")
    return value if abs(value) >= TINY else math.copysign(TINY, value)


def _affine_range(known: Range, params: Mapping[str, float]) -> Range:
    large, small = known.large, known.small
    for key in ("subtract", "divide", "multiply", "add"):
        if key not in params:
            continue
        size = abs(params[key])
        if key in ("subtract", "add"):
            # Two doubles that differ, differ by at least the spacing at the constant.
            large, small = large + size, size * 2.0**-54 if size else small
        elif key == "divide":
            large, small = large / size, small / size
        else:
            large, small = large * size, small * size if size else 1.0
    return Range(large, small)


def _used(nodes: Sequence[Node], margins: Sequence[str]) -> list[Node]:
    wanted, kept = set(margins), []
    for node in reversed(nodes):
        if node.id in wanted:
            wanted.update(node.inputs)
            kept.append(node)
    return kept[::-1]
