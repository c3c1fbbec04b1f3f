"""Missing numbers: fill them, mark them, or make them of zeros.

Belongs here: imputation. Does not belong here: missing categories (`category`), missing branches (`trees`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ml.document.ops.constants import arity, finite, only

if TYPE_CHECKING:
    from warehouse.client.dialect import Dialect

ZERO = 1.0000000180025095e-35
"""LightGBM's zero (kZeroThreshold, 1e-35 as a float32): sizes up to this are zero to it."""


class Impute:
    """x, or `value` where x is missing."""

    name, takes = "impute", "number"

    def check(self, node: Any) -> None:
        arity(node, 1)
        only(node, "value")
        finite(node.params["value"], "value")

    def batch(self, node: Any, columns: list[np.ndarray]) -> np.ndarray:
        return np.where(np.isnan(columns[0]), node.params["value"], columns[0])

    def row(self, node: Any) -> Callable[..., float]:
        value = float(node.params["value"])
        return lambda x: value if x != x else x

    def sql(self, node: Any, operands: list[str], dialect: Dialect) -> str:
        return f"coalesce({operands[0]}, {dialect.number(node.params['value'])})"


class IsMissing:
    """1 where x is missing, else 0."""

    name, takes = "is_missing", "number"

    def check(self, node: Any) -> None:
        arity(node, 1)
        only(node)

    def batch(self, node: Any, columns: list[np.ndarray]) -> np.ndarray:
        return np.isnan(columns[0]).astype(np.float64)

    def row(self, node: Any) -> Callable[..., float]:
        return lambda x: 1.0 if x != x else 0.0

    def sql(self, node: Any, operands: list[str], dialect: Dialect) -> str:
        return f"case when {operands[0]} is null then {dialect.number(1.0)} else {dialect.number(0.0)} end"


class ZeroIsMissing:
    """Missing where the size of x is at most LightGBM's zero, else x (its option `zero_as_missing`)."""

    name, takes = "zero_is_missing", "number"

    def check(self, node: Any) -> None:
        arity(node, 1)
        only(node)

    def batch(self, node: Any, columns: list[np.ndarray]) -> np.ndarray:
        return np.where(np.abs(columns[0]) <= ZERO, np.nan, columns[0])

    def row(self, node: Any) -> Callable[..., float]:
        return lambda x: float("nan") if -ZERO <= x <= ZERO else x

    def sql(self, node: Any, operands: list[str], dialect: Dialect) -> str:
        return f"case when abs({operands[0]}) > {dialect.number(ZERO)} then {operands[0]} end"


OPERATIONS = (Impute(), IsMissing(), ZeroIsMissing())
