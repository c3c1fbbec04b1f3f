"""Sums over columns in one stated order: weighted sums, squared distances, Gaussian log likelihoods.

Belongs here: what linear models, k-means, PCA, naive Bayes and the layers of a small network come to. Does
not belong here: what the sum means (the head).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ml.document.ops.constants import TINY, arity, factor, finite, only, several
from ml.document.ops.sum_code import squares_sum, weighted_sum

if TYPE_CHECKING:
    from warehouse.client.dialect import Dialect

SMALL = 1e-200
PIECE_TERMS = 400
"""A weighted sum goes on in another SQL expression after so many terms."""


class Weighted:
    """2^shift · (start + w1·x1 + w2·x2 + …), added from the left; `unshift` takes the power of two out again.

    The sum runs over start·2^shift and the w·2^shift. That changes no bit of a normal number, and with every
    |w|·2^shift ≥ 1 a product can never round to zero, which Postgres calls an error.
    """

    name, takes = "weighted", "number"

    def check(self, node: Any) -> None:
        only(node, "start", "weights", "shift")
        several(node.params["weights"], "weights", len(node.inputs), factor)
        finite(node.params["start"], "start")
        _check_shift(node)
        if not node.inputs:
            raise ValueError("no operands; allowed: at least one")

    def _scaled(self, node: Any) -> tuple[float, list[float]]:
        scale = 2.0 ** node.params.get("shift", 0)
        return node.params["start"] * scale, [weight * scale for weight in node.params["weights"]]

    def batch(self, node: Any, columns: list[np.ndarray]) -> np.ndarray:
        start, weights = self._scaled(node)
        total = np.full(len(columns[0]), start)
        for weight, x in zip(weights, columns, strict=True):
            total = total + weight * x
        return total

    def row(self, node: Any) -> Callable[..., float]:
        return weighted_sum(*self._scaled(node))

    def sql(self, node: Any, operands: list[str], dialect: Dialect) -> str:
        return self.sql_piece(node, None, 0, len(operands), operands, dialect)

    def pieces(self, node: Any, most: int) -> list[tuple[int, int]]:
        """Runs of terms, from and up to, short enough for one SQL expression and a statement of `most`."""
        count = len(node.inputs)
        return [(first, min(first + PIECE_TERMS, count)) for first in range(0, count, PIECE_TERMS)]

    def sql_piece(
        self, node: Any, before: str | None, first: int, last: int, operands: list[str], dialect: Dialect
    ) -> str:
        """The sum so far (`before`, or the start) plus the terms from `first` up to `last`, from the left."""
        start, weights = self._scaled(node)
        terms = [
            x if weight == 1.0 else f"{dialect.number(weight)} * {x}"
            for weight, x in zip(weights[first:last], operands[first:last], strict=True)
        ]
        return "(" + "\n  + ".join([dialect.number(start) if before is None else before, *terms]) + ")"


class Unshift:
    """x / 2^shift; a size under 1e-200 counts as 0."""

    name, takes = "unshift", "number"

    def check(self, node: Any) -> None:
        arity(node, 1)
        only(node, "shift")
        _check_shift(node)

    def batch(self, node: Any, columns: list[np.ndarray]) -> np.ndarray:
        back = 2.0 ** -node.params["shift"]
        return np.where(np.abs(columns[0]) < SMALL, 0.0, columns[0] * back)

    def row(self, node: Any) -> Callable[..., float]:
        back = 2.0 ** -node.params["shift"]
        return lambda x: 0.0 if -SMALL < x < SMALL else x * back

    def sql(self, node: Any, operands: list[str], dialect: Dialect) -> str:
        x, back = operands[0], dialect.number(2.0 ** -node.params["shift"])
        small, zero = dialect.number(SMALL), dialect.number(0.0)
        return f"case when abs({x}) < {small} then {zero} else {x} * {back} end"


def _check_shift(node: Any) -> None:
    shift = node.params.get("shift", 0)
    if isinstance(shift, bool) or not isinstance(shift, int) or not 0 <= shift <= 300:
        raise ValueError(f"shift is {shift!r}; allowed: a whole number from 0 to 300")


class SquaredDistance:
    """0 + (x1 - c1)² + (x2 - c2)² + …, added from the left; each difference that is tiny counts as 0."""

    name, takes = "squared_distance", "number"

    def check(self, node: Any) -> None:
        only(node, "center")
        arity(node, 1, 1500)
        several(node.params["center"], "center", len(node.inputs), factor)

    def batch(self, node: Any, columns: list[np.ndarray]) -> np.ndarray:
        total = np.zeros(len(columns[0]))
        for center, x in zip(node.params["center"], columns, strict=True):
            difference = x - center
            total = total + np.where(np.abs(difference) < TINY, 0.0, difference * difference)
        return total

    def row(self, node: Any) -> Callable[..., float]:
        return squares_sum(0.0, node.params["center"], None, TINY)

    def sql(self, node: Any, operands: list[str], dialect: Dialect) -> str:
        zero, tiny = dialect.number(0.0), dialect.number(TINY)
        terms = [zero]
        for center, x in zip(node.params["center"], operands, strict=True):
            difference = f"({x} - {dialect.number(center)})"
            square = f"{difference} * {difference}"
            terms.append(f"case when abs({difference}) < {tiny} then {zero} else {square} end")
        return "(" + "\n  + ".join(terms) + ")"


class Gaussian:
    """start - (x1 - m1)²·h1 - (x2 - m2)²·h2 - …, subtracted from the left: a Gaussian log likelihood, with
    h = 1 / (2·variance). Tiny differences count as 0.
    """

    name, takes = "gaussian", "number"

    def check(self, node: Any) -> None:
        only(node, "start", "means", "halves")
        finite(node.params["start"], "start")
        for key in ("means", "halves"):
            several(node.params[key], key, len(node.inputs), factor)

    def batch(self, node: Any, columns: list[np.ndarray]) -> np.ndarray:
        total = np.full(len(columns[0]), float(node.params["start"]))
        for mean, half, x in zip(node.params["means"], node.params["halves"], columns, strict=True):
            difference = x - mean
            squared = np.where(np.abs(difference) < TINY, 0.0, difference * difference)
            total = total - squared * half
        return total

    def row(self, node: Any) -> Callable[..., float]:
        params = node.params
        return squares_sum(params["start"], params["means"], params["halves"], TINY)

    def sql(self, node: Any, operands: list[str], dialect: Dialect) -> str:
        zero, tiny = dialect.number(0.0), dialect.number(TINY)
        terms = [dialect.number(node.params["start"])]
        for mean, half, x in zip(node.params["means"], node.params["halves"], operands, strict=True):
            difference = f"({x} - {dialect.number(mean)})"
            squared = f"{difference} * {difference}"
            terms.append(
                f"(case when abs({difference}) < {tiny} then {zero} else {squared} end) "
                f"* {dialect.number(half)}"
            )
        return "(" + "\n  - ".join(terms) + ")"


OPERATIONS = (Weighted(), Unshift(), SquaredDistance(), Gaussian())
