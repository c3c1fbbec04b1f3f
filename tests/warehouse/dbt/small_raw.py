"""A raw layer of a few crafted flights: the columns the loader writes, and rows a test can follow by hand.

Belongs here: making raw tables and rows of flights and weather. Does not belong: running dbt, or real data.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from warehouse.client import Warehouse, quote

NEW_YORK = ZoneInfo("America/New_York")
AUDIT = (
    "known_at timestamptz, source_file text, source_file_sha256 text, loaded_at timestamptz, "
    "_dlt_load_id text"
)
TABLES = {
    "flights": "year bigint, month bigint, day bigint, dep_time bigint, sched_dep_time bigint, "
    "dep_delay bigint, arr_time bigint, sched_arr_time bigint, arr_delay bigint, carrier text, "
    "flight bigint, tailnum text, origin text, dest text, air_time bigint, distance bigint, "
    "hour bigint, minute bigint, time_hour timestamptz, partition_date date",
    "weather": "origin text, year bigint, month bigint, day bigint, hour bigint, temp float8, dewp float8, "
    "humid float8, wind_dir bigint, wind_speed float8, wind_gust float8, precip float8, pressure float8, "
    "visib float8, time_hour timestamptz, partition_date date",
    "airlines": "carrier text, name text",
    "airports": "faa text, name text, lat float8, lon float8, alt bigint, tz bigint, dst text, tzone text",
    "planes": "tailnum text, year bigint, type text, manufacturer text, model text, engines bigint, "
    "seats bigint, speed bigint, engine text",
}
REFERENCE = {
    "airlines": [{"carrier": "UA", "name": "United"}, {"carrier": "DL", "name": "Delta"}],
    "airports": [
        {"faa": "JFK", "name": "Kennedy", "lat": 40.6, "lon": -73.8, "tzone": "America/New_York"},
        {"faa": "EWR", "name": "Newark", "lat": 40.7, "lon": -74.2, "tzone": "America/New_York"},
        {"faa": "LAX", "name": "Los Angeles", "lat": 33.9, "lon": -118.4, "tzone": "America/Los_Angeles"},
    ],
    "planes": [{"tailnum": "N1", "year": 2000, "manufacturer": "AIRBUS INDUSTRIE", "model": "A320"}],
}
DAYS = (date(2013, 1, 30), date(2013, 1, 31), date(2013, 2, 1))
FIRST_LOAD = datetime(2026, 1, 1, tzinfo=UTC)
FLIGHTS_A_DAY = 5


def table(name: str) -> str:
    return quote("raw", f"nycflights13__{name}")


def create_raw(wh: Warehouse) -> None:
    """The five raw tables, empty but for the reference data."""
    wh.execute("create schema if not exists raw")
    for name, columns in TABLES.items():
        wh.execute(f"create table {table(name)} ({columns}, {AUDIT})")
    for name, rows in REFERENCE.items():
        insert(wh, name, rows, FIRST_LOAD)


def insert(wh: Warehouse, name: str, rows: list[dict[str, Any]], loaded_at: datetime) -> None:
    for row in rows:
        full = {"loaded_at": loaded_at, "_dlt_load_id": f"{loaded_at:%Y%m%d%H%M%S}", **row}
        columns = ", ".join(quote(column) for column in full)
        values = ", ".join(f"%({column})s" for column in full)
        wh.execute(f"insert into {table(name)} ({columns}) values ({values})", full)


def flight(day: date, number: int, clock: int, **changes: Any) -> dict[str, Any]:
    """A flight from New York to Los Angeles that leaves and arrives as planned, six hours after."""
    local = datetime(day.year, day.month, day.day, clock // 100, tzinfo=NEW_YORK)
    arrival = (clock + 300) % 2400
    row = {
        "year": day.year, "month": day.month, "day": day.day, "carrier": "UA", "flight": number,
        "tailnum": "N1", "origin": "JFK", "dest": "LAX", "sched_dep_time": clock, "dep_time": clock,
        "dep_delay": 0, "sched_arr_time": arrival, "arr_time": arrival, "arr_delay": 0,
        "air_time": 330, "distance": 2475, "hour": clock // 100, "minute": clock % 100,
        "time_hour": local, "partition_date": day, "known_at": local + timedelta(hours=6),
    }  # fmt: skip
    return row | changes


CANCELLED = dict.fromkeys(("dep_time", "dep_delay", "arr_time", "arr_delay", "air_time", "tailnum"))


def flights_of(day: date) -> list[dict[str, Any]]:
    """Five flights: on time, late, cancelled without a tail number, to an island, by an unknown carrier."""
    return [
        flight(day, 1, 900),
        flight(day, 2, 1015, arr_time=1345, arr_delay=30, origin="EWR", tailnum="N2"),
        flight(day, 3, 1200, **CANCELLED),
        flight(day, 4, 1300, dest="SJU", sched_arr_time=1750, arr_time=1740, arr_delay=-10, air_time=200),
        flight(day, 5, 1400, carrier="ZZ", tailnum="N3"),
    ]


def load_day(wh: Warehouse, day: date, loaded_at: datetime, rows: list[dict[str, Any]] | None = None) -> None:
    """Replace a day of raw flights, as the loader does."""
    wh.execute(f"delete from {table('flights')} where partition_date = %(day)s", {"day": day})
    insert(wh, "flights", flights_of(day) if rows is None else rows, loaded_at)


def load_weather(wh: Warehouse, day: date, loaded_at: datetime, temperature: float = 40.0) -> None:
    """Replace a day of raw weather by two hours at JFK."""
    wh.execute(f"delete from {table('weather')} where partition_date = %(day)s", {"day": day})
    rows = []
    for hour in (8, 9):
        at = datetime(day.year, day.month, day.day, hour, tzinfo=NEW_YORK)
        rows.append({
            "origin": "JFK", "year": day.year, "month": day.month, "day": day.day, "hour": hour,
            "temp": temperature, "humid": 50.0, "wind_speed": 10.0, "precip": 0.0, "visib": 10.0,
            "time_hour": at, "partition_date": day, "known_at": at + timedelta(hours=1),
        })  # fmt: skip
    insert(wh, "weather", rows, loaded_at)
