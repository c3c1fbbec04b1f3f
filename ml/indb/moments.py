"""Means and centred products as doubles, each the nearest to its exact value.

Centring is where float sums lose most digits; here it is done on whole numbers, and what remains is rounded
once. Belongs here: the step from exact to float64. Does not belong here: fits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ml.indb.cofactors import Cofactors
from ml.indb.design import Design, Term, design_of
from ml.indb.rational import nearest, quotient


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
    scales, square = design.scales, design.rows**2
    whole = _divided(design.centred(), [[square * a * b for b in scales] for a in scales])
    means = [nearest(design.mean(place)) for place in range(len(scales))]
    return Moments(
        design.rows, np.array(means[:-1]), means[-1], whole[:-1, :-1], whole[:-1, -1], float(whole[-1, -1])
    )


def moments_of_terms(cofactors: Cofactors, terms: Sequence[Term]) -> np.ndarray:
    """Mean products of distances from the means (p, p) of columns without a target."""
    design = design_of(cofactors, terms, None)
    scales, square = design.scales, design.rows**2
    return _divided(design.centred(), [[square * a * b for b in scales] for a in scales])


def mean_products_about(design: Design, center: Design) -> np.ndarray:
    """Mean products of the rows of `design` about the means of `center`, the target last: (p + 1, p + 1)."""
    n, rows, scales = center.rows, design.rows, design.scales
    # Both designs may count in different steps: means are taken in the steps of `design`.
    sums = [value * fine for value, fine in zip(center.sums, scales, strict=True)]
    by = center.scales
    products, bottoms = [], []
    for i, row in enumerate(design.products):
        a, b = by[i] * n, [step * n for step in by]
        products.append(
            [
                value * a * b[j]
                - sums[i] * b[j] * design.sums[j]
                - sums[j] * a * design.sums[i]
                + rows * sums[i] * sums[j]
                for j, value in enumerate(row)
            ]
        )
        bottoms.append([rows * a * b[j] * scales[i] * scales[j] for j in range(len(row))])
    return _divided(products, bottoms)


def _divided(tops: list[list[int]], bottoms: list[list[int]]) -> np.ndarray:
    """Whole numbers divided: Python rounds such a quotient to the nearest double."""
    return np.array(
        [
            [quotient(a, b) for a, b in zip(one, two, strict=True)]
            for one, two in zip(tops, bottoms, strict=True)
        ]
    )
