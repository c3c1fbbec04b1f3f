"""What one scan tells of the rows before a generalised linear model is fitted: classes, ranges, categories.

Every figure is a count, a least or a largest value, so none depends on the order of rows.

Belongs here: the scan, and the diagnoses it allows by itself. Does not belong here: separation
(`ml.indb.glm_separation`), the table that is fitted on (`ml.indb.glm_table`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ml.indb.cofactor_sql import MOST_LEVELS
from ml.indb.columns import Number
from ml.indb.errors import InDatabaseError
from ml.indb.glm_rows import GlmRows
from ml.indb.refusals import refuse_values

if TYPE_CHECKING:
    from warehouse.client import Warehouse

MOST_CLASSES = 50
LARGEST, SMALLEST = 1e100, 1e-90
"""The largest size of a feature, and the least width of its range: documents end near there too."""

TARGETS = (1e-50, 1e50)
WEIGHTS = (1e-12, 1e12)


@dataclass(frozen=True)
class Span:
    """The range of a number, and in how many rows it is missing."""

    low: float
    high: float
    missing: int


@dataclass(frozen=True)
class Profile:
    """`rows` in all and by `groups`: the classes in order, for Poisson False (0) and True (above 0). `spans`
    by number and group; `levels[category][text][group]` counts rows. `target` and `weight` are ranges.
    """

    rows: int
    groups: dict[Any, int]
    spans: dict[str, dict[Any, Span]]
    levels: dict[str, dict[str | None, dict[Any, int]]]
    target: tuple[float, float]
    weight: tuple[float, float]
    bytes_out: int

    def span(self, number: str) -> Span:
        """Over all rows."""
        parts = self.spans[number].values()
        known = [one for one in parts if not math.isnan(one.low)]
        return Span(
            min(one.low for one in known), max(one.high for one in known), sum(one.missing for one in parts)
        )

    def texts(self, category: str) -> list[str | None]:
        """Its categories in order of text, missing last."""
        return sorted(self.levels[category], key=lambda text: (text is None, text or ""))

    def reference(self, category: str) -> str | None:
        """The most frequent category, the first by text among equals."""
        texts = self.texts(category)
        return texts[
            max(range(len(texts)), key=lambda at: (sum(self.levels[category][texts[at]].values()), -at))
        ]


def profile(wh: Warehouse, rows: GlmRows) -> Profile:
    """Scan the rows.

    Raises:
        InDatabaseError: no rows, one class, a column that is missing, infinite, constant or too large, a
            negative target or weight, a category with too many values.
    """
    found = wh.query(_profile_sql(rows))
    found_levels = wh.query(_levels_sql(rows)) if rows.categories else []
    if not found:
        raise InDatabaseError(f"fitting on {rows.source} failed: it has no rows. Widen the window.")
    _refuse_targets(rows, found)
    group_of = {row["g"]: _group(rows, row["g"]) for row in found}
    spans = {
        number.name: {group_of[row["g"]]: _span(row, at) for row in found}
        for at, number in enumerate(rows.numbers)
    }
    levels: dict[str, dict[str | None, dict[Any, int]]] = {one.name: {} for one in rows.categories}
    for row in found_levels:
        known = levels[rows.categories[row["place"]].name].setdefault(row["text"], {})
        known[group_of[row["g"]]] = row["rows"]
    if len(found_levels) > MOST_LEVELS:
        raise InDatabaseError(
            f"categories {', '.join(levels)} have more than {MOST_LEVELS} values; allowed: that many. Leave "
            "out the one with a value for nearly every row, or group rare values in the relation."
        )
    made = Profile(
        sum(row["rows"] for row in found),
        {group_of[row["g"]]: row["rows"] for row in sorted(found, key=lambda row: group_of[row["g"]])},
        spans, levels, _range(found, "y"), _range(found, "w"),
        sum(len(str(value)) for row in [*found, *found_levels] for value in row.values()),
    )  # fmt: skip
    _refuse_features(wh, rows, made)
    return made


def _profile_sql(rows: GlmRows) -> str:
    xs = [rows.double(number.name) for number in rows.numbers]
    y = "0::float8" if rows.classifies else rows.double(rows.target)
    w = rows.double(rows.weight) if rows.weight else "1::float8"
    parts = [
        f"{_group_sql(rows)} as g", "count(*) as rows", f"min({y}) as y_low", f"max({y}) as y_high",
        f"min({w}) as w_low", f"max({w}) as w_high", f"count(*) - count({w}) as w_missing",
        f"array[{', '.join(f'min({x})' for x in xs)}]::float8[] as low",
        f"array[{', '.join(f'max({x})' for x in xs)}]::float8[] as high",
        f"array[{', '.join(f'count(*) - count({x})' for x in xs)}]::bigint[] as missing",
    ]  # fmt: skip
    return f"select {', '.join(parts)} from {rows.source} as r group by 1 limit {MOST_CLASSES + 1}"


def _group_sql(rows: GlmRows) -> str:
    if rows.classifies:
        return f"{rows.x(rows.target)}::text"
    # A target of the gamma family is above 0 in all rows, else it is refused.
    return f"({rows.double(rows.target)} > 0)::text"


def _levels_sql(rows: GlmRows) -> str:
    count = len(rows.categories)
    names = [f"c{at}" for at in range(count)]
    listed = ", ".join(f"{rows.x(one.name)}::text as c{at}" for at, one in enumerate(rows.categories))
    source = f"(select {_group_sql(rows)} as g, {listed} from {rows.source} as r) as s"
    place = " ".join(f"when grouping({name}) = 0 then {at}" for at, name in enumerate(names))
    text = " ".join(f"when grouping({name}) = 0 then {name}" for name in names)
    sets = ", ".join(f"(g, {name})" for name in names)
    return (
        f"select case {place} end as place, case {text} end as text, g, count(*) as rows\nfrom {source} "
        f"group by grouping sets ({sets}) limit {MOST_LEVELS + 1}"
    )


def _group(rows: GlmRows, text: str) -> Any:
    """A class in the target's own type."""
    type_name = rows.types[rows.target]
    if not rows.classifies or type_name == "boolean":
        return text == "true"
    return int(text) if type_name in ("smallint", "integer", "bigint") else text


def _span(row: dict[str, Any], at: int) -> Span:
    low, high = row["low"][at], row["high"][at]
    return Span(math.nan if low is None else low, math.nan if high is None else high, row["missing"][at])


def _range(found: list[dict[str, Any]], name: str) -> tuple[float, float]:
    return min(row[f"{name}_low"] for row in found), max(row[f"{name}_high"] for row in found)


def _refuse_targets(rows: GlmRows, found: list[dict[str, Any]]) -> None:
    name, count = rows.target, sum(row["rows"] for row in found)
    missing = sum(row["rows"] for row in found if row["g"] is None)
    if missing:
        raise InDatabaseError(
            f"target {name!r} is missing in {missing} rows. Filter them out in the relation."
        )
    if rows.weight is not None:
        _refuse_weights(rows.weight, found)
    if rows.classifies:
        wanted = (2, 2) if rows.family == "logistic" else (2, MOST_CLASSES)
        if not wanted[0] <= len(found) <= wanted[1]:
            shown = ", ".join(sorted(row["g"] for row in found)[:3]) + (", …" if len(found) > 3 else "")
            allowed = "two" if rows.family == "logistic" else f"2 to {MOST_CLASSES}"
            raise InDatabaseError(
                f"target {name!r} has {len(found)} classes in {count} rows ({shown}); allowed for "
                f"{rows.family}: {allowed}. Widen the window, or choose another family."
            )
        return
    low, high = _range(found, "y")
    if not (math.isfinite(low) and math.isfinite(high)):
        raise InDatabaseError(
            f"target {name!r} holds NaN or infinity. Filter those rows out in the relation."
        )
    least, need = (0.0, "0 or more") if rows.family == "poisson" else (TARGETS[0], "numbers above 0")
    if low < least or (rows.family == "gamma" and low <= 0.0) or high > TARGETS[1]:
        value = low if low < least else high
        raise InDatabaseError(
            f"target {name!r} is {value!r} in some row; allowed for {rows.family}: {need}, up to "
            f"{TARGETS[1]:g}. Filter those rows out, or choose another family."
        )
    if low == high:
        raise InDatabaseError(
            f"target {name!r} is {low!r} in all {count} rows; allowed: at least two values. Widen the window."
        )


def _refuse_weights(name: str, found: list[dict[str, Any]]) -> None:
    missing, (low, high) = sum(row["w_missing"] for row in found), _range(found, "w")
    if missing or not (WEIGHTS[0] <= low and high <= WEIGHTS[1]):
        value = "missing" if missing else repr(low if not low >= WEIGHTS[0] else high)
        raise InDatabaseError(
            f"weight {name!r} is {value} in some row; allowed: 0, which leaves a row out, or {WEIGHTS[0]:g} "
            f"to {WEIGHTS[1]:g}."
        )


def _refuse_features(wh: Warehouse, rows: GlmRows, made: Profile) -> None:
    for number in rows.numbers:
        by_group = made.spans[number.name]
        missing = sum(one.missing for one in by_group.values())
        if missing == made.rows:
            raise InDatabaseError(f"column {number.name!r} is missing in all {missing} rows. Leave it out.")
        sizes = [
            size
            for group, one in by_group.items() if one.missing < made.groups[group]
            for size in (one.low, one.high)
        ]  # fmt: skip
        is_finite = all(abs(size) <= LARGEST for size in sizes)
        if not is_finite or (missing and number.missing != "indicator"):
            refuse_values(
                wh, rows.source, [Number(number.name, limit=LARGEST, missing=number.missing)], rows.types
            )
        _refuse_span(number.name, made.span(number.name), made.rows - missing)
    for category, texts in made.levels.items():
        if len(texts) < 2:
            raise InDatabaseError(
                f"category {category!r} is {next(iter(texts))!r} in all {made.rows} rows; allowed: at least "
                "two categories. Leave it out."
            )


def _refuse_span(name: str, span: Span, rows: int) -> None:
    if span.low == span.high:
        raise InDatabaseError(
            f"column {name!r} is {span.low!r} in all {rows} rows that have it; allowed: columns that vary. "
            "Leave it out, or widen the window."
        )
    if span.high - span.low < SMALLEST:
        raise InDatabaseError(
            f"column {name!r} lies between {span.low!r} and {span.high!r}; allowed: a range of at least "
            f"{SMALLEST:g}. Multiply it by a power of ten in the relation."
        )
