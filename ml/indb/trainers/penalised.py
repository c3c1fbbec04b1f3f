"""Least squares, ridge, lasso and elastic net in the warehouse: one scan for every fold and every penalty.

The objectives are scikit-learn's: `alpha` of ridge weighs the sum of squares, that of lasso and elastic net
half the mean. Numbers and missing indicators are divided by their deviation first, categories are not, as in
this project's pipelines for linear models.

Belongs here: the four trainers. Does not belong here: the arithmetic (`ml.indb.elastic_net`,
`ml.indb.rational`), discriminants.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ml.algorithms.registry import Parameter
from ml.document import Builder, Document, Head
from ml.indb.design import Design, Term
from ml.indb.elastic_net import minimum, one_thread
from ml.indb.linear_document import source_of
from ml.indb.moments import Moments, mean_products_about, moments_of
from ml.indb.penalty_search import squared_errors
from ml.indb.rational import solve
from ml.indb.trainers.encoding import Encoding, encoded_margin, encoding_of, shares_of
from ml.indb.trainers.registry import Fit, Trainer
from ml.indb.trainers.scanned import Scanned, features_of, work_of
from ml.indb.trainers.source import LABEL
from ml.indb.trainers.terms import all_terms, chosen_terms, target_of, without_dependent

if TYPE_CHECKING:
    from ml.indb.trainers.source import Source
    from warehouse.client import Warehouse

SMALLEST_RATIO = 1e-3
PENALTIES = 50
MIN_FREQUENCY = Parameter(int, low=1, high=100_000)


@dataclass(frozen=True)
class _Part:
    """Training rows of one fold, encoded: `scale` (terms,) divides each column."""

    encoding: Encoding
    terms: tuple[Term, ...]
    left_out: Mapping[str, str]
    design: Design
    moments: Moments
    scale: np.ndarray


class Penalised(Scanned):
    """Fits by `family`: linear, ridge, lasso or elastic_net."""

    def __init__(self, wh: Warehouse, source: Source, family: str, way: str) -> None:
        super().__init__(wh, source, way)
        self.family = family

    def fit(self, params: Mapping[str, Any], fold: int | None) -> Fit:
        part = self.part(params, fold)
        values = self.coefficients(part, params)
        start = part.moments.target_mean - float(values @ part.moments.means)
        deviation = np.sqrt(np.diag(part.moments.cross))
        sizes: dict[str, float] = {}
        for term, size in zip(part.terms, (np.abs(values) * deviation).tolist(), strict=True):
            sizes[term.column] = sizes.get(term.column, 0.0) + size
        return Fit(
            _document(self.family, part, values, start, self.source.features),
            shares_of(sizes, self.source.features),
            part.left_out,
            self.how,
        )

    def part(self, params: Mapping[str, Any], fold: int | None) -> _Part:
        """The encoded training rows; once for all candidates that share an encoding."""
        key = ("encoded", fold, params.get("min_frequency", 20), self._is_reference(params))
        return self.cached(key, lambda: self._encoded(*key[1:]))

    def coefficients(self, part: _Part, params: Mapping[str, Any]) -> np.ndarray:
        """(terms,), in the columns' own units."""
        penalty, ratio = self._penalty(params, part.design.rows)
        if not penalty:
            return _least_squares(part.design)
        cross = part.moments.cross / np.outer(part.scale, part.scale)
        right = part.moments.with_target / part.scale
        with one_thread():
            start = np.zeros(len(right))
            return minimum(cross, right, penalty * ratio, penalty * (1.0 - ratio), start) / part.scale

    def errors(self, candidates: list[Mapping[str, Any]], fold: int) -> list[float]:
        """Mean squared errors on the rows that the fold holds out."""
        found = []
        for params in candidates:
            part = self.part(params, fold)
            away = self.cached(
                ("away", fold, params.get("min_frequency", 20), self._is_reference(params)),
                lambda part=part: mean_products_about(
                    target_of(part.encoding.of(self.held(fold)), part.terms, LABEL), part.design
                ),
            )
            found.append(float(squared_errors(self.coefficients(part, params)[None, :], away)[0]))
        return found

    def path(self, params: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The candidates where no `alpha` is named: `penalties` of them, from the smallest that leaves no
        coefficient down to a thousandth of it.
        """
        if self.family == "linear" or "alpha" in params:
            return [dict(params)]
        part = self.part(params, None)
        _, ratio = self._penalty({**params, "alpha": 1.0}, part.design.rows)
        top = float(np.abs(part.moments.with_target / part.scale).max()) / max(ratio, SMALLEST_RATIO)
        unit = part.design.rows if self.family == "ridge" else 1
        falling = np.geomspace(top, top * 1e-3, params.get("penalties", PENALTIES)) * unit
        return [{**params, "alpha": float(alpha)} for alpha in falling]

    def _penalty(self, params: Mapping[str, Any], rows: int) -> tuple[float, float]:
        """Penalty and ratio of `minimum`, whose loss is half the mean square."""
        alpha = float(params.get("alpha", 1.0))
        if self.family == "linear":
            return 0.0, 0.0
        if self.family == "ridge":
            return alpha / rows, 0.0
        return alpha, 1.0 if self.family == "lasso" else float(params.get("l1_ratio", 0.5))

    def _is_reference(self, params: Mapping[str, Any]) -> bool:
        """Whether columns may not follow from one another: without a penalty on squares."""
        penalty, ratio = self._penalty(params, 1)
        return not penalty or ratio == 1.0

    def _encoded(self, fold: int | None, min_frequency: int, is_reference: bool) -> _Part:
        source, rows = self.source, self.train(fold)
        encoding = encoding_of(rows, source.numbers, min_frequency)
        part, features = encoding.of(rows), features_of(source)
        terms = all_terms(part, features, every_level=not is_reference)
        chosen = chosen_terms(part, terms, features, _variances(target_of(part, terms, LABEL)))
        terms, left_out = chosen.terms, dict(chosen.left_out)
        design = target_of(part, terms, LABEL)
        if is_reference:
            apart = without_dependent(terms, moments_of(design).cross, part.rows)
            left_out |= apart.left_out
            terms, design = apart.terms, target_of(part, apart.terms, LABEL)
        moments = moments_of(design)
        deviation = np.sqrt(np.diag(moments.cross))
        scale = np.array([1.0 if t.kind == "level" else d for t, d in zip(terms, deviation, strict=True)])
        return _Part(encoding, terms, left_out, design, moments, scale)


def _variances(design: Design) -> np.ndarray:
    """Whether each term varies: 1 or 0, exactly."""
    rows = design.rows
    pairs = ((rows * line[at], design.sums[at] ** 2) for at, line in enumerate(design.products[:-1]))
    return np.array([float(square != sum_) for square, sum_ in pairs])


def _least_squares(design: Design) -> np.ndarray:
    """Solved in whole numbers, rounded once."""
    count, centred = len(design.terms), design.centred()
    solved = solve(
        [row[:count] for row in centred[:count]], [[row[count]] for row in centred[:count]], inverse=False
    )
    unit = design.scales[-1]
    steps = [row[0] for row in solved.solutions]
    return np.array([v * s / (solved.denominator * unit) for v, s in zip(steps, design.scales, strict=False)])


def _document(
    family: str, part: _Part, values: np.ndarray, start: float, features: Mapping[str, str]
) -> Document:
    builder = Builder(family)
    margin = encoded_margin(builder, part.encoding, part.terms, values.tolist(), start, features, "margin")
    return builder.document([margin], Head("identity"), source_of(family))


def _trainer(family: str, parameters: Mapping[str, Parameter]) -> Trainer:
    def open_(wh: Warehouse, source: Source, seed: int, way: str) -> Penalised:
        return Penalised(wh, source, family, way)

    path = None if family == "linear" else Penalised.path
    common = {"min_frequency": MIN_FREQUENCY}
    return Trainer(family, ("regression",), {**parameters, **common}, open_, work_of, Penalised.errors, path)


_ALPHA = {
    "alpha": Parameter(float, low=1e-12, high=1e12),
    "penalties": Parameter(int, low=2, high=200),
}
LINEAR = _trainer("linear", {})
RIDGE = _trainer("ridge", _ALPHA)
LASSO = _trainer("lasso", _ALPHA)
ELASTIC_NET = _trainer("elastic_net", {**_ALPHA, "l1_ratio": Parameter(float, low=0.01, high=1.0)})
