"""Cofactors: how many rows, the sums, and the sums of products of columns, exact, so that they add and
subtract.

Everything that least squares, penalised regression, discriminants, principal components and naive Bayes need
of the rows. Days add up to a window, a day is forgotten by subtraction, and the training part of a fold is
the total less the fold; no bit is lost in any of it, because all numbers are whole.

Belongs here: the value and its arithmetic. Does not belong here: measuring it (`ml.indb.cofactor_scan`), or
any model.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

from ml.indb.errors import InDatabaseError

Level = tuple[int, str | None]
"""A category: the place of its column, and its text (None is missing)."""


@dataclass(frozen=True)
class Cofactors:
    """Of `rows` rows: column i counts in steps of 1 / scales[i].

    `sums` (p,) and `products` (p (p + 1) / 2, the upper triangle row by row) are whole numbers of such steps.
    `levels`: by category its rows and the sums (p,) over them; `pairs`: by two categories of different
    columns their common rows, observed pairs only. With a `weight`, the column's name, all rows are sums of
    weights; `counted` is then how many rows these are, None where each stands for as many as its weight.
    """

    columns: tuple[str, ...]
    scales: tuple[int, ...]
    rows: int
    sums: tuple[int, ...]
    products: tuple[int, ...]
    categories: tuple[str, ...] = ()
    levels: Mapping[Level, tuple[int, tuple[int, ...]]] = field(default_factory=dict)
    pairs: Mapping[tuple[Level, Level], int] = field(default_factory=dict)
    weight: str | None = None
    counted: int | None = None

    @property
    def observations(self) -> int:
        """The rows that degrees of freedom are counted of."""
        return self.rows if self.counted is None else self.counted

    def __add__(self, other: Cofactors) -> Cofactors:
        return _combined(self, other, 1)

    def __sub__(self, other: Cofactors) -> Cofactors:
        """Without the rows of `other`.

        Raises:
            InDatabaseError: they cannot have been among these.
        """
        left = _combined(self, other, -1)
        counts = [left.rows, *(rows for rows, _ in left.levels.values()), *left.pairs.values()]
        squares = [left.product_steps(place, place) for place in range(len(left.columns))]
        if min([*counts, *squares]) < 0:
            raise InDatabaseError(
                f"cofactors of {other.rows} rows do not come off {self.rows} rows: a count or a sum of "
                "squares falls below 0. Subtract only what was added."
            )
        return left

    def place(self, column: str) -> int:
        """Where a measured column stands.

        Raises:
            InDatabaseError: it was not measured.
        """
        if column not in self.columns:
            raise InDatabaseError(
                f"column {column!r} was not measured as a number; allowed: {', '.join(self.columns)}."
            )
        return self.columns.index(column)

    def product_steps(self, first: int, second: int) -> int:
        """The sum of products of two columns by place, in steps."""
        low, high = min(first, second), max(first, second)
        return self.products[low * len(self.columns) - low * (low - 1) // 2 + high - low]

    def total(self, column: str) -> Fraction:
        """The sum of a column."""
        place = self.place(column)
        return Fraction(self.sums[place], self.scales[place])

    def product(self, first: str, second: str) -> Fraction:
        """The sum of products of two columns."""
        one, two = self.place(first), self.place(second)
        return Fraction(self.product_steps(one, two), self.scales[one] * self.scales[two])

    def texts(self, category: str) -> list[str | None]:
        """The categories of a column that rows have, in order of their text, missing last.

        Raises:
            InDatabaseError: it was not measured.
        """
        if category not in self.categories:
            raise InDatabaseError(
                f"column {category!r} was not measured as a category; allowed: "
                f"{', '.join(self.categories) or 'none'}."
            )
        place = self.categories.index(category)
        found = [text for at, text in self.levels if at == place]
        return sorted(found, key=lambda text: (text is None, text or ""))

    def pair_rows(self, first: Level, second: Level) -> int:
        """The rows that two categories share."""
        if first[0] == second[0]:
            return self.levels[first][0] if first == second and first in self.levels else 0
        return self.pairs.get((first, second) if first[0] < second[0] else (second, first), 0)

    def in_steps(self, scales: tuple[int, ...]) -> Cofactors:
        """The same in finer steps, multiples of these."""
        if scales == self.scales:
            return self
        by = [fine // coarse for fine, coarse in zip(scales, self.scales, strict=True)]
        both = [by[i] * by[j] for i in range(len(by)) for j in range(i, len(by))]
        levels = {key: (rows, _times(sums, by)) for key, (rows, sums) in self.levels.items()}
        return replace(
            self,
            scales=scales,
            sums=_times(self.sums, by),
            products=_times(self.products, both),
            levels=levels,
        )

    def to_dict(self) -> dict[str, Any]:
        """As JSON takes it; whole numbers as text, since JSON's own end at 53 bits elsewhere."""
        return {
            "columns": list(self.columns),
            "scales": [str(scale) for scale in self.scales],
            "rows": self.rows,
            "sums": [str(value) for value in self.sums],
            "products": [str(value) for value in self.products],
            "categories": list(self.categories),
            "levels": [[*key, rows, [str(v) for v in sums]] for key, (rows, sums) in _sorted(self.levels)],
            "pairs": [[*one, *two, rows] for (one, two), rows in _sorted(self.pairs)],
            "weight": self.weight,
            "counted": self.counted,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Cofactors:
        """What `to_dict` wrote.

        Raises:
            InDatabaseError: a part is missing or has another shape.
        """
        try:
            count = len(data["columns"])
            made = cls(
                tuple(data["columns"]),
                _whole(data["scales"]),
                int(data["rows"]),
                _whole(data["sums"]),
                _whole(data["products"]),
                tuple(data["categories"]),
                {(int(at), text): (int(rows), _whole(sums)) for at, text, rows, sums in data["levels"]},
                {((int(a), s), (int(b), t)): int(rows) for a, s, b, t, rows in data["pairs"]},
                data.get("weight"),
                data.get("counted"),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InDatabaseError(f"stored cofactors lack a part: {error!r}. Measure them again.") from error
        if (len(made.scales), len(made.sums), len(made.products)) != (count, count, count * (count + 1) // 2):
            raise InDatabaseError(
                f"stored cofactors of {count} columns have {len(made.sums)} sums and {len(made.products)} "
                "products. Measure them again."
            )
        return made


def summed(parts: Iterable[Cofactors]) -> Cofactors:
    """The cofactors of all rows of the parts.

    Raises:
        InDatabaseError: no part, or parts of different columns.
    """
    given = list(parts)
    if not given:
        raise InDatabaseError("adding cofactors failed: there are none. The relation has no rows.")
    result = given[0]
    for part in given[1:]:
        result = result + part
    return result


def _combined(one: Cofactors, two: Cofactors, sign: int) -> Cofactors:
    if (one.columns, one.categories) != (two.columns, two.categories):
        raise InDatabaseError(
            f"cofactors of {one.columns + one.categories} and of {two.columns + two.categories} do not add "
            "up; allowed: the same columns in the same order. Measure both with one declaration."
        )
    if (one.weight, one.counted is None) != (two.weight, two.counted is None):
        raise InDatabaseError(
            f"cofactors with weight {one.weight!r} and with {two.weight!r} do not add up. Measure both with "
            "one weight."
        )
    if one.scales != two.scales:
        scales = tuple(math.lcm(a, b) for a, b in zip(one.scales, two.scales, strict=True))
        one, two = one.in_steps(scales), two.in_steps(scales)
    nothing = (0, (0,) * len(one.columns))
    levels = dict(one.levels)
    for key, (rows, sums) in two.levels.items():
        before, known = levels.get(key, nothing)
        levels[key] = (before + sign * rows, _plus(known, sums, sign))
    pairs = dict(one.pairs)
    for pair, rows in two.pairs.items():
        pairs[pair] = pairs.get(pair, 0) + sign * rows
    return replace(
        one,
        rows=one.rows + sign * two.rows,
        sums=_plus(one.sums, two.sums, sign),
        products=_plus(one.products, two.products, sign),
        levels={key: value for key, value in levels.items() if value[0]},
        pairs={key: rows for key, rows in pairs.items() if rows},
        counted=None if one.counted is None or two.counted is None else one.counted + sign * two.counted,
    )


def _plus(one: tuple[int, ...], two: tuple[int, ...], sign: int) -> tuple[int, ...]:
    return tuple(map(operator.add if sign > 0 else operator.sub, one, two))


def _times(values: tuple[int, ...], by: list[int]) -> tuple[int, ...]:
    return tuple(value * factor for value, factor in zip(values, by, strict=True))


def _whole(values: Iterable[Any]) -> tuple[int, ...]:
    return tuple(map(int, values))


def _sorted(mapping: Mapping[Any, Any]) -> list[tuple[Any, Any]]:
    def order(item: tuple[Any, Any]) -> Any:
        levels = item[0] if isinstance(item[0][0], tuple) else (item[0],)
        return [(place, text is None, text or "") for place, text in levels]

    return sorted(mapping.items(), key=order)
