"""Building a document step by step, with every column kept inside the range where no engine raises.

Belongs here: what each operation needs of its operands, and the sizes its result can have. Does not belong
here: any library's estimators (`ml.document.importers`).

The analysis follows two numbers a column: the largest size it can have, and the smallest size above zero. An
operation whose result could overflow, or round to zero, gets its operands bounded first.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ml.document.columns import Columns, named, stem
from ml.document.indicators import fused, is_table, through
from ml.document.ops.arithmetic import Affine
from ml.document.ops.constants import LIMIT, TINY
from ml.document.ranges import SAFE_LARGE, SAFE_SMALL, Range, affine_range, shift_of, weight_of
from ml.document.schema import DocumentError, Node

Table = Sequence[tuple[Any, float | None]]
FUNCTIONS = {"sigmoid": Range(1.0, 1e-305), "exp": Range(1e305, 1e-305), "tanh": Range(1.0)}


class Builder(Columns):
    """Adds nodes; each method returns the name of the column it made."""

    def impute(self, x: str, value: float) -> str:
        """x with `value` where it is missing."""
        x, value = self.bound(x), float(value)
        result = self.range_of(x).with_(Range.of([value]))
        return self.node("impute", [x], {"value": value}, label=named(x, "filled"), range_=result)

    def is_missing(self, x: str) -> str:
        """1 where a number or a text is missing, else 0."""
        if self.is_text(x):
            return self.lookup(x, [], 0.0, 1.0, label=named(x, "is_missing"))
        return self.node("is_missing", [x], label=named(x, "is_missing"), range_=Range(1.0, 1.0))

    def lookup(
        self, x: str, values: Table, unknown: float | None, missing: float | None, label: str | None = None
    ) -> str:
        """The number of a category; None leaves it missing."""
        x, fill = self.fill_of(x)
        if fill is not None:
            missing = dict(values).get(fill, unknown)
        return self._table("lookup", x, values, unknown, missing, label)

    def recode(
        self, x: str, values: Table, unknown: float | None, missing: float | None, label: str | None = None
    ) -> str:
        """The number that stands for a number; None leaves it missing."""
        self.range_of(x)
        return self._table("recode", x, values, unknown, missing, label)

    def affine(self, x: str, label: str | None = None, **steps: float) -> str:
        """((x - subtract) / divide) * multiply + add, the given steps; steps without effect are left out. Of
        a table of numbers it is a table again.
        """
        neutral = {"subtract": 0.0, "divide": 1.0, "multiply": 1.0, "add": 0.0}
        given = {key: float(steps.get(key, plain)) for key, plain in neutral.items()}
        for key in ("subtract", "add"):  # less than this changes nothing that could be told apart
            given[key] = 0.0 if abs(given[key]) < TINY else given[key]
        params = {key: value for key, value in given.items() if value != neutral[key]}
        if not params:
            return x
        source = self.source_of(x)
        if source is not None and is_table(source):
            return self._scaled(source, params, label)
        x = self.bound(x)
        result, least = affine_range(self.range_of(x), params)
        if least < SAFE_SMALL:
            x = self.bound(x, flush=True)
            result, _ = affine_range(self.range_of(x), params)
        return self.node("affine", [x], params, label=label or named(x, "scaled"), range_=result)

    def constant(self, value: float, label: str | None = None) -> str:
        """A column that is `value` in every row."""
        value = weight_of(value)
        params = {"multiply": 0.0, "add": value}
        return self.node("affine", [self._any_number()], params, label=label, range_=Range.of([value]))

    def log(self, x: str, add: float = 0.0) -> str:
        """ln(x + add)."""
        x, params = self.bound(x), {"add": float(add)}
        return self.node("log", [x], params, label=named(x, "log"), range_=Range(1e3, 1e-17))

    def clip(self, x: str, low: float | None = None, high: float | None = None) -> str:
        """x within the given sides."""
        params = {key: float(v) for key, v in (("low", low), ("high", high)) if v is not None}
        if not params:
            return x
        known, sides = self.range_of(x), Range.of([*params.values()])
        large = sides.large if len(params) == 2 else max(known.large, sides.large)
        result = Range(large, min(known.small, sides.small))
        return self.node("clip", [x], params, label=named(x, "clipped"), range_=result)

    def bucket(self, x: str, edges: Sequence[float], side: str) -> str:
        """How many of the rising edges lie at or below x (`side` right), or below x (left)."""
        self.range_of(x)
        params = {"edges": [float(edge) for edge in edges], "side": side}
        result = Range(float(max(len(edges), 1)), 1.0)
        return self.node("bucket", [x], params, label=named(x, "bucket"), range_=result)

    def product(self, x: str, y: str) -> str:
        """x · y."""
        x, y = self.bound(x, flush=True), self.bound(y, flush=True)
        one, two = self.range_of(x), self.range_of(y)
        result = Range(one.large * two.large, one.small * two.small)
        return self.node("product", [x, y], label=f"{stem(x)}_by_{stem(y)}", range_=result)

    def function(self, name: str, x: str) -> str:
        """sigmoid, exp or tanh of x."""
        self.range_of(x)
        return self.node(name, [x], label=named(x, name), range_=FUNCTIONS[name])

    def rectify(self, x: str) -> str:
        """x above 0, else 0."""
        return self.node("rectify", [x], label=named(x, "rectified"), range_=self.range_of(x))

    def interpolate(self, x: str, xs: Sequence[float], ys: Sequence[float], label: str | None = None) -> str:
        """The piecewise linear function through the knots (xs rising, ys), flat outside them."""
        xs, ys = [float(v) for v in xs], [float(v) for v in ys]
        if not all(abs(v) <= LIMIT for v in [*xs, *ys]):
            raise DocumentError(f"a knot lies beyond ±{LIMIT:g}. Scale the feature and the target first.")
        runs = zip(xs, xs[1:], ys, ys[1:], strict=False)
        slopes = [weight_of((high - low) / (right - left)) for left, right, low, high in runs]
        params = {"xs": xs, "ys": ys, "slopes": slopes}
        return self.node("interpolate", [self.bound(x)], params, label=label, range_=Range(LIMIT * 4))

    def squared_distance(self, xs: Sequence[str], center: Sequence[float], label: str | None = None) -> str:
        """Σ (x - center)², from the left."""
        columns, params = [self.bound(x) for x in xs], {"center": [weight_of(value) for value in center]}
        return self.node("squared_distance", columns, params, label=label, range_=Range(SAFE_LARGE))

    def gaussian(
        self, xs: Sequence[str], start: float, means: Sequence[float], halves: Sequence[float],
        label: str | None = None,
    ) -> str:  # fmt: skip
        """start - Σ (x - mean)² · half, from the left."""
        columns = [self.bound(x) for x in xs]
        params = {
            "start": weight_of(start),
            "means": [weight_of(value) for value in means],
            "halves": [weight_of(value) for value in halves],
        }
        return self.node("gaussian", columns, params, label=label, range_=Range(1e305))

    def weighted(
        self, xs: Sequence[str], weights: Sequence[float], start: float, label: str | None = None
    ) -> str:
        """start + Σ weight · x, from the left; terms of weight 0 are left out, tables of one column are read
        as one.
        """
        terms = [(x, weight_of(w)) for x, w in zip(xs, weights, strict=True)]
        terms = fused([term for term in terms if term[1]], self.source_of, self._like)
        start = float(start)
        if not abs(start) <= LIMIT:
            raise DocumentError(f"{label or 'weighted'}: it starts at {start!r}; allowed: up to {LIMIT:g}.")
        if not terms:
            return self.constant(start, label)
        columns, kept = [self.bound(x) for x, _ in terms], [weight for _, weight in terms]
        sizes = [(abs(w), self.range_of(x)) for x, w in zip(columns, kept, strict=True)]
        large = abs(start) + sum(w * known.large for w, known in sizes)
        smallest = min(w * known.small for w, known in sizes)
        shifts = [shift_of(smallest, kept, spare) for spare in (54, 0)]
        fitting = [one for one in shifts if one <= 300 and large * 2.0**one <= SAFE_LARGE]
        shift = fitting[0] if fitting else 0
        if not fitting:
            # The weights lie too far apart for one power of two: tiny operands count as zero instead.
            columns = [self.bound(x, flush=True) for x in columns]
        params: dict[str, Any] = {"start": start, "weights": kept}
        if not shift:
            return self.node("weighted", columns, params, label=label, range_=Range(large))
        params["shift"] = shift
        shifted = Range(large * 2.0**shift)
        total = self.node("weighted", columns, params, label=label and f"{label}__shifted", range_=shifted)
        return self.node("unshift", [total], {"shift": shift}, label=label, range_=Range(large, 1e-300))

    def trees(self, xs: Sequence[str], params: Mapping[str, Any], label: str | None = None) -> str:
        """A sum of trees over columns taken as they are.

        Raises:
            DocumentError: a leaf, or the sum of the largest, is above 1e100 in size.
        """
        for x in xs:
            self.range_of(x)
        trees = [_without_tiny_leaves(tree) for tree in params["trees"]]
        large = abs(params["start"]) + sum(max(map(abs, tree["value"])) for tree in trees)
        if not large <= LIMIT:
            raise DocumentError(f"{label or 'trees'}: leaves add up to {large!r}; allowed: {LIMIT:g}.")
        divide = abs(params.get("divide", 1.0))
        return self.node("trees", xs, {**params, "trees": trees}, label=label, range_=Range(large / divide))

    def _like(self, node: Node, values: Table, unknown: float | None, missing: float | None) -> str:
        """A table over the same column as the node's, whatever text its missing values stand for."""
        x = node.inputs[0]
        return self._table(node.op, x, values, unknown, missing, named(x, "weight"))

    def _scaled(self, table: Node, params: Mapping[str, float], label: str | None) -> str:
        """A table's numbers through an affine, as the affine would have computed them."""
        step = Node(label or named(table.inputs[0], "scaled"), "affine", (table.id,), params)
        try:
            Affine().check(step)
        except ValueError as error:
            raise DocumentError(f"node {step.id!r} (affine): {error}") from error
        return self._table(table.op, table.inputs[0], *through(table, Affine().row(step)), step.id)

    def _table(
        self, op: str, x: str, values: Table, unknown: float | None, missing: float | None, label: str | None
    ) -> str:
        params = {"values": [list(pair) for pair in values], "unknown": unknown, "missing": missing}
        result = Range.of([*(number for _, number in values), unknown, missing])
        return self.node(op, [x], params, label=label or named(x, "code"), range_=result)

    def _any_number(self) -> str:
        for item in self._inputs.values():
            x = item.name if item.kind != "category" else self.lookup(item.name, [], 0.0, 0.0)
            return self.impute(x, 0.0)
        raise DocumentError("a model without inputs; allowed: at least one feature.")


def _without_tiny_leaves(tree: Mapping[str, Any]) -> Mapping[str, Any]:
    """The tree, leaves under 1e-100 in size as 0: their sum, divided, could round to zero."""
    if all(not value or not math.isfinite(value) or abs(value) >= TINY for value in tree["value"]):
        return tree
    return {**tree, "value": [value if abs(value) >= TINY else 0.0 for value in tree["value"]]}
