"""Unit costs of training, measured on this server once a week and kept in the warehouse.

Belongs here: keeping them, and measuring anew what is old. Does not belong here: the measurements
(`ml.indb.calibrate_sums`, `ml.indb.calibrate_trees`, `ml.indb.calibrate_arrays`).
"""

from __future__ import annotations

import hashlib
import inspect
import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from ml.indb.calibrate_arrays import of_arrays
from ml.indb.calibrate_sums import (
    Costs,
    made_rows,
    of_exact_sums,
    of_export,
    of_library_sums,
    of_sums,
)
from ml.indb.calibrate_trees import of_trees
from ml.registry_schema import ensure_schema

if TYPE_CHECKING:
    from warehouse.client import Warehouse

VALID_DAYS = 7
PARTS = {
    "sums": of_sums, "export": of_export, "exact_sums": of_exact_sums, "library_sums": of_library_sums,
    "trees": of_trees, "arrays": of_arrays,
}  # fmt: skip
OF_TRAINER = {
    "cofactors": ("sums", "export", "exact_sums", "library_sums"),
    "passes": ("sums", "export", "library_sums"),
    "trees": ("sums", "export", "trees", "arrays"),
}


@cache
def _definition(part: str) -> str:
    """The part and the code that measures it: what another code measured has other names."""
    code = Path(inspect.getfile(PARTS[part])).read_bytes()
    return f"{part} {hashlib.sha256(code).hexdigest()[:12]}"


def unit_costs(wh: Warehouse, trainer: str) -> Costs:
    """What a trainer's ways are made of, in seconds; the names are those of the measurements. About three
    seconds of measuring, once a week.

    Raises:
        WarehouseError: the login may not write to schema ml or make a table to measure on.
    """
    ensure_schema(wh)
    wanted = OF_TRAINER[trainer]
    found = _kept(wh)
    if any(part not in found for part in wanted):
        with wh.advisory_lock("ml.training_calibration"):  # two at once would measure each other
            found = _kept(wh)
            missing = [part for part in wanted if part not in found]
            found |= _measured(wh, missing) if missing else {}
    return {name: value for part in wanted for name, value in found[part].items()}


def _measured(wh: Warehouse, parts: list[str]) -> dict[str, Costs]:
    with made_rows(wh) as table:
        found = {part: PARTS[part](wh, table) for part in parts}
    with wh.transaction():
        for part, costs in found.items():
            wh.execute(
                "insert into ml.training_calibration (part, costs) values (%s, %s) on conflict (part) "
                "do update set costs = excluded.costs, measured_at = now()",
                (_definition(part), json.dumps(costs)),
            )
    return found


def _kept(wh: Warehouse) -> dict[str, Costs]:
    rows = wh.query(
        "select part, costs from ml.training_calibration "
        "where measured_at > now() - make_interval(days => %s)",
        (VALID_DAYS,),
    )
    kept = {row["part"]: row["costs"] for row in rows}
    return {part: kept[_definition(part)] for part in PARTS if _definition(part) in kept}
