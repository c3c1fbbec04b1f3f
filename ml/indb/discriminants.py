"""Linear and quadratic discriminants from cofactors by class.

Classes are Gaussian with their own means; linear: one spread for all; quadratic: each its own.
Spreads are those of maximum likelihood, over the number of rows, as scikit-learn's since 1.9; priors are
shares of rows. See Hastie, Tibshirani, Friedman, chapter 4.3.

Belongs here: fits and their documents. Does not belong here: the moments (`ml.indb.class_moments`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ml.document import Builder, Document, Head
from ml.indb.class_moments import (
    Classes,
    ClassMoments,
    class_moments,
    refuse_dependent_class,
    refuse_within,
)
from ml.indb.design import Term
from ml.indb.errors import InDatabaseError
from ml.indb.linear_document import Kinds, columns_of, linear_margin, source_of

ABOVE_ZERO = 5e-324
"""The smallest margin for the second of two classes: the first is taken where they are equal."""


@dataclass(frozen=True)
class LinearDiscriminants:
    """By class, `weights` (k, p) and `starts` (k,): log prior and density, up to what all classes share."""

    classes: tuple[Any, ...]
    terms: tuple[Term, ...]
    weights: np.ndarray
    starts: np.ndarray

    def document(self, kinds: Kinds, name: str) -> Document:
        """Log odds of the second of two classes, or log weights of each class."""
        builder = Builder(name)
        if len(self.classes) == 2:
            values, start = self.weights[1] - self.weights[0], float(self.starts[1] - self.starts[0])
            margins = [linear_margin(builder, self.terms, values.tolist(), start, kinds, "margin")]
        else:
            margins = [
                linear_margin(builder, self.terms, row.tolist(), float(start), kinds, f"weight_{place}")
                for place, (row, start) in enumerate(zip(self.weights, self.starts, strict=True))
            ]
        return _closed(builder, margins, self.classes, self.terms, "LinearDiscriminants")


@dataclass(frozen=True)
class QuadraticDiscriminants:
    """By class (k,): `means` (k, p), `axes` (k, p, p), rows that turn a centred row into independent parts
    of spread 1, and `starts` (k,).
    """

    classes: tuple[Any, ...]
    terms: tuple[Term, ...]
    means: np.ndarray
    axes: np.ndarray
    starts: np.ndarray

    def document(self, kinds: Kinds, name: str) -> Document:
        """Log odds of the second of two classes, or log weights of each class."""
        builder = Builder(name)
        columns = columns_of(builder, self.terms, kinds)
        weights = [quadratic_weight(builder, self, columns, place) for place in range(len(self.classes))]
        margins = weights
        if len(weights) == 2:
            margins = [builder.weighted(weights[::-1], [1.0, -1.0], 0.0, label="margin")]
        return _closed(builder, margins, self.classes, self.terms, "QuadraticDiscriminants")


def quadratic_weight(
    builder: Builder, fit: QuadraticDiscriminants, columns: Sequence[str], place: int
) -> str:
    """The log weight of a class, given a column for each term."""
    means = fit.means[place].tolist()
    centred = [builder.affine(x, subtract=mean) for x, mean in zip(columns, means, strict=True)]
    axes = [builder.weighted(centred, axis.tolist(), 0.0, f"axis_{place}") for axis in fit.axes[place]]
    count = len(axes)
    return builder.gaussian(axes, float(fit.starts[place]), [0.0] * count, [0.5] * count, f"weight_{place}")


def linear_discriminants(classes: Classes, features: Iterable[str]) -> LinearDiscriminants:
    """Fit on cofactors by class (`class_moments.classes_of`).

    Raises:
        InDatabaseError: one class, fewer rows than classes and columns, or columns that cannot be told
            apart within the classes.
    """
    moments = class_moments(classes, features)
    rows = int(moments.rows.sum())
    if rows < len(moments.classes) + len(moments.terms):
        raise InDatabaseError(
            f"{rows} rows for {len(moments.classes)} classes and {len(moments.terms)} "
            "columns; allowed: at least as many rows. Widen the window, or use fewer features."
        )
    refuse_within(moments)
    return linear_of(moments)


def linear_of(moments: ClassMoments, shrinkage: float = 0.0) -> LinearDiscriminants:
    """Fit on moments whose columns can be told apart within the classes. `shrinkage` takes that share off
    what columns have in common, as scikit-learn's.
    """
    rows = int(moments.rows.sum())
    spread = _shrunk(moments.scatter.sum(axis=0) / rows, shrinkage)
    weights = np.linalg.solve(spread, moments.means.T).T
    priors = moments.rows / rows
    starts = np.log(priors) - 0.5 * np.einsum("kp,kp->k", moments.means, weights)
    return LinearDiscriminants(moments.classes, moments.terms, weights, starts)


def quadratic_discriminants(classes: Classes, features: Iterable[str]) -> QuadraticDiscriminants:
    """Fit on cofactors by class (`class_moments.classes_of`).

    Raises:
        InDatabaseError: one class, or a class with too few rows or columns that cannot be told apart in it.
    """
    moments = class_moments(classes, features)
    for place in range(len(moments.classes)):
        refuse_dependent_class(moments, place)
    return quadratic_of(moments)


def quadratic_of(moments: ClassMoments, shrinkage: float = 0.0) -> QuadraticDiscriminants:
    """Fit on moments whose columns can be told apart in each class; `shrinkage` as for `linear_of`.

    Raises:
        InDatabaseError: columns that nearly follow from one another in a class.
    """
    axes, starts = [], []
    for place in range(len(moments.classes)):
        rows = int(moments.rows[place])
        sizes, directions = np.linalg.eigh(_shrunk(moments.scatter[place] / rows, shrinkage))
        if sizes[0] <= 0.0:
            raise InDatabaseError(
                f"in class {moments.classes[place]!r} columns nearly follow from one another: the smallest "
                f"spread is {float(sizes[0])!r}; allowed: above 0. Leave some out."
            )
        axes.append((directions / np.sqrt(sizes)).T)
        starts.append(np.log(rows / moments.rows.sum()) - 0.5 * np.log(sizes).sum())
    return QuadraticDiscriminants(
        moments.classes, moments.terms, moments.means, np.array(axes), np.array(starts)
    )


def _shrunk(spread: np.ndarray, shrinkage: float) -> np.ndarray:
    """Products between columns fall by the share; variances stay."""
    return spread * (1.0 - shrinkage) + np.diag(np.diag(spread)) * shrinkage


def _closed(
    builder: Builder, margins: list[str], classes: tuple[Any, ...], terms: tuple[Term, ...], estimator: str
) -> Document:
    head = Head("sigmoid", classes, ABOVE_ZERO) if len(classes) == 2 else Head("softmax", classes)
    order = list(dict.fromkeys(term.column for term in terms))
    return builder.document(margins, head, source_of(estimator), order)
