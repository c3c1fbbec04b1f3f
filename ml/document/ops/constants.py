"""Reading the constants of a node: present, of the right type, finite, in range.

Belongs here: the checks that several operations share. Does not belong here: what a constant means.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

LIMIT = 1e100
"""What enters arithmetic lies within ± this; products of two such numbers stay far inside a double."""

TINY = 1e-100
"""Below this a factor counts as zero where a product could otherwise underflow."""


def finite(value: Any, what: str) -> float:
    """A finite float."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError(f"{what} is {value!r}; allowed: a finite number")
    return float(value)


def factor(value: Any, what: str) -> float:
    """A finite float that is 0 or within [1e-100, 1e100] in size."""
    number = finite(value, what)
    if number and not TINY <= abs(number) <= LIMIT:
        raise ValueError(f"{what} is {value!r}; allowed: 0, or a size between {TINY:g} and {LIMIT:g}")
    return number


def several(values: Any, what: str, count: int | None = None, read: Any = finite) -> list[float]:
    """A list of numbers, of `count` where given."""
    if not isinstance(values, Sequence) or isinstance(values, str):
        raise ValueError(f"{what} is {type(values).__name__}; allowed: a list of numbers")
    if count is not None and len(values) != count:
        raise ValueError(f"{what} has {len(values)} numbers; allowed: {count}")
    return [read(value, f"{what}[{index}]") for index, value in enumerate(values)]


def arity(node: Any, least: int, most: int | None = None) -> None:
    """The number of operands."""
    most = least if most is None else most
    if not least <= len(node.inputs) <= most:
        raise ValueError(f"{len(node.inputs)} operands; allowed: {least} to {most}")


def only(node: Any, *allowed: str) -> None:
    """No constant beyond those named."""
    unknown = sorted(set(node.params) - set(allowed))
    if unknown:
        raise ValueError(f"unknown constants {unknown}; allowed: {', '.join(allowed) or 'none'}")
