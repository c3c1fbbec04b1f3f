"""The coefficients of a generalised linear model: how those of the table's columns become those of the rows'.

The fit runs on z = (x - centre) · 2^-shift - mean, with z of the centre where x is missing. A model's own
coefficients are per unit of x, with 0 where x is missing, as in documents. Both are one model, and one linear
map takes coefficients and their covariance from the first to the second.

Belongs here: terms, their places, the map. Does not belong here: fits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ml.indb.design import Term
from ml.indb.errors import InDatabaseError
from ml.indb.glm_profile import Profile
from ml.indb.glm_rows import GlmRows
from ml.indb.glm_table import GlmTable
from ml.indb.rational import nearest

MOST_COEFFICIENTS = 2_000


@dataclass(frozen=True)
class GlmTerms:
    """`terms` in the order of features; coefficient 0 is the intercept, the term at place t has t + 1.

    `axes`: by axis of the table its coefficient; `levels`: by category column of the table, by place - 1 the
    coefficient of the category, None for a reference. `references` by category column.
    """

    terms: tuple[Term, ...]
    references: dict[str, str | None]
    axes: tuple[int, ...]
    levels: tuple[tuple[int | None, ...], ...]

    @property
    def count(self) -> int:
        """Coefficients of one linear predictor."""
        return len(self.terms) + 1

    @property
    def names(self) -> list[str]:
        return ["intercept", *(term.name for term in self.terms)]


def glm_terms(rows: GlmRows, found: Profile, table: GlmTable, margins: int, every_level: bool) -> GlmTerms:
    """The terms; `every_level` leaves no category out, for fits with a penalty.

    Raises:
        InDatabaseError: too many coefficients.
    """
    references = {name: found.reference(name) for name in table.levels if not every_level}
    terms: list[Term] = []
    for name in rows.features:
        if name in table.levels:
            texts = [t for t in table.levels[name] if every_level or t != references[name]]
            terms += [Term("level", name, text) for text in texts]
        else:
            terms += [Term(axis.kind, name) for axis in table.axes if axis.column == name]
    count = (len(terms) + 1) * margins
    if count > MOST_COEFFICIENTS:
        sizes = {name: len(texts) for name, texts in table.levels.items()}
        raise InDatabaseError(
            f"the model has {count} coefficients, with categories {sizes}; allowed: {MOST_COEFFICIENTS}. "
            "Group rare values in the relation, or export the rows."
        )
    places = {term: at + 1 for at, term in enumerate(terms)}
    return GlmTerms(
        tuple(terms), references,
        tuple(places[Term(axis.kind, axis.column)] for axis in table.axes),
        tuple(
            tuple(places.get(Term("level", name, text)) for text in texts)
            for name, texts in table.levels.items()
        ),
    )  # fmt: skip


def raw_map(terms: GlmTerms, table: GlmTable) -> np.ndarray:
    """A (P, P): coefficients per unit of the rows' columns are A · those of the table's."""
    made = np.eye(terms.count)
    indicators = {
        axis.column: at for at, axis in zip(terms.axes, table.axes, strict=True) if axis.kind == "missing"
    }
    for at, axis in zip(terms.axes, table.axes, strict=True):
        scale = math.ldexp(1.0, -axis.shift)
        made[at, at] = scale
        made[0, at] = -nearest(Fraction(axis.centre) * Fraction(scale) + Fraction(axis.mean))
        if axis.kind == "number" and axis.column in indicators:
            made[indicators[axis.column], at] = axis.centre * scale
    return made


def raw_coefficients(matrix: np.ndarray, values: np.ndarray) -> np.ndarray:
    """matrix · values, each sum rounded once."""
    exact = [Fraction(value) for value in values.tolist()]
    return np.array([
        nearest(sum((Fraction(a) * v for a, v in zip(row, exact, strict=True) if a), start=Fraction(0)))
        for row in matrix.tolist()
    ])  # fmt: skip
