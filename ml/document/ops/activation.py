"""Functions of one column that need libm: sigmoid, exp, tanh; and the rectifier.

They use the platform's exp and tanh, the same that Postgres calls; on another platform the last bits may
differ, which is why the margin before them is the bit contract. Arguments are clamped to ±700, where exp
neither overflows nor underflows.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ml.document.ops.constants import arity, only

if TYPE_CHECKING:
    from warehouse.client.dialect import Dialect

CLAMP = 700.0


def clamped(x: float) -> float:
    return CLAMP if x > CLAMP else -CLAMP if x < -CLAMP else x


def sigmoid(x: float) -> float:
    """1 / (1 + exp(-x)) with x within ±700; NaN stays NaN."""
    return 1.0 / (1.0 + math.exp(-clamped(x)))


def exponential(x: float) -> float:
    """exp(x) with x within ±700; NaN stays NaN."""
    return math.exp(clamped(x))


def hyperbolic_tangent(x: float) -> float:
    return math.tanh(x)


def each(function: Callable[[float], float], column: np.ndarray) -> np.ndarray:
    """`function` of every value by libm: NumPy's vector code may round otherwise."""
    return np.array([function(x) for x in column.tolist()], dtype=np.float64)


def clamp_sql(x: str, dialect: Dialect) -> str:
    low, high = dialect.number(-CLAMP), dialect.number(CLAMP)
    return f"least(greatest({x}, {low}), {high})"


def sigmoid_sql(x: str, dialect: Dialect) -> str:
    one = dialect.number(1.0)
    return f"case when {x} is not null then {one} / ({one} + exp(-{clamp_sql(x, dialect)})) end"


def exponential_sql(x: str, dialect: Dialect) -> str:
    return f"case when {x} is not null then exp({clamp_sql(x, dialect)}) end"


class _OfLibm:
    """An operation that is one function of one column."""

    takes = "number"

    def __init__(self, name: str, function: Callable[[float], float], sql: Callable[[str, Any], str]) -> None:
        self.name, self._function, self._sql = name, function, sql

    def check(self, node: Any) -> None:
        arity(node, 1)
        only(node)

    def batch(self, node: Any, columns: list[np.ndarray]) -> np.ndarray:
        return each(self._function, columns[0])

    def row(self, node: Any) -> Callable[..., float]:
        return self._function

    def sql(self, node: Any, operands: list[str], dialect: Dialect) -> str:
        return self._sql(operands[0], dialect)


class Rectify:
    """x where it is above 0, else 0; missing stays missing."""

    name, takes = "rectify", "number"

    def check(self, node: Any) -> None:
        arity(node, 1)
        only(node)

    def batch(self, node: Any, columns: list[np.ndarray]) -> np.ndarray:
        return np.where(columns[0] <= 0.0, 0.0, columns[0])

    def row(self, node: Any) -> Callable[..., float]:
        return lambda x: 0.0 if x <= 0.0 else x

    def sql(self, node: Any, operands: list[str], dialect: Dialect) -> str:
        zero = dialect.number(0.0)
        return f"case when {operands[0]} <= {zero} then {zero} else {operands[0]} end"


OPERATIONS = (
    _OfLibm("sigmoid", sigmoid, sigmoid_sql),
    _OfLibm("exp", exponential, exponential_sql),
    _OfLibm("tanh", hyperbolic_tangent, lambda x, dialect: f"tanh({x})"),
    Rectify(),
)
