"""Chapter "Data": what was loaded, when, from which file; what stands in the warehouse; what the flights
look like."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from orchestration.report.figures import BLUE, GREY, ORANGE, Figure, bars, figure, line
from orchestration.report.reading import Reading, Row
from warehouse.client import quote

if TYPE_CHECKING:
    from ml.profile import ColumnProfile

SCHEMAS = ("raw", "core", "analytics", "features", "training", "ml", "reporting")

LOADS = """
select
    table_name,
    count(*) as loads,
    sum(loaded_rows) as loaded_rows,
    sum(source_rows) as source_rows,
    min(partition_start) as partition_start,
    max(partition_end) as partition_end,
    max(finished_at) as finished_at,
    bool_and(is_reconciled) as is_reconciled,
    max(case when age = 1 then source_file end) as source_file,
    max(case when age = 1 then source_file_sha256 end) as sha256
from (
    select *, row_number() over (partition by table_name order by finished_at desc) as age from raw.load_audit
) as aged
group by table_name
order by table_name"""

DAYS = """
select
    flight_date,
    count(*) as flights,
    count(*) filter (where is_cancelled) as cancelled,
    avg(is_late_arrival::int::double precision) as late_share
from core.fct_flight
group by flight_date
order by flight_date"""


def chapter(reading: Reading) -> dict[str, Any]:
    """What the template `data.html.j2` shows."""
    return {
        "loads": reading.rows(LOADS, needs=("raw.load_audit",)),
        "freshness": _freshness(reading),
        "tables": _tables(reading),
        "flights": _flights(reading),
        "profile": _profile(reading),
    }


def _freshness(reading: Reading) -> list[Row]:
    """By raw table, the last moment anything in it became known, and when it was loaded."""
    found = []
    for table in _listed(reading, ("raw",)):
        if not {"known_at", "loaded_at"} <= set(reading.wh.column_types("raw", table["name"])):
            continue
        newest = f"select max(known_at) as known_at, max(loaded_at) as loaded_at from {_quoted(table)}"
        found.append({"relation": f"raw.{table['name']}", **reading.rows(newest)[0]})
    return found


def _tables(reading: Reading) -> list[Row]:
    """Every table with its true number of rows (a count, not an estimate)."""
    found = []
    for table in _listed(reading, SCHEMAS):
        rows = reading.rows(f"select count(*) as n from {_quoted(table)}")[0]["n"]
        found.append({**table, "schema_name": table["schema"], "table_name": table["name"], "rows": rows})
    return found


def _listed(reading: Reading, schemas: Sequence[str]) -> list[Row]:
    """The tables of some schemas, in their order, but for those in which a loader keeps its own state."""
    tables = [row for row in reading.wh.relations() if row["kind"] == "table" and row["schema"] in schemas]
    own = sorted(tables, key=lambda row: (schemas.index(row["schema"]), row["name"]))
    return [row for row in own if not row["name"].startswith("_dlt")]


def _quoted(table: Row) -> str:
    return quote(table["schema"], table["name"])


def _profile(reading: Reading) -> list[ColumnProfile]:
    """The columns of the flights that say something by themselves: no surrogate keys, no instants."""
    from ml.profile import profile

    columns = [
        name
        for name in reading.wh.column_types("core", "fct_flight")
        if not name.endswith(("_key", "_at")) and name != "load_id"
    ]
    return profile(reading.wh, "core", "fct_flight", columns) if columns else []


def _flights(reading: Reading) -> list[Figure]:
    rows = reading.rows(DAYS, needs=("core.fct_flight",))
    if not rows:
        return []
    days = [row["flight_date"] for row in rows]
    flown = [row["flights"] - row["cancelled"] for row in rows]
    counts = [
        bars(days, flown, "flown", BLUE),
        bars(days, [row["cancelled"] for row in rows], "cancelled", ORANGE),
    ]
    week = [_mean([r["late_share"] for r in rows[max(0, i - 6) : i + 1]]) for i in range(len(rows))]
    share = [
        line(days, [row["late_share"] for row in rows], "day", GREY, line={"width": 1}),
        line(days, week, "mean of 7 days", BLUE),
    ]
    return [
        figure("Scheduled flights by day", counts, barmode="stack", bargap=0),
        figure(
            "Share of arrived flights more than 15 minutes late, by day",
            share,
            yaxis={"tickformat": ".0%", "rangemode": "tozero"},
        ),
    ]


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
