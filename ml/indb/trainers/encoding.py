"""Encoding of features on cofactors: means for missing numbers, rare categories together, no row read again.

A missing number was measured as 0 with an indicator beside it. Filling it with another constant, and counting
rare categories as one, are sums of what was measured; so each fold's training part gets an encoding of its
own, exactly, from the one scan. A number is rounded to nine digits of the largest size there is.

Belongs here: the encoding, its arithmetic, its nodes in a document. Does not belong here: measuring, fits.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ml.indb.cofactors import Cofactors, Level
from ml.indb.columns import DOUBLE_WHOLE, IS_MISSING, Number
from ml.indb.linear_document import margin_of_terms

if TYPE_CHECKING:
    from ml.document import Builder
    from ml.indb.design import Term
    from ml.indb.trainers.source import Source
    from warehouse.client import Warehouse

OTHER = "\0other"
"""The category of rare ones: no text of Postgres holds this character."""

DIGITS = 9
"""A value counts in steps of which the largest size takes at most 10**9: products stay in a bigint."""


@dataclass(frozen=True)
class Encoding:
    """`fills`: by number what stands for a missing one, in steps and as a double. `kept`: by category column
    the categories that have a column of their own; all others share one where `shares`.
    """

    fills: Mapping[str, tuple[int, float]]
    kept: Mapping[str, frozenset[str | None]]

    def of(self, part: Cofactors) -> Cofactors:
        """The cofactors of the same rows, encoded."""
        return _merged(_filled(part, self.fills), self.kept)


def encoding_of(part: Cofactors, numbers: Sequence[str], min_frequency: int) -> Encoding:
    """The encoding of the rows of `part`: means, and categories of at least `min_frequency` rows."""
    fills = {}
    for name in numbers:
        missing = part.sums[part.place(name + IS_MISSING)] if name + IS_MISSING in part.columns else 0
        known, place = part.rows - missing, part.place(name)
        steps = _divided(part.sums[place], known) if known else 0
        fills[name] = (steps, steps / part.scales[place])
    kept = {
        column: frozenset(
            text for (at, text), (rows, _) in part.levels.items() if at == place and rows >= min_frequency
        )
        for place, column in enumerate(part.categories)
    }
    return Encoding(fills, kept)


def declarations(wh: Warehouse, source: Source, names: Sequence[str]) -> list[Number]:
    """How each number of the training rows is measured; one scan. Columns with missing values get an
    indicator; what is infinite is left for `measure` to refuse by name.
    """
    from warehouse.client.dialect import POSTGRES

    parts = []
    for at, name in enumerate(names):
        x = f"r.{POSTGRES.name_of(name)}"
        parts.append(f"count(*) - count({x}) as missing{at}")
        if source.features.get(name) != "boolean":
            finite = f"{x} > '-Infinity' and {x} < 'Infinity'"
            parts.append(f"coalesce(max(abs({x})) filter (where {finite}), 0)::float8 as size{at}")
    row = wh.query(f"select {', '.join(parts)} from {source.relation()} as r")[0]
    return [_number(name, row[f"missing{at}"], row.get(f"size{at}")) for at, name in enumerate(names)]


def _number(name: str, missing: int, size: float | None) -> Number:
    how = "indicator" if missing else "refuse"
    if size is None:
        return Number(name, missing=how)
    top = math.ceil(math.log10(size)) if size else 0
    decimals = min(max(DIGITS - top, 0), 15)
    limit = 10.0**top
    if limit * 10**decimals + 1 > DOUBLE_WHOLE or limit < size:
        return Number(name, missing=how)
    return Number(name, decimals, limit, how, rounded=True)


def encoded_margin(
    builder: Builder, encoding: Encoding, terms: Sequence[Term], values: Sequence[float], start: float,
    kinds: Mapping[str, str], label: str,
) -> str:  # fmt: skip
    """start + Σ value · term, as one column of a document. A category that training did not know counts as
    a rare one; a number is filled wherever it is missing.
    """
    return margin_of_terms(
        builder, terms, values, start, kinds, label,
        number=lambda column, x: builder.impute(x, encoding.fills[column][1]),
        category=lambda column, known: category_column(builder, column, known),
    )  # fmt: skip


def category_column(builder: Builder, column: str, known: Mapping[str | None, float]) -> str:
    """The number of each category; of rare and unknown ones that of OTHER, or 0."""
    other = known.get(OTHER, 0.0)
    texts = [(text, value) for text, value in known.items() if text not in (None, OTHER)]
    return builder.lookup(builder.input(column, "category"), texts, other, known.get(None, other))


def encoded_terms_columns(
    builder: Builder, encoding: Encoding, terms: Sequence[Term], kinds: Mapping[str, str]
) -> list[str]:
    """A column for each term."""
    made = []
    for term in terms:
        if term.kind == "level":
            made.append(category_column(builder, term.column, {**_others(terms, term), term.level: 1.0}))
        else:
            made.append(encoded_margin(builder, encoding, [term], [1.0], 0.0, kinds, term.name))
    return made


def _others(terms: Sequence[Term], one: Term) -> dict[str | None, float]:
    return {t.level: 0.0 for t in terms if t.kind == "level" and t.column == one.column}


def _filled(part: Cofactors, fills: Mapping[str, tuple[int, float]]) -> Cofactors:
    """Each number plus its fill where it is missing: x + c · indicator, in sums and products."""
    count = len(part.columns)
    shifts = [
        (part.columns.index(name + IS_MISSING), steps)
        if (name := column) in fills and (steps := fills[name][0]) and name + IS_MISSING in part.columns
        else (0, 0)
        for column in part.columns
    ]
    rows = [[part.product_steps(i, j) for j in range(count)] for i in range(count)]
    half = [
        [v + c * w for v, w in zip(row, rows[m], strict=True)] if c else row
        for row, (m, c) in zip(rows, shifts, strict=True)
    ]
    products = tuple(
        half[i][j] + (c * half[i][m] if c else 0)
        for i in range(count)
        for j, (m, c) in list(enumerate(shifts))[i:]
    )

    def plus(sums: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(v + c * sums[m] if c else v for v, (m, c) in zip(sums, shifts, strict=True))

    levels = {key: (rows_, plus(sums)) for key, (rows_, sums) in part.levels.items()}
    return replace(part, sums=plus(part.sums), products=products, levels=levels)


def _merged(part: Cofactors, kept: Mapping[str, frozenset[str | None]]) -> Cofactors:
    """Categories that are not kept, as one."""

    def place_of(level: Level) -> Level:
        return level if level[1] in kept[part.categories[level[0]]] else (level[0], OTHER)

    levels: dict[Level, tuple[int, tuple[int, ...]]] = {}
    for level, (rows, sums) in part.levels.items():
        new = place_of(level)
        before = levels.get(new)
        added = sums if before is None else tuple(a + b for a, b in zip(before[1], sums, strict=True))
        levels[new] = (rows + (before[0] if before else 0), added)
    pairs: dict[tuple[Level, Level], int] = {}
    for (one, two), rows in part.pairs.items():
        new = (place_of(one), place_of(two))
        pairs[new] = pairs.get(new, 0) + rows
    return replace(part, levels=levels, pairs=pairs)


def _divided(top: int, bottom: int) -> int:
    """The whole number nearest to a quotient."""
    return (2 * top + bottom) // (2 * bottom)


def shares_of(sizes: Mapping[str, float], features: Mapping[str, Any]) -> dict[str, float]:
    """Importance by feature as shares of the whole; all 0 where there is nothing."""
    whole = math.fsum(sizes.values())
    return {name: sizes.get(name, 0.0) / whole if whole else 0.0 for name in features}
