"""What sizes a column can have: the static analysis that says where a number must be bounded first.

Belongs here: sizes through an operation. Does not belong here: nodes (`ml.document.build`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ml.document.ops.constants import LIMIT, TINY
from ml.document.schema import DocumentError

SMALLEST = 5e-324
SAFE_LARGE, SAFE_SMALL = 1e300, 1e-300
"""Between these a size is far enough from overflow and from rounding to zero."""


@dataclass(frozen=True)
class Range:
    """The sizes a column can have: at most `large`; if not zero, at least `small`."""

    large: float = math.inf
    small: float = SMALLEST

    @classmethod
    def of(cls, values: Sequence[float | None]) -> Range:
        """The range of a column that holds nothing but these."""
        sizes = [abs(float(value)) for value in values if value is not None]
        return cls(max(sizes, default=0.0), min((size for size in sizes if size), default=1.0))

    def with_(self, other: Range) -> Range:
        """The range of a column that holds numbers of either."""
        return Range(max(self.large, other.large), min(self.small, other.small))


def weight_of(value: float) -> float:
    """A weight as it enters a sum: one under 1e-100 counts as 0.

    Raises:
        DocumentError: not finite, or above 1e100.
    """
    value = float(value)
    if not math.isfinite(value) or abs(value) > LIMIT:
        raise DocumentError(f"a weight is {value!r}; allowed: at most {LIMIT:g} in size. Scale the features.")
    return value if abs(value) >= TINY else 0.0


def affine_range(known: Range, params: Mapping[str, float]) -> tuple[Range, float]:
    """The range behind an `affine`, and the smallest size above zero that any of its steps can give."""
    large, small, least = known.large, known.small, math.inf
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
        least = min(least, small)
    return Range(large, small), least


def shift_of(smallest: float, weights: Sequence[float], spare: int = 0) -> int:
    """The power of two that keeps every product of a weighted sum from rounding to zero; 0 where none can.
    With 54 to `spare` no product is rounded more than a normal double is, however small the operand.
    """
    if smallest > SAFE_SMALL:
        return 0
    return max(0, spare - math.floor(math.log2(min(map(abs, weights)))))
