"""Linear and quadratic discriminants in the warehouse, from one scan split by label and fold.

Belongs here: the two trainers. Does not belong here: the fits (`ml.indb.discriminants`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ml.algorithms.registry import Parameter
from ml.document import Builder, Document, Head
from ml.indb.class_moments import ClassMoments, moments_of_classes
from ml.indb.cofactors import Cofactors, summed
from ml.indb.design import Term
from ml.indb.discriminants import ABOVE_ZERO, linear_of, quadratic_of, quadratic_weight
from ml.indb.errors import InDatabaseError
from ml.indb.linear_document import source_of
from ml.indb.trainers.encoding import (
    Encoding,
    encoded_margin,
    encoded_terms_columns,
    encoding_of,
    shares_of,
)
from ml.indb.trainers.penalised import MIN_FREQUENCY
from ml.indb.trainers.registry import Fit, Trainer
from ml.indb.trainers.scanned import Scanned, features_of, work_of
from ml.indb.trainers.terms import all_terms, chosen_terms, without_dependent
from ml.indb.trainers.variances import variances_of

if TYPE_CHECKING:
    from ml.indb.trainers.source import Source
    from warehouse.client import Warehouse


class Discriminants(Scanned):
    """Fits by `kind`: lda or qda."""

    def __init__(self, wh: Warehouse, source: Source, kind: str, way: str) -> None:
        super().__init__(wh, source, way)
        self.kind = kind

    def fit(self, params: Mapping[str, Any], fold: int | None) -> Fit:
        key = ("encoded", fold, params.get("min_frequency", 20))
        encoding, moments, left_out = self.cached(key, lambda: self._encoded(*key[1:]))
        make = self._linear if self.kind == "lda" else self._quadratic
        document, sizes = make(encoding, moments, float(params.get("shrinkage", 0.0)))
        return Fit(document, shares_of(sizes, self.source.features), left_out, self.how)

    def _encoded(self, fold: int | None, min_frequency: int) -> tuple[Encoding, ClassMoments, dict[str, str]]:
        source, rows = self.source, self.train(fold)
        encoding = encoding_of(rows, source.numbers, min_frequency)
        parts: dict[Any, Cofactors] = {label: encoding.of(part) for label, part in self.classes(fold).items()}
        whole, features = summed(parts.values()), features_of(source)
        terms = all_terms(whole, features, every_level=False)
        chosen = chosen_terms(whole, terms, features, variances_of(whole, terms))
        left_out = dict(chosen.left_out)
        moments = moments_of_classes(parts, chosen.terms)
        if self.kind == "lda":
            within = moments.scatter.sum(axis=0)
            _refuse_separated(chosen.terms, np.diag(within))
            apart = without_dependent(chosen.terms, within, whole.rows)
        else:
            apart = _in_every_class(chosen.terms, moments)
        if apart.left_out:
            left_out |= apart.left_out
            moments = moments_of_classes(parts, apart.terms)
        return encoding, moments, left_out

    def _linear(
        self, encoding: Encoding, moments: ClassMoments, shrinkage: float
    ) -> tuple[Document, dict[str, float]]:
        fit = linear_of(moments, shrinkage)
        values, start = fit.weights[1] - fit.weights[0], float(fit.starts[1] - fit.starts[0])
        builder = Builder("lda")
        margin = encoded_margin(
            builder, encoding, fit.terms, values.tolist(), start, self.source.features, "margin"
        )
        spread = np.sqrt(np.diag(moments.scatter.sum(axis=0)) / moments.rows.sum())
        return _closed(builder, margin, "lda"), _sizes(fit.terms, np.abs(values) * spread)

    def _quadratic(
        self, encoding: Encoding, moments: ClassMoments, shrinkage: float
    ) -> tuple[Document, dict[str, float]]:
        fit = quadratic_of(moments, shrinkage)
        builder = Builder("qda")
        columns = encoded_terms_columns(builder, encoding, fit.terms, self.source.features)
        weights = [quadratic_weight(builder, fit, columns, place) for place in (0, 1)]
        margin = builder.weighted(weights[::-1], [1.0, -1.0], 0.0, label="margin")
        v0, v1 = (np.diag(part) / rows for part, rows in zip(moments.scatter, moments.rows, strict=True))
        apart = (moments.means[0] - moments.means[1]) ** 2
        # Jeffreys' divergence of each column by itself.
        sizes = 0.5 * (v0 / v1 + v1 / v0) - 1.0 + 0.5 * apart * (1.0 / v0 + 1.0 / v1)
        return _closed(builder, margin, "qda"), _sizes(fit.terms, sizes)


def _in_every_class(terms: tuple[Term, ...], moments: ClassMoments) -> Any:
    """The terms that vary and follow from no others in each class: a class of its own spread needs that."""
    from ml.indb.trainers.terms import Chosen

    kept, left_out = terms, {}
    for place, label in enumerate(moments.classes):
        at = [terms.index(term) for term in kept]
        cross = moments.scatter[place][np.ix_(at, at)]
        varies = np.diag(cross) > 0.0
        constant = [term for term, does in zip(kept, varies, strict=True) if not does]
        left_out |= {term.name: f"has one value in all rows where the label is {label}" for term in constant}
        kept = tuple(term for term in kept if term not in constant)
        cross = cross[np.ix_(varies, varies)]
        apart = without_dependent(kept, cross, int(moments.rows[place]))
        left_out |= dict.fromkeys(
            apart.left_out, f"follows from the columns before it where the label is {label}"
        )
        kept = apart.terms
    return Chosen(kept, left_out)


def _refuse_separated(terms: tuple[Term, ...], within: np.ndarray) -> None:
    names = [term.name for term, size in zip(terms, within, strict=True) if not size]
    if names:
        raise InDatabaseError(
            f"columns {names} have one value in each class, so each tells the classes apart by itself; "
            "allowed: columns that vary within a class. Look whether they were known in time, or leave them "
            "out."
        )


def _sizes(terms: tuple[Term, ...], values: np.ndarray) -> dict[str, float]:
    sizes: dict[str, float] = {}
    for term, value in zip(terms, values.tolist(), strict=True):
        sizes[term.column] = sizes.get(term.column, 0.0) + value
    return sizes


def _closed(builder: Builder, margin: str, estimator: str) -> Document:
    return builder.document([margin], Head("sigmoid", (False, True), ABOVE_ZERO), source_of(estimator))


def _trainer(kind: str) -> Trainer:
    def open_(wh: Warehouse, source: Source, seed: int, way: str) -> Discriminants:
        return Discriminants(wh, source, kind, way)

    parameters = {"min_frequency": MIN_FREQUENCY, "shrinkage": Parameter(float, low=0.0, high=1.0)}
    return Trainer(kind, ("classification",), parameters, open_, work_of)


LDA = _trainer("lda")
QDA = _trainer("qda")
