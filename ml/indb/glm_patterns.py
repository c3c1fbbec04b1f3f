"""Whether collapsing rows to covariate patterns pays, told before it is done.

Few rows are grouped without asking. Else, where whole numbers and categories bound the patterns, their
product tells; where they do not, the patterns among a 64th of all, chosen by a hash of their values. The
answer is the same in any order of rows.

Belongs here: this decision. Does not belong here: the table (`ml.indb.glm_table`).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ml.indb.columns import WHOLE
from ml.indb.glm_profile import Profile
from ml.indb.glm_rows import GlmRows
from warehouse.client.dialect import POSTGRES

if TYPE_CHECKING:
    from warehouse.client import Warehouse

PAYS = 2
"""Patterns pay where rows are at least so many times as many."""

FEW_ROWS = 100_000
"""Up to here grouping costs less than asking whether it pays."""

SHARE = 64


def patterns_pay(wh: Warehouse, rows: GlmRows, found: Profile, inner: str, keys: list[str]) -> bool:
    """For the select `inner` of all rows, whose columns `keys` are covariates.

    Raises:
        WarehouseError: the statement fails.
    """
    if found.rows <= FEW_ROWS or _most(rows, found) * PAYS <= found.rows:
        return True
    row = f"row({', '.join(keys)})"
    counted = wh.query(
        f"select count(*) as rows, count(distinct h) as patterns from (select hash_record_extended({row}, 0) "
        f"as h from ({inner}) as r {POSTGRES.fence}) as s where mod(h, {SHARE}) = 0"
    )[0]
    return counted["patterns"] * PAYS <= counted["rows"]


def _most(rows: GlmRows, found: Profile) -> float:
    """How many patterns there can be."""
    if rows.fold or any(rows.types[one.name] not in WHOLE for one in rows.numbers):
        return math.inf
    spans = [found.span(one.name) for one in rows.numbers]
    sizes = [one.high - one.low + 1.0 + (one.missing > 0) for one in spans]
    return math.prod([*sizes, *map(len, found.levels.values())])
