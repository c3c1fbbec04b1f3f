"""Bins: a feature's values as small whole numbers, so that comparing bins is comparing values.

A number's bins lie between edges: bin t holds what is above edge t - 1 and at most edge t. Up to `most`
values have a bin each, with edges half way between them; more are cut at quantiles. A category's bins are
its values in the order of their UTF-8 bytes. What is missing, or a category that was not there, has bin -1.

Belongs here: edges and codes. Does not belong here: reading a warehouse (`ml.indb.feature_bins`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

import numpy as np

from ml.indb.errors import InDatabaseError
from warehouse.client.dialect import POSTGRES

MISSING = -1
MOST_BINS, MOST_CATEGORIES = 1_024, 512


@dataclass(frozen=True)
class Bins:
    """One feature: `edges` rise (numbers and booleans), or `values` are its categories. `is_few`: every value
    of the training rows has a bin of its own.
    """

    name: str
    kind: str
    edges: tuple[float, ...] = ()
    values: tuple[str, ...] = ()
    is_few: bool = True

    @property
    def count(self) -> int:
        """Bins without the one for missing."""
        return len(self.values) if self.kind == "category" else len(self.edges) + 1

    def sql(self, x: str) -> str:
        """The code of the column that SQL names `x`, a smallint."""
        if self.kind == "category":
            listed = ", ".join(POSTGRES.text(value) for value in self.values)
            code = f"coalesce(array_position(array[{listed}]::text[], {x}::text) - 1, {MISSING})"
            return f"({code})::smallint"
        value = number_sql(self.kind, x)
        if not self.edges:
            return f"(case when {value} is null then {MISSING} else 0 end)::smallint"
        # width_bucket counts the steps at or below x: those are the edges below x, each moved by one ulp.
        steps = ",".join(repr(math.nextafter(edge, math.inf)) for edge in self.edges)
        code = f"width_bucket({value}, '{{{steps}}}'::float8[])"
        return f"(case when {value} is null then {MISSING} else {code} end)::smallint"

    def codes(self, column: Sequence[float] | Sequence[str | None]) -> np.ndarray:
        """The codes (rows,) int16 of values: doubles with NaN for missing, or texts with None."""
        if self.kind == "category":
            places = {value: code for code, value in enumerate(self.values)}
            return np.array([places.get(value, MISSING) for value in column], dtype=np.int16)
        x = np.asarray(column, dtype=np.float64)
        return np.where(np.isnan(x), MISSING, np.searchsorted(self.edges, x, side="left")).astype(np.int16)


def number_sql(kind: str, x: str) -> str:
    """A feature as a double, NULL where it is missing."""
    return f"{x}::int::float8" if kind == "boolean" else POSTGRES.known(f"{x}::float8")


def between(values: Sequence[float]) -> tuple[float, ...]:
    """Edges half way between rising values; no half lies outside its two values, whatever their size."""
    edges = []
    for low, high in zip(values, values[1:], strict=False):
        middle = low / 2.0 + high / 2.0
        edges.append((middle if low <= middle < high else low) + 0.0)
    return tuple(edges)


def at_quantiles(quantiles: Sequence[float], largest: float) -> tuple[float, ...]:
    """Edges at the quantiles, each once, without the largest value: nothing lies above it."""
    return tuple(sorted({value + 0.0 for value in quantiles if value < largest}))


def shares(most: int) -> list[float]:
    """The quantiles that cut into `most` parts."""
    return [part / most for part in range(1, most)]


def quantile(ordered: Sequence, share: float):
    """The first of the ordered values that has at least `share` of them at or before it: Postgres'
    percentile_disc, with its arithmetic.
    """
    return ordered[max(math.ceil(share * len(ordered)), 1) - 1]


def number_bins(
    name: str, kind: str, distinct: Sequence[float] | None, cuts: Sequence[float], largest: float,
    has_missing: bool,
) -> Bins:  # fmt: skip
    """Bins of a feature of numbers from its few values, or from quantiles where `distinct` is None.

    Raises:
        InDatabaseError: the feature has no value, or one value in every row.
    """
    if distinct is not None and len(distinct) + has_missing < 2:
        refuse_constant(name, distinct)
    edges = at_quantiles(cuts, largest) if distinct is None else between([v + 0.0 for v in distinct])
    return Bins(name, kind, edges=edges, is_few=distinct is not None)


def category_bins(name: str, values: Sequence[str], has_missing: bool) -> Bins:
    """Bins of a category from its values.

    Raises:
        InDatabaseError: no value, one value in every row, or too many.
    """
    if len(values) + has_missing < 2:
        refuse_constant(name, values)
    if len(values) > MOST_CATEGORIES:
        raise InDatabaseError(
            f"category {name!r} has more than {MOST_CATEGORIES} values; allowed: that many. Leave it out, or "
            "group its rare values in the relation."
        )
    return Bins(name, "category", values=tuple(sorted(values, key=lambda text: text.encode())))


def refuse_infinite(name: str) -> NoReturn:
    """Raise for a feature of numbers without end."""
    raise InDatabaseError(
        f"feature {name!r} is infinite in some rows; allowed: finite numbers. Make it null in the "
        "relation, or filter those rows out."
    )


def refuse_constant(name: str, values: Sequence) -> None:
    """Raise for a feature that tells no rows apart."""
    if not values:
        raise InDatabaseError(
            f"feature {name!r} is missing in every training row; allowed: at least two values. Leave it out."
        )
    raise InDatabaseError(
        f"feature {name!r} is {values[0]!r} in every training row; allowed: at least two values. Leave "
        "it out."
    )
