"""What was planned for a training and what came of it, kept in `ml.training_plan`.

Belongs here: writing and reading these rows. Does not belong here: the plan (`ml.indb.training_plan`), the
table's definition (`ml.training_tables`).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ml.indb.training_plan import estimates_dict, size_text, statistics_dict
from ml.registry_schema import ensure_schema

if TYPE_CHECKING:
    from ml.indb.training_plan import TrainingPlan
    from warehouse.client import Warehouse


def record_training(
    wh: Warehouse,
    model_name: str,
    plan: TrainingPlan,
    seconds: float,
    bytes_out: int,
    version: int | None = None,
) -> None:
    """Keep a plan beside the wall seconds that its way took and the bytes that left the warehouse."""
    ensure_schema(wh)
    row = {
        "model_name": model_name,
        "version": version,
        "trainer": plan.trainer,
        "way": plan.way,
        "is_asked": plan.is_asked,
        "reason": plan.reason,
        "estimates": json.dumps(estimates_dict(plan.estimates)),
        "statistics": json.dumps(statistics_dict(plan.statistics)),
        "estimated_seconds": plan.seconds,
        "estimated_bytes_out": plan.bytes_out,
        "actual_seconds": float(seconds),
        "actual_bytes_out": int(bytes_out),
    }
    columns, values = ", ".join(row), ", ".join(f"%({name})s" for name in row)
    with wh.transaction():
        if wh.dialect == "bigquery":  # where no column counts
            wh.lock_until_commit("ml.models")
        wh.execute(f"insert into ml.training_plan ({columns}) values ({values})", row)


def last_training(wh: Warehouse, model_name: str) -> dict[str, Any] | None:
    """The newest row of `ml.training_plan` of a model, None where it was never planned."""
    rows = last_trainings(wh, model_name)
    return rows[0] if rows else None


def last_trainings(wh: Warehouse, model_name: str, most: int = 2) -> list[dict[str, Any]]:
    """Rows of `ml.training_plan` of a model, the newest first: a model and its challenger are two."""
    ensure_schema(wh)
    return wh.query(
        "select * from ml.training_plan where model_name = %s order by plan_id desc limit %s",
        (model_name, most),
    )


def training_text(row: dict[str, Any]) -> str:
    """A row of `ml.training_plan` in one sentence."""
    actual = f"took {row['actual_seconds']:.2f} s with {size_text(row['actual_bytes_out'])} out"
    if row["estimated_seconds"] is not None:
        estimated = f"{row['estimated_seconds']:.2f} s with {size_text(row['estimated_bytes_out'])}"
        actual += f" (estimated {estimated})"
    return f"{row['way']} of {row['planned_at']:%Y-%m-%d %H:%M} UTC {actual}. {row['reason']}."
