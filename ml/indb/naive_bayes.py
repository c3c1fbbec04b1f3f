"""Naive Bayes from cofactors by class: Gaussian numbers, categories by their shares, and multinomial counts.

Belongs here: the fits and their documents. Does not belong here: discriminants, which know how columns move
together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ml.document import Builder, Document, Head
from ml.indb.class_moments import Classes, checked, class_moments
from ml.indb.cofactors import Cofactors, summed
from ml.indb.design import design_of, refuse_constant, refuse_missing, terms_of
from ml.indb.discriminants import ABOVE_ZERO
from ml.indb.errors import InDatabaseError
from ml.indb.linear_document import Kinds, level_column, source_of
from ml.indb.moments import moments_of_terms
from ml.indb.rational import nearest

SMOOTHING = 1e-9
"""Of the largest variance of a number, added to each: a number that is constant in a class stays finite."""


@dataclass(frozen=True)
class NaiveBayes:
    """By class (k,): log `priors`, `means` and `variances` (k, p) of the numbers, and of each category column
    the log share of each of its categories, `shares[column][text]` (k,).
    """

    classes: tuple[Any, ...]
    numbers: tuple[str, ...]
    priors: np.ndarray
    means: np.ndarray
    variances: np.ndarray
    shares: dict[str, dict[str | None, np.ndarray]]

    def document(self, kinds: Kinds, name: str) -> Document:
        """Log odds of the second of two classes, or log weights of each class. A category not met in training
        says nothing about the class.
        """
        builder = Builder(name)
        weights = [self._weight(builder, kinds, place) for place in range(len(self.classes))]
        return _closed(builder, weights, self.classes, [*self.numbers, *self.shares], "NaiveBayes")

    def _weight(self, builder: Builder, kinds: Kinds, place: int) -> str:
        start, parts = float(self.priors[place]), []
        if self.numbers:
            columns = [builder.input(name, kinds[name]) for name in self.numbers]
            variance = self.variances[place]
            start = start - 0.5 * float(np.log(2.0 * np.pi * variance).sum())
            halves = (0.5 / variance).tolist()
            parts.append(builder.gaussian(columns, start, self.means[place].tolist(), halves, f"log_{place}"))
            start = 0.0
        for column, known in self.shares.items():
            of_class = {text: float(shares[place]) for text, shares in known.items()}
            parts.append(level_column(builder, column, of_class, kinds[column]))
        return builder.weighted(parts, [1.0] * len(parts), start, label=f"weight_{place}")


@dataclass(frozen=True)
class Multinomial:
    """By class: log `priors` (k,) and the log share of each count, `weights` (k, p)."""

    classes: tuple[Any, ...]
    counts: tuple[str, ...]
    priors: np.ndarray
    weights: np.ndarray

    def document(self, kinds: Kinds, name: str) -> Document:
        """Log odds of the second of two classes, or log weights of each class."""
        builder = Builder(name)
        columns = [builder.input(column, kinds[column]) for column in self.counts]
        weights = [
            builder.weighted(columns, row.tolist(), float(prior), label=f"weight_{place}")
            for place, (row, prior) in enumerate(zip(self.weights, self.priors, strict=True))
        ]
        return _closed(builder, weights, self.classes, self.counts, "Multinomial")


def naive_bayes(
    classes: Classes,
    numbers: Sequence[str] = (),
    categories: Sequence[str] = (),
    *,
    smoothing: float = SMOOTHING,
    add: float = 1.0,
) -> NaiveBayes:
    """Fit on cofactors by class; `add` rows are imagined for each category in each class (Laplace).

    Raises:
        InDatabaseError: one class, no feature, a smoothing that is not above 0, or a column that is constant
            or, being a number, missing in some rows.
    """
    given = checked(classes)
    if not numbers and not categories:
        raise InDatabaseError("naive Bayes without features; allowed: at least one number or category.")
    if not (smoothing > 0.0 and add > 0.0):
        raise InDatabaseError(f"smoothing {smoothing!r}, add {add!r}; allowed: both above 0.")
    whole = summed(given.values())
    _refuse_columns(whole, numbers, categories)
    rows = np.array([part.rows for part in given.values()])
    means = variances = np.empty((len(given), 0))
    if numbers:
        moments = class_moments(given, numbers)
        means = moments.means
        variances = np.array([np.diag(part) for part in moments.scatter]) / rows[:, None]
        largest = float(np.diag(moments_of_terms(whole, moments.terms)).max())
        variances = variances + smoothing * largest
    shares = {column: _shares(given, column, rows, add) for column in categories}
    return NaiveBayes(tuple(given), tuple(numbers), np.log(rows / rows.sum()), means, variances, shares)


def multinomial(classes: Classes, counts: Sequence[str], *, add: float = 1.0) -> Multinomial:
    """Fit on the sums of counts by class; `add` to each sum (Laplace).

    Raises:
        InDatabaseError: one class, no count, an `add` that is not above 0, or a column that adds up below 0
            or is missing in some rows.
    """
    given = checked(classes)
    refuse_missing(summed(given.values()), counts, "column")
    if not counts or not add > 0.0:
        raise InDatabaseError(f"counts {list(counts)}, add {add!r}; allowed: at least one, and above 0.")
    sums = np.array([[nearest(part.total(column)) for column in counts] for part in given.values()])
    if not np.all(np.isfinite(sums.sum(axis=1))):
        column = counts[int(np.argmax(np.abs(sums).max(axis=0)))]
        raise InDatabaseError(
            f"column {column!r}: the counts of a class add up beyond the largest double, 1.8e308. Divide "
            "them by a power of ten in the relation."
        )
    for place, column in enumerate(counts):
        if sums[:, place].min() < 0.0:
            raise InDatabaseError(f"column {column!r} adds up below 0 in a class; allowed: counts.")
    sums = sums + add
    rows = np.array([part.rows for part in given.values()])
    weights = np.log(sums) - np.log(sums.sum(axis=1, keepdims=True))
    return Multinomial(tuple(given), tuple(counts), np.log(rows / rows.sum()), weights)


def _refuse_columns(whole: Cofactors, numbers: Sequence[str], categories: Sequence[str]) -> None:
    refuse_missing(whole, numbers, "column")
    terms, _ = terms_of(whole, [*numbers, *categories], every_level=True)
    refuse_constant(design_of(whole, terms, None))


def _shares(given: Classes, column: str, rows: np.ndarray, add: float) -> dict[str | None, np.ndarray]:
    texts = summed(given.values()).texts(column)
    found = {}
    for text in texts:
        counts = [_rows(part, column, text) for part in given.values()]
        found[text] = np.log(np.array(counts) + add) - np.log(rows + add * len(texts))
    return found


def _rows(part: Any, column: str, text: str | None) -> int:
    key = (part.categories.index(column), text)
    return part.levels[key][0] if key in part.levels else 0


def _closed(
    builder: Builder, weights: list[str], classes: tuple[Any, ...], order: Sequence[str], estimator: str
) -> Document:
    if len(classes) > 2:
        return builder.document(weights, Head("softmax", classes), source_of(estimator), order)
    margin = builder.weighted(weights[::-1], [1.0, -1.0], 0.0, label="margin")
    return builder.document([margin], Head("sigmoid", classes, ABOVE_ZERO), source_of(estimator), order)
