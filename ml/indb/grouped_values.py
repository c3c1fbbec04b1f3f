"""Rows grouped by the values of their features, before these have bins; and short-lived tables.

Belongs here: the statement, which cells are made of, and the parts it shares with the table of rows. Does not
belong here: bins (`ml.indb.feature_bins`), tables of codes (`ml.indb.binned_rows`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ml.document.work_tables import WORK_SCHEMA, new_name, prepare
from ml.indb.cells import HELD
from warehouse.client import quote
from warehouse.client.dialect import POSTGRES

if TYPE_CHECKING:
    from ml.indb.bin_scan import Scan
    from ml.indb.tree_settings import TreeRows
    from warehouse.client import Warehouse


def column(name: str | None) -> str:
    """A column of the relation, quoted."""
    return f"r.{POSTGRES.name_of(name or '')}"


def values_sql(rows: TreeRows, found: Scan, fold: str, values: Sequence[str]) -> str:
    """A SELECT of n (rows), w (weight), v (the fold, in SQL `fold`), x0, x1, … (`values`) and s0, s1, …
    (weight times target in steps) by fold and values.
    """
    weight = f"sum({found.weight})::bigint" if rows.weight else "count(*)"
    listed = ", ".join(f"{value} as x{at}" for at, value in enumerate(values))
    sums = ", ".join(f"sum({sql})::bigint as s{at}" for at, sql in enumerate(targets_sql(rows, found)))
    # Grouped by position: the relation may have columns of these names.
    places = ", ".join(str(place) for place in range(3, 4 + len(values)))
    return (
        f"select count(*) as n, {weight} as w, ({fold})::smallint as v, {listed}, {sums}\n"
        f"from {rows.relation} as r where {found.is_used} group by {places}"
    )


def targets_sql(rows: TreeRows, found: Scan) -> list[str]:
    """Weight times target, by target."""
    w = f"{found.weight} * " if rows.weight else ""
    return [f"{w}{target}" for target in found.label.sqls(column(rows.label))]


def held_sql(is_training: str) -> str:
    """The fold of a row: 0 where it trains, else `HELD`."""
    return f"case when {is_training} then 0 else {HELD} end"


def made_table(wh: Warehouse, kind: str, select: str) -> str:
    """The quoted name of a new unlogged table.

    Raises:
        WarehouseError: the statement fails.
    """
    prepare(wh)
    table = quote(WORK_SCHEMA, new_name(kind))
    wh.execute(f"create unlogged table {table} as {select}")
    return table
