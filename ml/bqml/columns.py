"""The columns that TRANSFORM gives a model: each once as GoogleSQL and once as nodes of a document.

The constants (means, deviations, categories) are computed beforehand from the rows trained on alone,
exactly, and stand in the text: ML.STANDARD_SCALER and its kin would also see the rows held out, and keep
what they found to themselves. Both forms do the same IEEE operations in the same order, so what BigQuery
trained on is what the document computes. Every column is a FLOAT64 without NULL, so that BigQuery encodes
and fills nothing itself. Belongs here: both forms. Does not belong here: statements, weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ml.indb.columns import IS_MISSING
from ml.indb.errors import InDatabaseError
from ml.indb.moments import moments_of_terms
from ml.indb.trainers.encoding import OTHER, Encoding, encoding_of
from ml.indb.trainers.terms import all_terms, chosen_terms, without_dependent
from warehouse.client.dialect import BIGQUERY

if TYPE_CHECKING:
    from ml.document import Builder
    from ml.indb.cofactors import Cofactors
    from ml.indb.design import Term

MIN_FREQUENCY = 20


@dataclass(frozen=True)
class Column:
    """One column. `kind` number: ((x or `fill`) - `mean`) / `scale`; missing: 1 where x is missing, else 0;
    lookup: the number of a category by `values`, of any other `unknown`, of a missing one `missing`.
    """

    name: str
    feature: str
    kind: str
    fill: float = 0.0
    mean: float = 0.0
    scale: float = 1.0
    values: tuple[tuple[str, float], ...] = ()
    unknown: float = 0.0
    missing: float = 0.0

    def sql(self, feature_kind: str) -> str:
        """The column over the feature as it stands in the warehouse."""
        x = BIGQUERY.name_of(self.feature)
        if self.kind == "lookup":
            return self._lookup(x)
        if feature_kind == "boolean":
            number, is_missing = f"cast(cast({x} as int64) as float64)", f"{x} is null"
        else:
            number = BIGQUERY.known(f"cast({x} as float64)")
            is_missing = f"({x} is null or is_nan(cast({x} as float64)))"
        if self.kind == "missing":
            return f"if({is_missing}, 1.0, 0.0)"
        fill, mean, scale = (BIGQUERY.number(value) for value in (self.fill, self.mean, self.scale))
        return f"((coalesce({number}, {fill}) - {mean}) / {scale})"

    def _lookup(self, x: str) -> str:
        number, text = BIGQUERY.number, BIGQUERY.text
        known = " ".join(f"when {text(category)} then {number(value)}" for category, value in self.values)
        found = f"case cast({x} as string) {known} else {number(self.unknown)} end"
        if not self.values:
            found = number(self.unknown)
        return f"case when {x} is null then {number(self.missing)} else {found} end"

    def node(self, builder: Builder, feature_kind: str) -> str:
        """The column of a document; its name there."""
        x = builder.input(self.feature, feature_kind)
        if self.kind == "lookup":
            return builder.lookup(x, list(self.values), self.unknown, self.missing)
        if self.kind == "missing":
            return builder.is_missing(x)
        return builder.affine(builder.impute(x, self.fill), subtract=self.mean, divide=self.scale)


@dataclass(frozen=True)
class Prepared:
    """All columns of a fit, and by feature or column why one was left out. `deviations` (columns,): standard
    deviations over the rows trained on.
    """

    columns: tuple[Column, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)
    deviations: tuple[float, ...] = ()

    def select(self, kinds: Mapping[str, str]) -> list[str]:
        """The TRANSFORM list."""
        return [f"{one.sql(kinds[one.feature])} as {BIGQUERY.name_of(one.name)}" for one in self.columns]


def linear_columns(
    part: Cofactors, kinds: Mapping[str, str], *, is_penalised: bool, min_frequency: int = MIN_FREQUENCY
) -> Prepared:
    """As the trainers of the warehouse prepare: means for missing numbers with an indicator beside them,
    numbers divided by their deviation, a column for each category of `min_frequency` rows and one for all
    others; without a penalty no column that follows from others.

    Raises:
        InDatabaseError: nothing varies.
    """
    features = [*(n for n, kind in kinds.items() if kind != "category"), *_categories(kinds)]
    encoding = encoding_of(part, [n for n in features if n not in part.categories], min_frequency)
    rows = encoding.of(part)
    terms = all_terms(rows, features, every_level=is_penalised)
    chosen = chosen_terms(rows, terms, features, _variances(rows, terms))
    left_out = dict(chosen.left_out)
    if not is_penalised:
        chosen = without_dependent(chosen.terms, moments_of_terms(rows, chosen.terms), rows.rows)
        left_out |= chosen.left_out
    deviations = np.sqrt(_variances(rows, chosen.terms)).tolist()
    columns = [
        _linear(rows, encoding, term, deviation, number)
        for number, (term, deviation) in enumerate(zip(chosen.terms, deviations, strict=True))
    ]
    _refuse_same_names(columns)
    scaled = (1.0 if one.kind == "number" else d for one, d in zip(columns, deviations, strict=True))
    return Prepared(tuple(columns), left_out, tuple(scaled))


def tree_columns(part: Cofactors, kinds: Mapping[str, str]) -> Prepared:
    """As this project's pipelines for trees that know no missing value: categories as ordinals in order of
    their text, -1 for one that training never saw, missing ones behind the last where training had some;
    numbers as they are, means for missing ones and an indicator beside them.
    """
    numbers = [name for name, kind in kinds.items() if kind != "category"]
    encoding = encoding_of(part, numbers, 1)
    columns = [_ordinal(name, part.texts(name)) for name in _categories(kinds)]
    indicators = []
    for name in numbers:
        columns.append(Column(f"{name}__filled", name, "number", encoding.fills[name][1]))
        if name + IS_MISSING in part.columns:
            indicators.append(Column(f"{name}__is_missing", name, "missing"))
    made = (*columns, *indicators)
    _refuse_same_names(made)
    return Prepared(made)


def _categories(kinds: Mapping[str, str]) -> list[str]:
    return [name for name, kind in kinds.items() if kind == "category"]


def _variances(rows: Cofactors, terms: Sequence[Term]) -> np.ndarray:
    """Mean squares about the mean of each term, by itself: the nearest double, 0 only where it is 0."""
    return np.array([float(moments_of_terms(rows, [term])[0, 0]) for term in terms])


def _linear(rows: Cofactors, encoding: Encoding, term: Term, deviation: float, number: int) -> Column:
    if term.kind == "missing":
        return Column(f"{term.column}__is_missing", term.column, "missing")
    if term.kind == "number":
        mean = float(rows.total(term.column) / rows.rows)
        fill = encoding.fills[term.column][1]
        return Column(f"{term.column}__scaled", term.column, "number", fill, mean, deviation)
    name = f"{term.column}__level_{number}"
    texts = rows.texts(term.column)
    if term.level is None:
        return Column(name, term.column, "lookup", missing=1.0)
    if term.level == OTHER:
        known = tuple((text, 0.0) for text in texts if text not in (None, OTHER))
        missing = 0.0 if None in texts else 1.0
        return Column(name, term.column, "lookup", values=known, unknown=1.0, missing=missing)
    return Column(name, term.column, "lookup", values=((term.level, 1.0),))


def _ordinal(name: str, texts: Sequence[str | None]) -> Column:
    known = sorted(text for text in texts if text is not None)
    values = tuple((text, float(place)) for place, text in enumerate(known))
    missing = float(len(known)) if None in texts else -1.0
    return Column(f"{name}__code", name, "lookup", values=values, unknown=-1.0, missing=missing)


def _refuse_same_names(columns: Sequence[Column]) -> None:
    """BigQuery's names of columns do not tell upper from lower case."""
    seen: dict[str, Column] = {}
    for one in columns:
        if (other := seen.setdefault(one.name.lower(), one)) is not one:
            raise InDatabaseError(
                f"features {other.feature!r} and {one.feature!r} both give the column {one.name!r} in "
                "BigQuery ML; allowed: different names. Rename one of the features."
            )
