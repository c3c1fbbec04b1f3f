"""Means and centred products as doubles, each the nearest to its exact value.

Centring is where float sums lose most digits; here it is done on whole numbers, and what remains is rounded
once. Belongs here: the step from exact to float64. Does not belong here: fits.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ml.indb.cofactors import Cofactors
from ml.indb.design import Design, Term, design_of
from ml.indb.errors import InDatabaseError
from ml.indb.rational import nearest

SMALLEST = 2.2250738585072014e-308
"""Doubles below this have fewer digits."""

LEAST_SHARE = 1e-12
"""Of the variance of a combination of columns: at this, coefficients keep about four digits."""


@dataclass(frozen=True)
class Moments:
    """Of `rows` rows: `means` (p,) and `target_mean`, and the mean products of distances from them: `cross`
    (p, p), `with_target` (p,), `target_square`.
    """

    rows: int
    means: np.ndarray
    target_mean: float
    cross: np.ndarray
    with_target: np.ndarray
    target_square: float


def moments_of(design: Design) -> Moments:
    """The moments of a design about its own means."""
    whole = doubles(design, design.centred(), design.rows**2)
    means = [nearest(design.mean(place)) for place in range(len(design.scales))]
    return Moments(
        design.rows, np.array(means[:-1]), means[-1], whole[:-1, :-1], whole[:-1, -1], float(whole[-1, -1])
    )


def moments_of_terms(cofactors: Cofactors, terms: Sequence[Term]) -> np.ndarray:
    """Mean products of distances from the means (p, p) of columns without a target."""
    design = design_of(cofactors, terms, None)
    return doubles(design, design.centred(), design.rows**2)


def doubles(design: Design, whole: Sequence[Sequence[int]], bottom: int) -> np.ndarray:
    """A symmetric matrix of the design's columns, sums of products in steps, divided by `bottom` and turned
    into their own units: each the double nearest to its exact value.

    Raises:
        InDatabaseError: a column whose products are beyond doubles, or whose squares below them.
    """
    scales, count = design.scales, len(design.scales)
    found = np.empty((count, count))
    for i, row in enumerate(whole):
        for j in range(i, count):
            try:  # Python rounds a quotient of whole numbers to the nearest double
                found[i, j] = found[j, i] = row[j] / (bottom * scales[i] * scales[j])
            except OverflowError:
                raise InDatabaseError(_beyond(design, i, j)) from None
        if row[i] and found[i, i] < SMALLEST:
            raise InDatabaseError(
                f"column {design.names[i]!r} varies too little for doubles: its variance is below "
                f"{SMALLEST!r}. Multiply it by a power of ten in the relation."
            )
    return found


def mean_products_about(design: Design, center: Design) -> np.ndarray:
    """Mean products of the rows of `design` about the means of `center`, the target last: (p + 1, p + 1)."""
    n, rows, scales = center.rows, design.rows, design.scales
    # Both designs may count in different steps: means are taken in the steps of `design`.
    sums = [value * fine for value, fine in zip(center.sums, scales, strict=True)]
    by = center.scales
    count = len(scales)
    found = np.empty((count, count))
    b = [step * n for step in by]
    for i, row in enumerate(design.products):
        for j in range(i, count):
            top = (
                row[j] * b[i] * b[j]
                - sums[i] * b[j] * design.sums[j]
                - sums[j] * b[i] * design.sums[i]
                + rows * sums[i] * sums[j]
            )
            try:
                found[i, j] = found[j, i] = top / (rows * b[i] * b[j] * scales[i] * scales[j])
            except OverflowError:
                raise InDatabaseError(_beyond(design, i, j)) from None
    return found


def refuse_beyond(names: Sequence[str], values: Sequence[Fraction]) -> None:
    """
    Raises:
        InDatabaseError: a coefficient that no double comes near.
    """
    for name, value in zip(names, values, strict=True):
        if value and not SMALLEST <= abs(nearest(value)) < math.inf:
            raise InDatabaseError(
                f"the coefficient of {name!r} is {'above' if abs(value) > 1 else 'below'} what doubles hold "
                f"({SMALLEST!r} to 1.8e308 in size). Multiply or divide the column by a power of ten in the "
                "relation."
            )


def refuse_near_dependent(design: Design, moments: Moments, square: float, standardize: bool) -> None:
    """
    Raises:
        InDatabaseError: with the smallest penalty's share `square`, columns are still so near to following
            from one another that float64 would lose most digits of their coefficients.
    """
    size = np.diag(moments.cross)
    penalty = square * (size if standardize else np.ones(len(size)))
    scale = np.sqrt(size + penalty)
    sizes, directions = np.linalg.eigh((moments.cross + np.diag(penalty)) / np.outer(scale, scale))
    if sizes[0] < LEAST_SHARE:
        weights = np.abs(directions[:, 0])
        names = [design.names[at] for at in np.argsort(-weights) if weights[at] > 0.1 * weights.max()]
        listed = ", ".join(map(repr, names[:4])) + (", …" if len(names) > 4 else "")
        raise InDatabaseError(
            f"columns {listed} nearly follow from one another (a combination of them keeps {sizes[0]:.1e} of "
            f"their variance; allowed: at least {LEAST_SHARE:g}, penalty included). Leave one out, or use "
            "larger penalties with a ratio below 1."
        )


def _beyond(design: Design, first: int, second: int) -> str:
    largest = max((first, second), key=lambda at: Fraction(design.products[at][at], design.scales[at] ** 2))
    return (
        f"column {design.names[largest]!r}: a mean of its products is beyond the largest double, 1.8e308. "
        "Divide it by a power of ten in the relation."
    )
