"""Arithmetic on one or two columns: bound, affine, clip, log, product, square, truncate.

Belongs here: what scaling, clipping, logarithms and interactions come to. Every operation but `bound`, `clip`
and `truncate` wants operands that were bounded; the builder sees to it (`ml.document.build`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ml.document.ops.constants import LIMIT, TINY, arity, factor, finite, only

if TYPE_CHECKING:
    from warehouse.client.dialect import Dialect

AFFINE = ("subtract", "divide", "multiply", "add")


class Bound:
    """x within ±1e100; with `flush`, sizes under 1e-100 become 0, and a zero keeps its sign. Missing stays
    missing.

    Arithmetic on what came through cannot overflow, and with `flush` cannot underflow, both of which Postgres
    answers with an error.
    """

    name, takes = "bound", "number"

    def check(self, node: Any) -> None:
        arity(node, 1)
        only(node, "flush")
        if not isinstance(node.params.get("flush", False), bool):
            raise ValueError(f"flush is {node.params['flush']!r}; allowed: true, false")

    def batch(self, node: Any, columns: list[np.ndarray]) -> np.ndarray:
        bounded = np.minimum(np.maximum(columns[0], -LIMIT), LIMIT)
        if node.params.get("flush"):
            tiny = (np.abs(bounded) < TINY) & (bounded != 0.0)
            bounded = np.where(tiny, 0.0, bounded)
        return bounded

    def row(self, node: Any) -> Callable[..., float]:
        flush = bool(node.params.get("flush"))

        def bounded(x: float) -> float:
            if -LIMIT <= x <= LIMIT:
                return 0.0 if flush and x and -TINY < x < TINY else x
            return x if x != x else math.copysign(LIMIT, x)

        return bounded

    def sql(self, node: Any, operands: list[str], dialect: Dialect) -> str:
        x, high, low = operands[0], dialect.number(LIMIT), dialect.number(-LIMIT)
        zero, tiny = dialect.number(0.0), ""
        if node.params.get("flush"):
            tiny = f" when abs({x}) < {dialect.number(TINY)} and {x} <> {zero} then {zero}"
        return f"case when {x} > {high} then {high} when {x} < {low} then {low}{tiny} else {x} end"

    def is_plain(self, node: Any, x: str, dialect: Dialect) -> str | None:
        """An SQL condition under which a flushed x is x itself, beside the bounds."""
        if not node.params.get("flush"):
            return None
        return f"(abs({x}) >= {dialect.number(TINY)} or {x} = {dialect.number(0.0)} or {x} is null)"


class Affine:
    """((x - subtract) / divide) * multiply + add, each step only where its constant is given."""

    name, takes = "affine", "number"

    def check(self, node: Any) -> None:
        arity(node, 1)
        only(node, *AFFINE)
        for key in AFFINE:
            value = factor(node.params.get(key, 1.0), key)
            if key == "divide" and not value:
                raise ValueError("divide is 0; allowed: any other number")

    def batch(self, node: Any, columns: list[np.ndarray]) -> np.ndarray:
        x, params = columns[0], node.params
        if "subtract" in params:
            x = x - params["subtract"]
        if "divide" in params:
            x = x / params["divide"]
        if "multiply" in params:
            x = x * params["multiply"]
        return x + params["add"] if "add" in params else x

    def row(self, node: Any) -> Callable[..., float]:
        subtract, divide, multiply, add = (node.params.get(key) for key in AFFINE)

        def affine(x: float) -> float:
            if subtract is not None:
                x = x - subtract
            if divide is not None:
                x = x / divide
            if multiply is not None:
                x = x * multiply
            return x if add is None else x + add

        return affine

    def sql(self, node: Any, operands: list[str], dialect: Dialect) -> str:
        expression = operands[0]
        for key, sign in zip(AFFINE, "-/*+", strict=True):
            if key in node.params:
                expression = f"({expression} {sign} {dialect.number(node.params[key])})"
        return expression


class Clip:
    """x within [low, high]; a side that is not given is open. Missing stays missing."""

    name, takes = "clip", "number"

    def check(self, node: Any) -> None:
        arity(node, 1)
        only(node, "low", "high")
        low, high = (finite(node.params.get(key, 0.0), key) for key in ("low", "high"))
        if {"low", "high"} <= set(node.params) and low > high:
            raise ValueError(f"low {low!r} is above high {high!r}; allowed: low up to high")

    def batch(self, node: Any, columns: list[np.ndarray]) -> np.ndarray:
        x = columns[0]
        if "low" in node.params:
            x = np.where(x < node.params["low"], node.params["low"], x)
        return np.where(x > node.params["high"], node.params["high"], x) if "high" in node.params else x

    def row(self, node: Any) -> Callable[..., float]:
        low, high = node.params.get("low", -math.inf), node.params.get("high", math.inf)
        return lambda x: low if x < low else high if x > high else x

    def sql(self, node: Any, operands: list[str], dialect: Dialect) -> str:
        x, branches = operands[0], ""
        for key, sign in (("low", "<"), ("high", ">")):
            if key in node.params:
                bound = dialect.number(node.params[key])
                branches += f" when {x} {sign} {bound} then {bound}"
        return f"case{branches} else {x} end" if branches else x


class Log:
    """ln(x + add), natural; missing where x + add is not above 0."""

    name, takes = "log", "number"

    def check(self, node: Any) -> None:
        arity(node, 1)
        only(node, "add")
        factor(node.params.get("add", 0.0), "add")

    def batch(self, node: Any, columns: list[np.ndarray]) -> np.ndarray:
        # math.log a value, not np.log: NumPy's vector code may round otherwise than libm.
        one = self.row(node)
        return np.array([one(x) for x in columns[0].tolist()], dtype=np.float64)

    def row(self, node: Any) -> Callable[..., float]:
        add = node.params.get("add", 0.0)

        def log(x: float) -> float:
            x = x + add
            return math.log(x) if x > 0.0 else math.nan

        return log

    def sql(self, node: Any, operands: list[str], dialect: Dialect) -> str:
        x = f"({operands[0]} + {dialect.number(node.params.get('add', 0.0))})"
        return f"case when {x} > {dialect.number(0.0)} then ln({x}) end"


class Product:
    """The product of its operands, from the left."""

    name, takes = "product", "number"

    def check(self, node: Any) -> None:
        arity(node, 2, 2)
        only(node)

    def batch(self, node: Any, columns: list[np.ndarray]) -> np.ndarray:
        return columns[0] * columns[1]

    def row(self, node: Any) -> Callable[..., float]:
        return lambda x, y: x * y

    def sql(self, node: Any, operands: list[str], dialect: Dialect) -> str:
        return f"({operands[0]} * {operands[1]})"


class Truncate:
    """x without its fraction, towards zero: how LightGBM reads a category from a number."""

    name, takes = "truncate", "number"

    def check(self, node: Any) -> None:
        arity(node, 1)
        only(node)

    def batch(self, node: Any, columns: list[np.ndarray]) -> np.ndarray:
        return np.trunc(columns[0])

    def row(self, node: Any) -> Callable[..., float]:
        return lambda x: math.copysign(float(math.trunc(x)), x) if math.isfinite(x) else x

    def sql(self, node: Any, operands: list[str], dialect: Dialect) -> str:
        return f"trunc({operands[0]})"


OPERATIONS = (Bound(), Affine(), Clip(), Log(), Product(), Truncate())
