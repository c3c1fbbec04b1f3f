"""Feature rows of a test's choosing behind the small star's registered model, and drift computed over them.

Belongs here: putting generated or real columns into the feature tables, and the bins worked out again in
Python as an oracle. Does not belong here: the tests themselves.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import pyarrow as pa

from ml import registry
from tests.ml.small_model import fitted_late
from warehouse.client import Warehouse

REFERENCE_DAY = dt.date(2013, 1, 15)
NUMBERS = ("departure_hour", "queue_count")
CATEGORIES = ("carrier_id", "is_even")


def champion(wh: Warehouse, **spec_changes) -> None:
    """The small star's model in charge, its declaration changed; feature tables empty and of type float."""
    fitted, training_set = fitted_late(wh)
    spec = fitted.spec.model_copy(update=spec_changes)
    version = registry.register(wh, replace(fitted, spec=spec), training_set, "x").version
    registry.judge_version(wh, "late", version)
    registry.promote(wh, "late", version, "tester", "test")
    wh.execute(
        "truncate features.ftr_flight__schedule, features.ftr_flight__state; "
        "alter table features.ftr_flight__schedule alter departure_hour type double precision; "
        "alter table features.ftr_flight__state alter queue_count type double precision"
    )


def put(wh: Warehouse, day: dt.date, rows: int, **columns) -> None:
    """Add rows of one day. Columns not given are constant, so that nothing happens in them."""
    constant = {"carrier_id": ["A"] * rows, "departure_hour": [1.0] * rows, "queue_count": [2.0] * rows}
    given = constant | {"is_even": [True] * rows} | columns
    instant = pa.repeat(
        pa.scalar(dt.datetime.combine(day, dt.time(12), dt.UTC), pa.timestamp("us", "UTC")), rows
    )
    start = wh.scalar("select count(*) from features.ftr_flight__schedule")
    keys = [f"k{start + i}" for i in range(rows)]
    for table, names in (
        ("ftr_flight__schedule", ("carrier_id", "departure_hour")),
        ("ftr_flight__state", ("queue_count", "is_even")),
    ):
        data = {
            "flight_key": keys,
            "flight_date": [day] * rows,
            "prediction_at": instant,
            "known_at": instant,
        }
        wh.copy_arrow("features", table, pa.table(data | {name: given[name] for name in names}))


def drift_of(wh: Warehouse, name: str, window: dt.date | None = None) -> dict:
    """The row of ml.drift of one column, of the only or the given window."""
    sql = "select * from ml.drift where name = %(name)s and (%(day)s::date is null or window_start = %(day)s)"
    (row,) = wh.query(sql, {"name": name, "day": window})
    return row


def bin_counts(wh: Warehouse, name: str) -> tuple[list[dict], np.ndarray, np.ndarray]:
    """The frozen bins of a column, with reference and current counts (of the only window)."""
    rows = wh.query(
        "select b.*, coalesce(c.current_rows, 0) as current_rows "
        "from ml.drift_bin b left join ml.drift_bin_count c "
        "using (model_name, model_version, subject, name, bin) where name = %(name)s order by bin",
        {"name": name},
    )
    return rows, *(
        np.array([row[side] for row in rows], float) for side in ("reference_rows", "current_rows")
    )


def count_by_hand(bins: list[dict], values: list) -> np.ndarray:
    """How many of the values fall into each bin, by the words of its definition."""
    ranges = [b for b in bins if b["bin_kind"] == "range"]
    known = {b["category"]: b["bin"] for b in bins if b["bin_kind"] == "category"}
    place = {b["bin_kind"]: b["bin"] for b in bins}

    def bin_of(value) -> int:
        if value is None or value != value:
            return place["null"]
        if not ranges:
            return known.get(value, place["unseen"])
        if value < ranges[0]["lower_bound"]:
            return place["below"]
        if value > ranges[-1]["upper_bound"]:
            return place["above"]
        return [b["bin"] for b in ranges if b["lower_bound"] <= value][-1]

    return np.bincount([bin_of(value) for value in values], minlength=len(bins)).astype(float)
