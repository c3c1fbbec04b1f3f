"""Linear algebra on whole numbers: solutions and inverses as fractions.

Up to 40 columns, and always where columns may follow from others, by fraction-free Gauss-Jordan elimination
after Bareiss (1968): every division comes out even, and the answer is exact. It takes 10 ms for 20 columns,
half a second for 50, and minutes for 200; so more columns than 40 are first tried by refinement, right to 33
digits (`ml.indb.refine`).

Belongs here: arithmetic. Does not belong here: what the matrices mean.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ml.indb.errors import InDatabaseError
from ml.indb.refine import refined

SQUARE_ROOT_BITS = 160
LARGE = 40


@dataclass(frozen=True)
class Solved:
    """Of a symmetric matrix (p, p) without negative eigenvalues.

    `inverse` (p, p) and `solutions` (p, k) are whole numbers over `denominator`. `dependent`: by place of a
    column that the columns before it make up, their weights.
    """

    denominator: int
    inverse: np.ndarray
    solutions: np.ndarray
    dependent: dict[int, dict[int, Fraction]]


def solve(matrix: Sequence[Sequence[int]], right: Sequence[Sequence[int]], *, inverse: bool = True) -> Solved:
    """The solutions of `matrix` (p, p) for `right` (p, k), and with `inverse` its inverse.

    A sum of squares that is 0 once the columns before are taken out tells a dependent column, with
    certainty: nothing is rounded. Such columns are left out of the rest.
    """
    count, sides = len(matrix), len(right[0]) if right else 0
    beside = count if inverse else 0
    if count > LARGE:
        unit = [[int(i == j) for j in range(beside)] + list(right[i] if right else []) for i in range(count)]
        found = refined(matrix, unit)
        if found is not None:
            return Solved(found.denominator, found.solutions[:, :beside], found.solutions[:, beside:], {})
    work = np.zeros((count, count + beside + sides), dtype=object)
    work[:, :count] = np.array(matrix, dtype=object).reshape(count, count)
    work[:, count + beside :] = np.array(right, dtype=object).reshape(count, sides)
    for place in range(beside):
        work[place, count + place] = 1
    before, dependent = 1, {}
    for place in range(count):
        pivot = work[place, place]
        if not pivot:
            used = [at for at in range(place) if at not in dependent]
            weights = {at: Fraction(work[at, place], work[at, at]) for at in used if work[at, place]}
            dependent[place] = weights
            work[place, :] = 0
            continue
        row = work[place].copy()
        column = work[:, place].copy()
        work = (work * pivot - np.outer(column, row)) // before
        work[place] = row
        before = pivot
    return Solved(before, work[:, count : count + beside], work[:, count + beside :], dependent)


def square_root(value: Fraction) -> float:
    """The root of a fraction that is not negative, right to the last bit or the one before."""
    if value <= 0:
        return 0.0
    size = value.numerator.bit_length() - value.denominator.bit_length()
    shift = SQUARE_ROOT_BITS - size + (size & 1)
    scaled = value.numerator << shift if shift >= 0 else value.numerator >> -shift
    root = math.isqrt(scaled // value.denominator)
    half = shift // 2
    return nearest(Fraction(root, 2**half) if half >= 0 else Fraction(root * 2**-half))


def quotient(top: int, bottom: int) -> float:
    """The double nearest to top / bottom.

    Raises:
        InDatabaseError: it is beyond the largest double.
    """
    try:
        return top / bottom
    except OverflowError:
        raise InDatabaseError(
            "a mean of products is beyond the largest double, 1.8e308. Divide the column with the largest "
            "values by a power of ten in the relation."
        ) from None


def nearest(value: Fraction) -> float:
    """The double nearest to a fraction; infinite beyond the largest."""
    try:
        return value.numerator / value.denominator
    except OverflowError:
        return math.inf if value > 0 else -math.inf
