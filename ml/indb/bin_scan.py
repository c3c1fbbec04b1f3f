"""Reading from the warehouse what bins and the label's steps need, and refusing what cannot be trained on.

Belongs here: the queries and their diagnoses. Does not belong here: bins (`ml.indb.bins`), the label's steps
(`ml.indb.labels`), the binned table (`ml.indb.binned_rows`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml.document.dialect import POSTGRES
from ml.indb.bins import MOST_BINS, MOST_CATEGORIES, Bins, category_bins, number_bins, number_sql, shares
from ml.indb.errors import InDatabaseError
from ml.indb.labels import Label, binary_label, bits_for, number_label

if TYPE_CHECKING:
    from ml.indb.tree_settings import TreeRows
    from warehouse.client import Warehouse

NUMBERS = ("smallint", "integer", "bigint", "numeric", "real", "double precision")
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
    found = tuple(
        _category(wh, name, source) if kind == "category" else _number(wh, name, kind, source, most_bins)
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
    missing = y if rows.objective == "binary" else POSTGRES.known(f"{y}::float8")
    count = wh.scalar(f"select count(*) {where} and {missing} is null")
    if count:
        raise InDatabaseError(
            f"label {name!r} is missing in {count} rows; allowed: a value in every row. Filter those "
            "rows out."
        )
    if rows.objective == "regression":
        found = wh.query(f"select min({y})::float8 as low, max({y})::float8 as high {where}")[0]
        if not found or found["low"] is None:
            raise InDatabaseError(f"training on {rows.relation} failed: no row counts. Widen the window.")
        return number_label(name, found["low"], found["high"], bits)
    listed = wh.query(
        f"select {y} as value, {y}::text as text, bool_or({is_training}) as trained {where} group by 1, 2 "
        "order by 2 limit 4"
    )
    if len(listed) < 3:  # a third value is refused wherever it stands
        listed = [one for one in listed if one["trained"]]
    return binary_label(name, [(one["value"], one["text"]) for one in listed], bits)


def _category(wh: Warehouse, name: str, source: str) -> Bins:
    x = column(name)
    values = [
        row["value"]
        for row in wh.query(f"select {x}::text as value from {source} group by 1 limit {MOST_CATEGORIES + 2}")
    ]
    known = [value for value in values if value is not None]
    return category_bins(name, known, len(known) < len(values))


def _number(wh: Warehouse, name: str, kind: str, source: str, most: int) -> Bins:
    x = f"(select {number_sql(kind, column(name))} as x from {source}) as s"
    few = wh.query(f"select x from {x} group by x order by x limit {most + 2}")
    known = [row["x"] for row in few if row["x"] is not None]
    found = wh.query(f"select min(x) as low, max(x) as high, count(*) - count(x) as missing from {x}")[0]
    if found["low"] is not None and (found["low"] == -float("inf") or found["high"] == float("inf")):
        raise InDatabaseError(
            f"feature {name!r} is infinite in some rows; allowed: finite numbers. Make it null in the "
            "relation, "
            "or filter those rows out."
        )
    if len(known) <= most:
        return number_bins(name, kind, known, [], 0.0, bool(found["missing"]))
    listed = ", ".join(POSTGRES.number(share) for share in shares(most))
    ordered = f"within group (order by x) from {x} where x is not null"
    cuts = wh.scalar(f"select percentile_disc(array[{listed}]) {ordered}")
    return number_bins(name, kind, None, cuts, found["high"], bool(found["missing"]))
