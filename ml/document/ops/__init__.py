"""The operations of a model document, each in the three forms that must agree bit by bit.

An operation is an object with `name`, `takes` ("number" or "category": the kind of its operands; its result
is always a number) and

- `check(node)`: raise for constants it does not understand;
- `batch(node, columns)`: NumPy columns of float64 (NaN is missing; a category is a `Categories`) to one;
- `row(node)`: a function from the operands of one row (floats, NaN is missing; a category is text or None) to
  a float;
- `sql(node, operands, dialect)`: an expression over operands given as SQL.

The forms use only IEEE additions, multiplications, divisions and comparisons in one stated order, and libm's
exp, log and tanh. Belongs here: the explicit registry. Does not belong: which operations a model needs
(`ml.document.importers`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ml.document.ops import activation, arithmetic, category, interpolate, linear, missing, trees

OPS: Mapping[str, Any] = {
    operation.name: operation
    for module in (arithmetic, missing, category, linear, trees, interpolate, activation)
    for operation in module.OPERATIONS
}
