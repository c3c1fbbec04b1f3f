"""A linear fit as a model document: scored by SQL, Python and HTTP with the same bits.

Belongs here: terms to nodes. Does not belong here: fits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ml.document import Builder, Document, Head
from ml.indb.design import Term
from ml.indb.elastic_net import PenaltyPath
from ml.indb.linear import LeastSquares

Kinds = Mapping[str, str]
"""By column, the document's kind of input: number, boolean or category (`Measured.kinds`)."""


def least_squares_document(fit: LeastSquares, kinds: Kinds, name: str) -> Document:
    """The predictions of a least-squares fit. A category not met in training counts as the reference; a
    number that was never missing in training and is now, leaves the answer missing.
    """
    values = fit.coefficients
    start = values.pop(0) if fit.has_intercept else 0.0
    return _document(name, fit.terms, values, start, kinds, "LeastSquares")


def penalised_document(path: PenaltyPath, place: int, kinds: Kinds, name: str) -> Document:
    """The predictions at one penalty of a path. A category not met in training has no column, so counts as
    none of them.
    """
    values, start = path.coefficients[place].tolist(), float(path.intercepts[place])
    return _document(name, path.terms, values, start, kinds, "ElasticNet")


def linear_margin(
    builder: Builder, terms: Sequence[Term], values: Sequence[float], start: float, kinds: Kinds, label: str
) -> str:
    """start + Σ value · term as one column."""
    is_filled = {term.column for term in terms if term.kind == "missing"}
    return margin_of_terms(
        builder, terms, values, start, kinds, label,
        number=lambda column, x: builder.impute(x, 0.0) if column in is_filled else x,
        category=lambda column, known: level_column(builder, column, known, kinds[column]),
    )  # fmt: skip


def margin_of_terms(
    builder: Builder,
    terms: Sequence[Term],
    values: Sequence[float],
    start: float,
    kinds: Kinds,
    label: str,
    *,
    number: Callable[[str, str], str],
    category: Callable[[str, Mapping[str | None, float]], str],
) -> str:
    """start + Σ value · term as one column, where `number` makes the column of a number of its name and its
    input, and `category` one of a category's name and the value of each of its levels.
    """
    columns, weights = [], []
    levels: dict[str, dict[str | None, float]] = {}
    for term, value in zip(terms, values, strict=True):
        if term.kind == "level":
            levels.setdefault(term.column, {})[term.level] = value
            continue
        x = builder.input(term.column, kinds[term.column])
        if term.kind == "missing":
            columns.append(builder.is_missing(x))
        else:
            columns.append(number(term.column, x))
        weights.append(value)
    for column, known in levels.items():
        columns.append(category(column, known))
        weights.append(1.0)
    return builder.weighted(columns, weights, start, label=label)


def columns_of(builder: Builder, terms: Sequence[Term], kinds: Kinds) -> list[str]:
    """A column for each term: numbers, 0 where one is missing that has an indicator, and zeros and ones."""
    is_filled = {term.column for term in terms if term.kind == "missing"}
    made = []
    for term in terms:
        x = builder.input(term.column, kinds[term.column])
        if term.kind == "level":
            x = level_column(builder, term.column, {term.level: 1.0}, kinds[term.column])
        elif term.kind == "missing":
            x = builder.is_missing(x)
        elif term.column in is_filled:
            x = builder.impute(x, 0.0)
        made.append(x)
    return made


def level_column(builder: Builder, column: str, known: Mapping[str | None, float], kind: str) -> str:
    """A column with the number of each category; 0 for one that is not known."""
    x, missing = builder.input(column, kind), known.get(None, 0.0)
    texts = [(text, value) for text, value in known.items() if text is not None]
    if kind == "category":
        return builder.lookup(x, texts, 0.0, missing)
    truths = {"true": 1.0, "false": 0.0}
    numbers = [(truths[text] if kind == "boolean" else float(text), value) for text, value in texts]
    return builder.recode(x, numbers, 0.0, missing)


def _document(
    name: str, terms: Sequence[Term], values: Sequence[float], start: float, kinds: Kinds, estimator: str
) -> Document:
    builder = Builder(name)
    margin = linear_margin(builder, terms, values, start, kinds, "margin")
    order = list(dict.fromkeys(term.column for term in terms))
    return builder.document([margin], Head("identity"), source_of(estimator), order)


def source_of(estimator: str) -> dict[str, Any]:
    """Where a fit of this package came from, for people."""
    return {"estimator": estimator, "library": "starhouse", "engine": "warehouse"}
