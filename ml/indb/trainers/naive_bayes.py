"""Naive Bayes in the warehouse: Gaussian numbers, categories and missing values by their shares.

A missing number says what its being missing says and nothing else: its density is left out. Belongs here: the
trainer. Does not belong here: discriminants, which know how columns move together.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ml.algorithms.registry import Parameter
from ml.document import Builder, Head
from ml.indb.cofactors import Cofactors, summed
from ml.indb.columns import IS_MISSING
from ml.indb.discriminants import ABOVE_ZERO
from ml.indb.linear_document import source_of
from ml.indb.rational import quotient
from ml.indb.trainers.encoding import category_column, encoding_of, shares_of
from ml.indb.trainers.penalised import MIN_FREQUENCY
from ml.indb.trainers.registry import Fit, Trainer
from ml.indb.trainers.scanned import Scanned, work_of
from ml.indb.trainers.terms import all_terms, chosen_terms
from ml.indb.trainers.variances import variances_of

if TYPE_CHECKING:
    from ml.indb.trainers.source import Source
    from warehouse.client import Warehouse

Pair = tuple[float, float]
"""Of the class false, and of the class true."""


@dataclass(frozen=True)
class _Number:
    """A Gaussian number: means and variances of its known values, and log shares of missing and known ones
    (None where it is never missing).
    """

    means: Pair
    variances: Pair
    missing: Pair | None
    known: Pair


class NaiveBayes(Scanned):
    """Fits by class."""

    def fit(self, params: Mapping[str, Any], fold: int | None) -> Fit:
        add, smoothing = float(params.get("alpha", 1.0)), float(params.get("var_smoothing", 1e-9))
        classes = self.classes(fold)
        encoding = encoding_of(self.train(fold), [], params.get("min_frequency", 20))
        parts = [encoding.of(part) for part in classes.values()]
        whole = summed(parts)
        features = list(self.source.features)
        terms = all_terms(whole, features, every_level=True)
        chosen = chosen_terms(whole, terms, features, variances_of(whole, terms))
        used = [name for name in features if name not in chosen.left_out]
        numbers = _numbers(parts, [name for name in used if name in whole.columns], add, smoothing)
        shares = {name: _shares(parts, name, add) for name in used if name not in whole.columns}
        sizes = {name: _number_size(one) for name, one in numbers.items()}
        sizes |= {name: _share_size(known) for name, known in shares.items()}
        return Fit(
            self._document(numbers, shares, [part.rows for part in parts]),
            shares_of(sizes, self.source.features),
            chosen.left_out,
            self.how,
        )

    def _document(
        self, numbers: Mapping[str, _Number], shares: Mapping[str, Mapping[str | None, Pair]],
        rows: list[int],
    ) -> Any:  # fmt: skip
        builder = Builder("naive_bayes")
        kinds = self.source.features
        weights = []
        for place in (0, 1):
            start = math.log(rows[place] / sum(rows))
            parts, columns, means, halves = [], [], [], []
            for name, one in numbers.items():
                x, variance = builder.input(name, kinds[name]), one.variances[place]
                density = -0.5 * math.log(2.0 * math.pi * variance)
                columns.append(builder.impute(x, one.means[place]))
                means.append(one.means[place])
                halves.append(0.5 / variance)
                start += density + one.known[place]
                if one.missing is not None:
                    step = one.missing[place] - one.known[place] - density
                    parts.append((builder.is_missing(x), step))
            for name, known in shares.items():
                table = {text: pair[place] for text, pair in known.items()}
                parts.append((category_column(builder, name, table), 1.0))
            if columns:
                gaussian = builder.gaussian(columns, start, means, halves, f"log_{place}")
                parts, start = [(gaussian, 1.0), *parts], 0.0
            listed, by = [x for x, _ in parts], [weight for _, weight in parts]
            weights.append(builder.weighted(listed, by, start, label=f"weight_{place}"))
        margin = builder.weighted(weights[::-1], [1.0, -1.0], 0.0, label="margin")
        return builder.document(
            [margin], Head("sigmoid", (False, True), ABOVE_ZERO), source_of("naive_bayes")
        )


def _numbers(parts: list[Cofactors], names: list[str], add: float, smoothing: float) -> dict[str, _Number]:
    """Means and variances of known values. `smoothing` of the largest variance is added to each, so that a
    number with one value in a class stays finite.
    """
    floor = smoothing * max((_variance(summed(parts), name)[1] for name in names), default=0.0)
    found = {}
    for name in names:
        both = [_variance(part, name) for part in parts]
        missing = [_missing(part, name) for part in parts]
        is_ever = any(missing)
        log = [
            (
                math.log((m + add) / (part.rows + 2 * add)),
                math.log((part.rows - m + add) / (part.rows + 2 * add)),
            )
            for m, part in zip(missing, parts, strict=True)
        ]
        found[name] = _Number(
            (both[0][0], both[1][0]),
            (both[0][1] + floor, both[1][1] + floor),
            (log[0][0], log[1][0]) if is_ever else None,
            (log[0][1], log[1][1]) if is_ever else (0.0, 0.0),
        )
    return found


def _missing(part: Cofactors, name: str) -> int:
    return part.sums[part.place(name + IS_MISSING)] if name + IS_MISSING in part.columns else 0


def _variance(part: Cofactors, name: str) -> Pair:
    """Mean and variance of the known values, each rounded once."""
    place, known = part.place(name), part.rows - _missing(part, name)
    if not known:
        return 0.0, 0.0
    total, scale = part.sums[place], part.scales[place]
    centred = known * part.product_steps(place, place) - total**2
    return quotient(total, known * scale), quotient(centred, (known * scale) ** 2)


def _shares(parts: list[Cofactors], name: str, add: float) -> dict[str | None, Pair]:
    """Log share of each category by class."""
    texts, place = summed(parts).texts(name), parts[0].categories.index(name)
    found = {}
    for text in texts:
        counts = [part.levels[place, text][0] if (place, text) in part.levels else 0 for part in parts]
        logs = [
            math.log((count + add) / (part.rows + add * len(texts)))
            for count, part in zip(counts, parts, strict=True)
        ]
        found[text] = (logs[0], logs[1])
    return found


def _number_size(one: _Number) -> float:
    """Jeffreys' divergence between the classes: what the number tells, on average of both."""
    (m0, m1), (v0, v1) = one.means, one.variances
    size = 0.5 * (v0 / v1 + v1 / v0) - 1.0 + 0.5 * (m0 - m1) ** 2 * (1.0 / v0 + 1.0 / v1)
    return size + (_share_size({"missing": one.missing, "known": one.known}) if one.missing else 0.0)


def _share_size(known: Mapping[Any, Pair | None]) -> float:
    pairs = [pair for pair in known.values() if pair is not None]
    return math.fsum((math.exp(b) - math.exp(a)) * (b - a) for a, b in pairs)


def _open(wh: Warehouse, source: Source, seed: int, way: str) -> NaiveBayes:
    return NaiveBayes(wh, source, way)


PARAMETERS = {
    "alpha": Parameter(float, low=1e-9, high=1e6),
    "var_smoothing": Parameter(float, low=1e-12, high=1.0),
    "min_frequency": MIN_FREQUENCY,
}
NAIVE_BAYES = Trainer("naive_bayes", ("classification",), PARAMETERS, _open, work_of)
