"""Chapter "Data": what was loaded, when, from which file; what stands in the warehouse; what the flights
look like."""

from __future__ import annotations

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
    (array_agg(source_file order by finished_at desc))[1] as source_file,
    (array_agg(source_file_sha256 order by finished_at desc))[1] as sha256
from raw.load_audit
group by table_name
order by table_name"""

TABLES = """
select n.nspname as schema_name, c.relname as table_name, pg_total_relation_size(c.oid) as size_bytes
from pg_class as c
join pg_namespace as n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and not c.relispartition
    and n.nspname = any(%(schemas)s) and c.relname not like '\\_dlt%%'
order by array_position(%(schemas)s, n.nspname::text), c.relname"""

DAYS = """
select
    flight_date,
    count(*) as flights,
    count(*) filter (where is_cancelled) as cancelled,
    avg(is_late_arrival::int)::double precision as late_share
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
    sql = """select table_schema || '.' || table_name as relation, table_name from information_schema.columns
             where table_schema = 'raw' and column_name in ('known_at', 'loaded_at')
             group by 1, 2 having count(*) = 2 order by 1"""
    found = []
    for row in reading.rows(sql, {}):
        table = quote("raw", row["table_name"])
        latest = f"select max(known_at) as known_at, max(loaded_at) as loaded_at from {table}"
        found.append({"relation": row["relation"], **reading.rows(latest)[0]})
    return found


def _tables(reading: Reading) -> list[Row]:
    """Every table with its true number of rows (a count, not an estimate)."""
    tables = reading.rows(TABLES, {"schemas": list(SCHEMAS)})
    for table in tables:
        sql = f"select count(*) as n from {quote(table['schema_name'], table['table_name'])}"
        table["rows"] = reading.rows(sql)[0]["n"]
    return tables


def _profile(reading: Reading) -> list[ColumnProfile]:
    """The columns of the flights that say something by themselves: no surrogate keys, no instants."""
    from ml.profile import profile

    sql = """select column_name from information_schema.columns
             where table_schema = 'core' and table_name = 'fct_flight'
                 and column_name !~ '(_key|_at|^load_id)$' order by ordinal_position"""
    columns = [row["column_name"] for row in reading.rows(sql, needs=("core.fct_flight",))]
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
