"""Reading from the warehouse what bins and the label's steps need, and refusing what cannot be trained on.

Belongs here: the queries and their diagnoses. Does not belong here: bins (`ml.indb.bins`), the label's steps
(`ml.indb.labels`), the binned table (`ml.indb.binned_rows`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ml.indb.bins import MOST_BINS, Bins
from ml.indb.errors import InDatabaseError
from ml.indb.feature_bins import Feature, Source, bins_of, look_few
from ml.indb.grouped_values import column, held_sql, made_table, values_sql
from ml.indb.labels import MOST_CLASSES, Label, bits_for, class_label, number_label
from ml.indb.tree_weights import read_weights
from warehouse.client.dialect import POSTGRES

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
    """What was read. `is_training` and `is_used` are conditions in SQL on the relation, named r, and `weight`
    its weight in steps, a bigint. `values`: a table of rows grouped by the features' values, of which cells
    are made; the caller's to drop.
    """

    bins: tuple[Bins, ...]
    label: Label
    is_used: str
    is_training: str
    values: str | None = None
    weight: str = "1::bigint"


def scan(
    wh: Warehouse, rows: TreeRows, most_bins: int, *, for_cells: bool = False, for_export: bool = False
) -> Scan:
    """Bins of every feature and the label's steps, from the training rows. `for_cells`: where features look
    as if they had few values, group the rows by them first: bins and cells then follow from what that gives.
    `for_export`: no bins, which are cut from what leaves.

    Raises:
        InDatabaseError: no rows; a column that is constant, missing in every row, text where a number is
            needed, or infinite; a category with too many values; a label or weight that cannot be used.
        WarehouseError: a column does not exist.
    """
    if not 2 <= most_bins <= MOST_BINS:
        raise InDatabaseError(f"{most_bins!r} bins; allowed: 2 to {MOST_BINS}.")
    types = _refuse_types(wh, rows)
    is_used = f"{column(rows.weight)} > 0" if rows.weight else "true"
    weights = read_weights(wh, rows, types.get(rows.weight or ""))
    bits = bits_for(weights.total, rows.weight, weights.steps)
    is_training = f"({is_used}) and {_until(wh, rows, is_used)}"
    label = replace(_label(wh, rows, is_used, is_training, bits), weight_steps=weights.steps)
    found = Scan((), label, is_used, is_training, weight=weights.sql)
    if for_export:
        return found
    whole = f"{rows.relation} as r where {is_training}"
    features = [
        Feature(name, kind, column(name), f"r.x{at}") for at, (name, kind) in enumerate(rows.features.items())
    ]
    if for_cells and look_few(wh, features, Source(whole, whole), most_bins):
        return _of_values(wh, rows, found, features, whole, most_bins)
    features = [replace(one, value=one.x) for one in features]
    return replace(found, bins=bins_of(wh, features, Source(whole, whole), most_bins))


def _of_values(
    wh: Warehouse, rows: TreeRows, found: Scan, features: Sequence[Feature], whole: str, most_bins: int
) -> Scan:
    """The scan with bins from the table of values."""
    columns = [one.x for one in features]
    fold = held_sql(found.is_training)
    table = made_table(wh, "values", values_sql(rows, found, fold, columns))
    try:
        bins = bins_of(wh, features, Source(whole, f"{table} as r where v = 0"), most_bins)
    except BaseException:
        wh.execute(f"drop table {table}")
        raise
    return replace(found, bins=bins, values=table)


def _refuse_types(wh: Warehouse, rows: TreeRows) -> dict[str, str]:
    """Types by column, where each may be trained on."""
    label = {rows.label: NUMBERS} if rows.objective == "regression" else {}
    allowed = {name: TYPES[kind] for name, kind in rows.features.items()} | label
    if rows.weight:
        allowed[rows.weight] = NUMBERS
    if rows.held:
        allowed[rows.held] = TYPES["boolean"]
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
    return {name: found[0][f"t{at}"] for at, name in enumerate(allowed)}


def _until(wh: Warehouse, rows: TreeRows, is_used: str) -> str:
    """The condition that a row is not held out, or is early enough to train on."""
    if rows.held:
        missing = wh.scalar(f"select count(*) from {rows.relation} as r where {column(rows.held)} is null")
        if missing:
            raise InDatabaseError(
                f"held {rows.held!r} is missing in {missing} rows; allowed: true or false in every row."
            )
        return f"not {column(rows.held)}"
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
