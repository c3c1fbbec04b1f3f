"""Bins of features from the warehouse: values that are few as they are, else quantiles.

Belongs here: the queries over features. Does not belong here: the label, weights and times
(`ml.indb.bin_scan`), what bins are (`ml.indb.bins`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml.indb.bins import (
    MOST_CATEGORIES,
    Bins,
    category_bins,
    number_bins,
    number_sql,
    refuse_infinite,
    shares,
)
from warehouse.client.dialect import POSTGRES

if TYPE_CHECKING:
    from warehouse.client import Warehouse

EXTENTS_AT_ONCE = 400
"""Three columns each: Postgres takes 1,664."""

FIRST_ROWS = 20
"""Rows for each bin that are looked at first."""


@dataclass(frozen=True)
class Feature:
    """A feature: `x`, its column in the rows, and `value`, the same in `Source.values`."""

    name: str
    kind: str
    x: str
    value: str


@dataclass(frozen=True)
class Source:
    """Training rows, as what stands behind FROM: `rows` every one, `values` every combination of values at
    least once.
    """

    rows: str
    values: str


@dataclass(frozen=True)
class _Extent:
    low: float | None
    high: float
    has_missing: bool


def look_few(wh: Warehouse, features: Sequence[Feature], source: Source, most: int) -> bool:
    """Whether the first rows leave it open that every feature has few values."""
    counts = ", ".join(f"count(distinct {one.x}) as n{at}" for at, one in enumerate(features))
    first = f"(select * from {source.rows} limit {FIRST_ROWS * most}) as r"
    found = wh.query(f"select {counts} from {first}")[0]
    limits = [MOST_CATEGORIES if one.kind == "category" else most for one in features]
    return all(found[f"n{at}"] <= limit for at, limit in enumerate(limits))


def bins_of(wh: Warehouse, features: Sequence[Feature], source: Source, most: int) -> tuple[Bins, ...]:
    """The features' bins.

    Raises:
        InDatabaseError: a feature is constant, missing in every row, infinite, or a category with too many
            values.
    """
    extents = _extents(wh, [one for one in features if one.kind != "category"], source)
    return tuple(
        _category(wh, one, source)
        if one.kind == "category"
        else _number(wh, one, source, most, extents[one.name])
        for one in features
    )


def _category(wh: Warehouse, one: Feature, source: Source) -> Bins:
    values = [
        row["value"]
        for row in wh.query(
            f"select {one.value}::text as value from {source.values} group by 1 limit {MOST_CATEGORIES + 2}"
        )
    ]
    known = [value for value in values if value is not None]
    return category_bins(one.name, known, len(known) < len(values))


def _extents(wh: Warehouse, numbers: Sequence[Feature], source: Source) -> Mapping[str, _Extent]:
    """Least and largest value of each feature of numbers, and whether some rows have none; few scans for
    all.
    """
    found = {}
    for first in range(0, len(numbers), EXTENTS_AT_ONCE):
        run = numbers[first : first + EXTENTS_AT_ONCE]
        listed = ", ".join(f"{number_sql(one.kind, one.value)} as x{at}" for at, one in enumerate(run))
        parts = ", ".join(
            f"min(x{at}) as low{at}, max(x{at}) as high{at}, count(*) - count(x{at}) as missing{at}"
            for at in range(len(run))
        )
        row = wh.query(f"select {parts} from (select {listed} from {source.values}) as s")[0]
        for at, one in enumerate(run):
            found[one.name] = _Extent(row[f"low{at}"], row[f"high{at}"], bool(row[f"missing{at}"]))
    return found


def _number(wh: Warehouse, one: Feature, source: Source, most: int, extent: _Extent) -> Bins:
    if extent.low is not None and (extent.low == -math.inf or extent.high == math.inf):
        refuse_infinite(one.name)
    known = f"(select {number_sql(one.kind, one.value)} as x from {source.values}) as s where x is not null"
    # More than enough values among the first rows need no look at all of them.
    first = f"(select x from {known} limit {FIRST_ROWS * most}) as f"
    if wh.scalar(f"select count(distinct x) from {first}") <= most:
        few = wh.query(f"select x from {known} group by x order by x limit {most + 1}")
        if len(few) <= most:
            return number_bins(one.name, one.kind, [row["x"] for row in few], [], 0.0, extent.has_missing)
    listed = ", ".join(POSTGRES.number(share) for share in shares(most))
    every = f"(select {number_sql(one.kind, one.x)} as x from {source.rows}) as s where x is not null"
    cuts = wh.scalar(f"select percentile_disc(array[{listed}]) within group (order by x) from {every}")
    return number_bins(one.name, one.kind, None, cuts, extent.high, extent.has_missing)
