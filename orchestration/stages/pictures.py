"""The pictures on the pages of warehouse tables: one question each, asked in SQL, a few hundred numbers
back.

Belongs here: which table shows what. Does not belong here: drawing (`orchestration.svg`), or pictures of
models (`stages.train`, `stages.monitor`).
"""

from __future__ import annotations

from typing import Any

import dagster as dg

from orchestration.svg import bars
from warehouse.client import Warehouse

# (schema, table) -> (metadata name, title, query with columns label and value)
PICTURES: dict[tuple[str, str], tuple[str, str, str]] = {
    ("core", "fct_flight"): (
        "late_share_by_month",
        "Share of arrived flights more than 15 minutes late, by month",
        """select left(flight_date::text, 7) as label,
                  avg(is_late_arrival::int::double precision) as value
           from core.fct_flight where is_arrived group by 1 order by 1""",
    ),
    ("core", "fct_weather_hour"): (
        "rows_by_month",
        "Hours of weather observed, by month",
        """select left(observed_date::text, 7) as label,
                  count(*)::double precision as value
           from core.fct_weather_hour group by 1 order by 1""",
    ),
    ("features", "ftr_flight__schedule"): (
        "rows_by_month",
        "Flights with features, by month",
        """select left(flight_date::text, 7) as label,
                  count(*)::double precision as value
           from features.ftr_flight__schedule group by 1 order by 1""",
    ),
}


def model_pictures(wh: Warehouse, schema: str, table: str) -> dict[str, dg.MetadataValue]:
    """Metadata with the picture of this table, empty where it has none."""
    picture = PICTURES.get((schema, table))
    if picture is None:
        return {}
    name, title, query = picture
    rows = wh.query(query)
    drawn = bars(title, [row["label"] for row in rows], [row["value"] for row in rows])
    return {name: dg.MetadataValue.md(drawn)}


def rows_by_month(wh: Warehouse, relation: str, day: str) -> dict[str, Any]:
    """A picture of the rows a month of `relation`, both given as quoted SQL."""
    rows = wh.query(
        f"select left({day}::date::text, 7) as label, count(*) as value from {relation} group by 1 order by 1"
    )
    drawn = bars("Rows by month", [row["label"] for row in rows], [float(row["value"]) for row in rows])
    return {"rows_by_month": dg.MetadataValue.md(drawn)}
