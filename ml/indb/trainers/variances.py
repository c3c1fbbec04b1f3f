"""Whether columns vary: exactly, from whole numbers.

Belongs here: that test. Does not belong here: what follows from it (`ml.indb.trainers.terms`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ml.indb.cofactors import Cofactors
from ml.indb.columns import IS_MISSING
from ml.indb.design import Term


def variances_of(part: Cofactors, terms: Sequence[Term]) -> np.ndarray:
    """(terms,): 1 where the known values of a column differ, else 0."""
    return np.array([float(_varies(part, term)) for term in terms])


def _varies(part: Cofactors, term: Term) -> bool:
    if term.kind == "level":
        place = (part.categories.index(term.column), term.level)
        return place in part.levels and 0 < part.levels[place][0] < part.rows
    place, rows = part.place(term.name), part.rows
    if term.kind == "number" and term.column + IS_MISSING in part.columns:
        # Missing values were measured as 0 or filled with one constant: only what is known counts, and
        # a fill moves sum and square alike.
        at = part.place(term.column + IS_MISSING)
        missing, shared = part.sums[at], part.product_steps(at, place)
        fill = shared // missing if missing else 0
        total = part.sums[place] - missing * fill
        square = part.product_steps(place, place) - missing * fill**2
        return (rows - missing) * square != total**2
    return rows * part.product_steps(place, place) != part.sums[place] ** 2
