"""How far two columns of doubles lie apart, in units in the last place.

Belongs here: that distance. Does not belong here: which distance is allowed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Distance:
    """Of `values` pairs: how many differ in a bit, the largest distance in units in the last place, and how
    many are missing on one side only.
    """

    values: int
    differing: int
    largest: int
    missing: int


def distance(one: np.ndarray, two: np.ndarray) -> Distance:
    """Between two arrays of doubles of one shape; NaN is missing, and zeros of both signs are told apart."""
    one, two = (np.ascontiguousarray(part, dtype=np.float64).reshape(-1) for part in (one, two))
    known = ~(np.isnan(one) | np.isnan(two))
    places = [_place(part[known]) for part in (one, two)]
    apart = [abs(a - b) for a, b in zip(*places, strict=True)]
    signs = np.signbit(one[known]) != np.signbit(two[known])
    return Distance(
        len(one),
        sum(size > 0 or bool(sign) for size, sign in zip(apart, signs, strict=True)),
        max(apart, default=0),
        int((np.isnan(one) != np.isnan(two)).sum()),
    )


def _place(values: np.ndarray) -> list[int]:
    """Where each double stands among all doubles, zeros in the middle; as Python's whole numbers."""
    bits = values.view(np.int64).tolist()
    return [bit if bit >= 0 else -(bit + 2**63) for bit in bits]
