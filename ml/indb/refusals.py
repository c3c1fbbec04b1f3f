"""Why a value was refused: the column, one such value, and what to do.

Belongs here: the second query, run only after a refusal. Does not belong here: the rules (`ml.indb.columns`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, NoReturn

from ml.indb.columns import Encoded, Number, encoded
from ml.indb.errors import InDatabaseError
from warehouse.client.dialect import POSTGRES

if TYPE_CHECKING:
    from warehouse.client import Warehouse

BIGQUERY_DECIMALS = 19
"""Digits behind the point whose products fit into a BIGNUMERIC; Postgres' NUMERIC has room for any."""


def refuse_values(
    wh: Warehouse, relation: str, numbers: Sequence[Number], types: Mapping[str, str]
) -> NoReturn:
    """Raise for the first column that has a value its declaration does not take.

    Raises:
        InDatabaseError: always.
    """
    for number in numbers:
        x = f"r.{POSTGRES.name_of(number.name)}"
        value = encoded(number, types[number.name], x)[0].sql
        found = wh.query(
            f"select {x}::text as value, count(*) over () as rows from {relation} as r "
            f"where {value} is null order by {x} is not null, {x} desc limit 1"
        )
        if found:
            raise InDatabaseError(_reason(number, types[number.name], **found[0]))
    raise InDatabaseError(
        f"measuring {relation} failed: values were refused, and none is to be found now. The rows changed "
        "meanwhile: measure again."
    )


def refuse_weights(wh: Warehouse, relation: str, weight: Encoded | None) -> None:
    """
    Raises:
        InDatabaseError: a row has no weight that is taken.
    """
    if weight is None:
        return
    x = f"r.{POSTGRES.name_of(weight.name)}"
    found = wh.query(
        f"select {x}::text as value, count(*) over () as rows from {relation} as r "
        f"where {weight.sql} is null limit 1"
    )
    if found:
        value, rows = found[0]["value"], found[0]["rows"]
        raise InDatabaseError(
            f"weight {weight.name!r}: {rows} rows hold none that can be taken, such as {value or 'missing'}; "
            f"allowed: whole numbers from 0 to {weight.limit}. Multiply fractions by a power of ten in the "
            "relation, or declare a larger limit."
        )


def _reason(number: Number, type_name: str, value: str | None, rows: int) -> str:
    head = f"column {number.name!r}: {rows} rows hold no number that can be summed exactly, such as {value}"
    if value is None:
        return (
            f"column {number.name!r} is missing in {rows} rows; allowed: a number in every row. Declare "
            "missing='indicator', fill it in the relation, or filter those rows out."
        )
    if value in ("NaN", "Infinity", "-Infinity"):
        return f"{head}; allowed: finite numbers. Make it null in the relation, or filter those rows out."
    if number.limit is not None and abs(float(value)) > number.limit:
        return f"{head}; allowed: sizes up to {number.limit!r}. Declare a larger limit, or none."
    if number.decimals is None and -Decimal(value).as_tuple().exponent > BIGQUERY_DECIMALS:
        return (
            f"{head}; allowed on BigQuery: {BIGQUERY_DECIMALS} digits behind the point, whose products are "
            "exact there. Declare decimals and rounded=True."
        )
    if type_name in ("bigint",) or number.decimals is None:
        return f"{head}; allowed: sizes up to the default. Declare a limit."
    if number.rounded or len(value.partition(".")[2]) <= number.decimals:
        return f"{head}; allowed: the default size at {number.decimals} decimals. Declare a limit, or fewer."
    return (
        f"{head}; allowed: {number.decimals} decimals. Declare more decimals, none (sums as NUMERIC), or "
        "rounded=True."
    )
