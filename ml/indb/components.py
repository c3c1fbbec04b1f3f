"""Correlations and principal components from cofactors.

Belongs here: what describes the features without a target. Does not belong here: anything fitted to one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ml.document import Builder, Document, Head
from ml.indb.cofactors import Cofactors
from ml.indb.design import Term, design_of, refuse_constant, refuse_missing, terms_of
from ml.indb.errors import InDatabaseError
from ml.indb.linear_document import Kinds, columns_of, source_of
from ml.indb.moments import doubles
from ml.indb.rational import nearest, square_root


@dataclass(frozen=True)
class Components:
    """`directions` (c, p), rows of length 1, by falling `variances` (c,), which are over rows less one;
    `shares` (c,) of the whole variance. The largest weight of a direction is above 0. `means` and `scales`
    (p,): a column less its mean, over its scale, is what the directions are for.
    """

    terms: tuple[Term, ...]
    directions: np.ndarray
    variances: np.ndarray
    shares: np.ndarray
    means: np.ndarray
    scales: np.ndarray

    def document(self, kinds: Kinds, name: str) -> Document:
        """The components of a row."""
        builder = Builder(name)
        columns = [
            builder.affine(x, subtract=mean, divide=scale)
            for x, mean, scale in zip(
                columns_of(builder, self.terms, kinds), self.means.tolist(), self.scales.tolist(), strict=True
            )
        ]
        margins = [
            builder.weighted(columns, direction.tolist(), 0.0, label=f"component_{place}")
            for place, direction in enumerate(self.directions)
        ]
        order = list(dict.fromkeys(term.column for term in self.terms))
        return builder.document(margins, Head("identity"), source_of("Components"), order)


def components(
    cofactors: Cofactors, features: Iterable[str], count: int | None = None, *, standardize: bool = False
) -> Components:
    """The first `count` principal components (None: all); `standardize` gives each column a deviation of 1.

    Raises:
        InDatabaseError: a count out of range, fewer than two rows, or a constant column.
    """
    terms, references = terms_of(cofactors, features)
    count = len(terms) if count is None else count
    if not 1 <= count <= len(terms):
        raise InDatabaseError(f"number of components is {count!r}; allowed: 1 to {len(terms)}.")
    if cofactors.observations < 2:
        raise InDatabaseError(f"{cofactors.observations} row; allowed: at least two. Widen the window.")
    design = design_of(cofactors, terms, None, references)
    refuse_constant(design)
    # Over rows less one: with weights, which may be multiplied, the sum less its share of one row.
    rows = cofactors.observations
    whole = [[rows * value for value in row] for row in design.centred()]
    spread = doubles(design, whole, design.rows**2 * (rows - 1))
    deviation = np.sqrt(np.diag(spread)) if standardize else np.ones(len(terms))
    sizes, directions = np.linalg.eigh(spread / np.outer(deviation, deviation))
    sizes, directions = np.maximum(sizes[::-1], 0.0), directions.T[::-1]
    largest = directions[np.arange(len(terms)), np.abs(directions).argmax(axis=1)]
    directions = directions * np.sign(largest)[:, None]
    means = np.array([nearest(design.mean(place)) for place in range(len(terms))])
    return Components(
        terms, directions[:count], sizes[:count], (sizes / sizes.sum())[:count], means, deviation
    )


def correlations(cofactors: Cofactors, columns: Sequence[str]) -> np.ndarray:
    """Pearson's correlations (p, p) of numbers, right to the last bit or the one before.

    Raises:
        InDatabaseError: a column that is constant, missing in some rows, or was not measured.
    """
    terms = tuple(Term("number", column) for column in columns)
    refuse_missing(cofactors, columns, "column")
    design = design_of(cofactors, terms, None)
    refuse_constant(design)
    centred = design.centred()
    found = np.eye(len(terms))
    for i in range(len(terms)):
        for j in range(i):
            square = Fraction(centred[i][j] ** 2, centred[i][i] * centred[j][j])
            found[i, j] = found[j, i] = math.copysign(square_root(square), 1 if centred[i][j] > 0 else -1)
    return found
