"""Pearson's statistic of a fitted Poisson or gamma model: Σ (y - mean)² / variance, over rows.

Of a covariate pattern it needs the number of rows, the sum of targets and that of their squares. Each line's
part is rounded to 15 digits before the exact sum. Belongs here: this one scan. Does not belong here: fits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ml.indb.glm_pass import GlmPass
from warehouse.client.dialect import POSTGRES

if TYPE_CHECKING:
    from warehouse.client import Warehouse


def pearson(wh: Warehouse, run: GlmPass, theta: np.ndarray, is_gamma: bool) -> float:
    """At the table's coefficients (1, P).

    Raises:
        WarehouseError: the statement fails.
    """
    square = f"h{len(run.table.moments)}"
    far = POSTGRES.number(200.0)
    mean = f"exp(greatest(least(e0, {far}), -{far}))"
    part = f"{square} / m - 2 * s1 + n * m"
    if is_gamma:
        part = f"{square} / m / m - 2 * s1 / m + n"
    lines = (
        f"select s.*, {mean} as m from ({run.lines_sql(theta, ['n', 's1', square])} {POSTGRES.fence}) as s"
    )
    found = wh.scalar(f"select sum(greatest({part}, 0)::numeric)::text from ({lines} {POSTGRES.fence}) as s")
    run.count += 1
    run.bytes_out += len(found)
    return float(found)
