"""Declarations of number columns, read from their values: how many decimals, how large.

A declaration belongs to the model, not to one day's rows: read it once, keep it, and measure each day with
it, so that days add up. Belongs here: the one scan that proposes it. Does not belong here: measuring
(`ml.indb.cofactor_scan`), which checks every value against it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ml.indb.cofactor_scan import column_types
from ml.indb.columns import DOUBLE_WHOLE, DOUBLES, Number
from warehouse.client.dialect import POSTGRES

if TYPE_CHECKING:
    from warehouse.client import Warehouse

MOST_DECIMALS = 6
ROOM = 4.0
"""A declared limit is this many times the largest value seen: later days may go beyond it."""

LARGEST = 1e300
"""A limit beyond this would not be a double."""


def declared(wh: Warehouse, relation: str, columns: Sequence[str]) -> list[Number]:
    """A declaration for each column, as its values are now; one scan.

    Numbers with few decimals count in steps of these; doubles and NUMERIC that need more than 6, or are too
    large for that, are declared without decimals (summed as NUMERIC). Columns with missing values get an
    indicator. What cannot be summed at all is left for `measure` to refuse.

    Raises:
        InDatabaseError: no column is named.
        WarehouseError: a column does not exist.
    """
    types = column_types(wh, relation, columns)
    parts = [_profile(name, types[name], at) for at, name in enumerate(columns)]
    row = wh.query(f"select {', '.join(parts)} from {relation} as r")[0]
    return [_number(name, types[name], at, row) for at, name in enumerate(columns)]


def _profile(name: str, type_name: str, at: int) -> str:
    x = f"r.{POSTGRES.name_of(name)}"
    missing = f"coalesce(bool_or({x} is null), false) as m{at}"
    if type_name not in (*DOUBLES, "numeric", "bigint"):
        return missing
    value = f"{x}::text::float8" if type_name == "real" else f"{x}::float8"
    finite = f"{value} > '-Infinity'::float8 and {value} < 'Infinity'::float8"
    size = f"coalesce(max(abs({value})) filter (where {finite}), 0) as s{at}"
    if type_name == "bigint":
        return f"{missing}, {size}"
    fits = ", ".join(_fits(x, value, type_name, digits, finite) for digits in range(MOST_DECIMALS + 1))
    return f"{missing}, {size}, array[{fits}] as d{at}"


def _fits(x: str, value: str, type_name: str, digits: int, finite: str) -> str:
    """Whether no value has more digits behind the point."""
    power = f"'{10**digits}'::float8"
    has = f"round({value} * {power}) / {power} = {value}"
    if type_name == "numeric":
        has = f"scale(trim_scale({x})) <= {digits}"
    return f"coalesce(bool_and(case when {finite} and abs({value}) < 1e15 then {has} else true end), true)"


def _number(name: str, type_name: str, at: int, row: dict[str, Any]) -> Number:
    missing = "indicator" if row[f"m{at}"] else "refuse"
    if f"s{at}" not in row:
        return Number(name, missing=missing)
    if row[f"s{at}"] > LARGEST:
        return Number(name, missing=missing)
    limit = 10.0 ** math.ceil(math.log10(max(row[f"s{at}"] * ROOM, 1.0)))
    if type_name == "bigint":
        return Number(name, limit=limit, missing=missing)
    fitting = [digits for digits, fits in enumerate(row[f"d{at}"]) if fits]
    if not fitting or limit * 10 ** fitting[0] >= DOUBLE_WHOLE:
        return Number(name, missing=missing)
    return Number(name, fitting[0], limit, missing)
