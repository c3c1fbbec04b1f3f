"""Reading from the warehouse what bins and the label's steps need, and refusing what cannot be trained on.

Belongs here: the queries and their diagnoses. Does not belong here: bins (`ml.indb.bins`), the label's steps
(`ml.indb.labels`), the binned table (`ml.indb.binned_rows`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ml.document.dialect import POSTGRES
from ml.indb.bins import MOST_BINS, MOST_CATEGORIES, Bins, category_bins, number_bins, number_sql, shares
from ml.indb.errors import InDatabaseError
from ml.indb.labels import MOST_CLASSES, Label, bits_for, class_label, number_label

if TYPE_CHECKING:
    from ml.indb.tree_settings import TreeRows
    from warehouse.client import Warehouse

NUMBERS = ("smallint", "integer", "bigint", "numeric", "real", "double precision")
EXTENTS_AT_ONCE = 400
"""Three columns each: Postgres takes 1,664."""

FIRST_ROWS = 20
"""Rows for each bin that are looked at first."""

WHOLE = ("smallint", "integer", "bigint")
TYPES = {
    "number": NUMBERS,
    "boolean": ("boolean",),
    "category": ("text", "character varying", "character", "boolean", "uuid", *WHOLE),
}


@dataclass(frozen=True)
class Scan:
    """What was read. `is_training` and `is_used` are conditions in SQL on the relation, named r."""

    bins: tuple[Bins, ...]
    label: Label
    is_used: str
    is_training: str


@dataclass(frozen=True)
class _Extent:
    low: float | None
    high: float
    has_missing: bool


def scan(wh: Warehouse, rows: TreeRows, most_bins: int) -> Scan:
    """Bins of every feature and the label's steps, from the training rows.

    Raises:
        InDatabaseError: no rows; a column that is constant, missing in every row, text where a number is
            needed, or infinite; a category with too many values; a label or weight that cannot be used.
        WarehouseError: a column does not exist.
    """
    if not 2 <= most_bins <= MOST_BINS:
        raise InDatabaseError(f"{most_bins!r} bins; allowed: 2 to {MOST_BINS}.")
    _refuse_types(wh, rows)
    is_used = f"{column(rows.weight)} > 0" if rows.weight else "true"
    bits = bits_for(_weight(wh, rows), rows.weight)
    is_training = f"({is_used}) and {_until(wh, rows, is_used)}"
    label = _label(wh, rows, is_used, is_training, bits)
    source = f"{rows.relation} as r where {is_training}"
    numbers = {name: kind for name, kind in rows.features.items() if kind != "category"}
    extents = _extents(wh, numbers, source)
    found = tuple(
        _number(wh, name, kind, source, most_bins, extents[name])
        if name in numbers
        else _category(wh, name, source)
        for name, kind in rows.features.items()
    )
    return Scan(found, label, is_used, is_training)


def column(name: str | None) -> str:
    """A column of the relation, quoted."""
    return f"r.{POSTGRES.name_of(name or '')}"


def _refuse_types(wh: Warehouse, rows: TreeRows) -> None:
    label = {rows.label: NUMBERS} if rows.objective == "regression" else {}
    allowed = {name: TYPES[kind] for name, kind in rows.features.items()} | label
    if rows.weight:
        allowed[rows.weight] = NUMBERS
    listed = ", ".join(f"pg_typeof({column(name)})::text as t{at}" for at, name in enumerate(allowed))
    found = wh.query(f"select {listed} from {rows.relation} as r limit 1")
    if not found:
        raise InDatabaseError(f"training on {rows.relation} failed: it has no rows. Widen the window.")
    for at, (name, types) in enumerate(allowed.items()):
        if found[0][f"t{at}"] not in types:
            raise InDatabaseError(
                f"column {name!r} is {found[0][f't{at}']}; allowed: {', '.join(types)}. Cast it in the "
                "relation, "
                "or declare another kind."
            )


def _weight(wh: Warehouse, rows: TreeRows) -> int:
    """The sum of all rows' weights."""
    if not rows.weight:
        return int(wh.scalar(f"select count(*) from {rows.relation} as r"))
    w = column(rows.weight)
    # NaN stands above infinity in Postgres; nothing beyond 2**53 is a whole number that can be trusted.
    found = wh.query(
        f"select sum(case when {w} between 0 and 9007199254740992 then trunc({w}::numeric) end) as total, "
        f"count(*) filter (where ({w} between 0 and 9007199254740992 and {w}::numeric = trunc({w}::numeric)) "
        f"is not true) as refused from {rows.relation} as r"
    )[0]
    if found["refused"] or not found["total"]:
        raise InDatabaseError(
            f"weight {rows.weight!r} is missing, negative or no whole number in {found['refused']} "
            "rows, and adds "
            f"up to {found['total'] or 0}; allowed: whole numbers from 0, some above. Scale it in the "
            "relation."
        )
    return int(found["total"])


def _until(wh: Warehouse, rows: TreeRows, is_used: str) -> str:
    """The condition that a row is early enough to train on."""
    if not rows.time:
        return "true"
    time, share = column(rows.time), POSTGRES.number(1.0 - rows.validation)
    found = wh.query(
        f"select (percentile_disc({share}) within group (order by {time}))::text as cut, "
        f"pg_typeof(min({time}))::text as type, count(*) - count({time}) as missing "
        f"from {rows.relation} as r where {is_used}"
    )[0]
    if found["missing"] or found["cut"] is None:
        raise InDatabaseError(
            f"time {rows.time!r} is missing in {found['missing']} rows; allowed: a time in every row. "
            "Filter them."
        )
    return f"{time} <= {POSTGRES.text(found['cut'])}::{found['type']}"


def _label(wh: Warehouse, rows: TreeRows, is_used: str, is_training: str, bits: int) -> Label:
    y, name = column(rows.label), rows.label
    where = f"from {rows.relation} as r where {is_used}"
    if rows.objective == "regression":
        known = POSTGRES.known(f"{y}::float8")
        extent = f"min({known}) as low, max({known}) as high, count(*) - count({known}) as missing"
        found = wh.query(f"select {extent} {where}")[0]
        _refuse_missing(name, found["missing"])
        if found["low"] is None:
            raise InDatabaseError(f"training on {rows.relation} failed: no row counts. Widen the window.")
        return number_label(name, found["low"], found["high"], bits)
    listed = wh.query(
        f"select {y} as value, {y}::text as text, bool_or({is_training}) as trained, count(*) as rows "
        f"{where} group by 1, 2 order by 2 nulls first limit {MOST_CLASSES + 1}"
    )
    _refuse_missing(name, sum(one["rows"] for one in listed if one["value"] is None))
    if len(listed) < 3 or rows.objective == "multiclass":  # a third value is refused wherever it stands
        listed = _trained(name, listed, rows.objective)
    return class_label(name, [(one["value"], one["text"]) for one in listed], bits, rows.objective)


def _trained(name: str, listed: list[dict[str, Any]], objective: str) -> list[dict[str, Any]]:
    """The classes that training rows have; of several classes every one must."""
    without = [one["text"] for one in listed if not one["trained"]]
    if without and objective == "multiclass":
        raise InDatabaseError(
            f"label {name!r} is {without[0]!r} in validation rows only; allowed: classes that training rows "
            "have. Widen the window, or leave those rows out."
        )
    return [one for one in listed if one["trained"]]


def _refuse_missing(name: str, rows: int) -> None:
    if rows:
        raise InDatabaseError(
            f"label {name!r} is missing in {rows} rows; allowed: a value in every row. Filter them out."
        )


def _category(wh: Warehouse, name: str, source: str) -> Bins:
    x = column(name)
    values = [
        row["value"]
        for row in wh.query(f"select {x}::text as value from {source} group by 1 limit {MOST_CATEGORIES + 2}")
    ]
    known = [value for value in values if value is not None]
    return category_bins(name, known, len(known) < len(values))


def _extents(wh: Warehouse, numbers: Mapping[str, str], source: str) -> dict[str, _Extent]:
    """Least and largest value of each feature of numbers, and how many rows have none; few scans for all."""
    names, found = list(numbers), {}
    for first in range(0, len(names), EXTENTS_AT_ONCE):
        run = names[first : first + EXTENTS_AT_ONCE]
        listed = ", ".join(
            f"{number_sql(numbers[name], column(name))} as x{at}" for at, name in enumerate(run)
        )
        parts = ", ".join(
            f"min(x{at}) as low{at}, max(x{at}) as high{at}, count(*) - count(x{at}) as missing{at}"
            for at in range(len(run))
        )
        row = wh.query(f"select {parts} from (select {listed} from {source}) as s")[0]
        for at, name in enumerate(run):
            found[name] = _Extent(row[f"low{at}"], row[f"high{at}"], bool(row[f"missing{at}"]))
    return found


def _number(wh: Warehouse, name: str, kind: str, source: str, most: int, extent: _Extent) -> Bins:
    if extent.low is not None and (extent.low == -math.inf or extent.high == math.inf):
        raise InDatabaseError(
            f"feature {name!r} is infinite in some rows; allowed: finite numbers. Make it null in the "
            "relation, or filter those rows out."
        )
    x = f"(select {number_sql(kind, column(name))} as x from {source}) as s where x is not null"
    # More than enough values among the first rows need no look at all of them.
    first = f"(select x from {x} limit {FIRST_ROWS * most}) as f"
    if wh.scalar(f"select count(distinct x) from {first}") <= most:
        few = wh.query(f"select x from {x} group by x order by x limit {most + 1}")
        if len(few) <= most:
            return number_bins(name, kind, [row["x"] for row in few], [], 0.0, extent.has_missing)
    listed = ", ".join(POSTGRES.number(share) for share in shares(most))
    cuts = wh.scalar(f"select percentile_disc(array[{listed}]) within group (order by x) from {x}")
    return number_bins(name, kind, None, cuts, extent.high, extent.has_missing)
