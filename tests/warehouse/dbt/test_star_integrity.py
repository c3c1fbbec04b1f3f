"""The star on all real data: rows against the published counts, keys against dimensions, instants against
another implementation of them.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from warehouse.client import Settings, Warehouse, open_warehouse

COUNTS = {
    "core.fct_flight": 336_776,
    "core.fct_weather_hour": 26_115,
    "core.fct_airport_hour": 3 * 365 * 24,  # one day has 23 hours, one 25
    "core.dim_carrier": 16 + 1,
    "core.dim_airport": 1_458 + 4 + 1,
    "core.dim_aircraft": 4_060 + 1,
    "core.dim_route": 224 + 1,
    "core.dim_flight_status": 4 + 1,
    "core.dim_time_of_day": 1_440,
    "core.dim_date": 730,
    "analytics.agg_airport_day": 3 * 365,
    "analytics.agg_carrier_month": 185,
}
STATUSES = {"arrived": 327_346, "cancelled": 8_255, "diverted": 717, "departed_without_arrival": 458}
FOREIGN_KEYS = {
    "carrier_key": "dim_carrier",
    "origin_airport_key": "dim_airport",
    "destination_airport_key": "dim_airport",
    "aircraft_key": "dim_aircraft",
    "route_key": "dim_route",
    "scheduled_departure_date_key": "dim_date",
    "scheduled_departure_time_key": "dim_time_of_day",
    "flight_status_key": "dim_flight_status",
}
KEYS = {"dim_airport": "airport_key", "dim_date": "date_key", "dim_time_of_day": "time_of_day_key"}
# Month: flights, share of arrivals more than 15 minutes late in percent, share cancelled in percent.
MONTHS = {
    1: (27_004, 22.7, 1.93), 2: (24_951, 22.9, 5.05), 3: (28_834, 22.8, 2.99), 4: (28_330, 27.9, 2.36),
    5: (28_796, 22.0, 1.96), 6: (28_243, 30.8, 3.57), 7: (29_425, 31.5, 3.19), 8: (29_327, 23.8, 1.66),
    9: (27_574, 13.2, 1.64), 10: (28_889, 16.8, 0.82), 11: (27_268, 17.4, 0.85), 12: (28_135, 32.6, 3.64),
}  # fmt: skip


@pytest.fixture(scope="module")
def built(house: Settings) -> Iterator[Warehouse]:
    with open_warehouse(house) as wh:
        yield wh


@pytest.mark.parametrize("table", COUNTS)
def test_rows_are_those_of_the_source(built: Warehouse, table: str):
    assert built.scalar(f"select count(*) from {table}") == COUNTS[table]


def test_every_flight_ends_in_one_status(built: Warehouse):
    rows = built.query(
        "select s.flight_status, count(*) as flights from core.fct_flight f "
        "join core.dim_flight_status s using (flight_status_key) group by 1"
    )
    assert {row["flight_status"]: row["flights"] for row in rows} == STATUSES


@pytest.mark.parametrize("column", FOREIGN_KEYS)
def test_every_key_is_in_its_dimension(built: Warehouse, column: str):
    dimension = FOREIGN_KEYS[column]
    key = KEYS.get(dimension, column)
    missing = f"""
        select count(*) from core.fct_flight f
        where not exists (select 1 from core.{dimension} d where d.{key} = f.{column})
    """
    assert built.scalar(missing) == 0


def test_only_flights_without_a_tail_number_point_at_the_unknown_aircraft(built: Warehouse):
    unknown = """
        select count(*), count(tail_number) as with_tail from core.fct_flight where aircraft_key = '-1'
    """
    assert built.query(unknown) == [{"count": 2_512, "with_tail": 0}]
    others = """
        select count(*) from core.fct_flight
        where '-1' in (carrier_key, origin_airport_key, destination_airport_key, route_key)
    """
    assert built.scalar(others) == 0


def test_airports_missing_in_the_list_are_inferred_members(built: Warehouse):
    rows = built.query("select airport_id, time_zone from core.dim_airport where is_inferred order by 1")
    assert [row["airport_id"] for row in rows] == ["BQN", "PSE", "SJU", "STT"]
    assert {row["time_zone"] for row in rows} == {"America/Puerto_Rico"}


def test_seventeen_aircraft_change_their_operator_once(built: Warehouse):
    rows = built.query("""
        select string_agg(operator_carrier_id, '-' order by version_number) as operators
        from core.dim_aircraft group by tail_number having count(*) > 1
    """)
    pairs = ["-".join(sorted(row["operators"].split("-"))) for row in rows]
    assert {pair: pairs.count(pair) for pair in pairs} == {"DL-FL": 9, "9E-EV": 8}
    counts = """
        select count(distinct tail_number) as tails,
            count(distinct tail_number) filter (where is_inferred) as inferred
        from core.dim_aircraft where tail_number <> 'unknown'
    """
    assert built.query(counts) == [{"tails": 4_043, "inferred": 721}]


def test_scheduled_flights_last_between_50_and_700_minutes(built: Warehouse):
    row = """
        select min(scheduled_block_min) as shortest, max(scheduled_block_min) as longest,
            count(scheduled_arrival_at) as known
        from core.fct_flight
    """
    assert built.query(row) == [{"shortest": 50, "longest": 700, "known": 336_776}]


def test_the_loader_found_the_same_arrivals(built: Warehouse):
    """It computes them in Python, from the time zone data of the standard library."""
    rows = built.query("""
        select f.is_arrived or f.is_diverted or f.is_cancelled as is_final, count(*),
            count(*) filter (where f.outcome_known_at <> s.known_at) as different
        from core.fct_flight f
        join staging.stg_nycflights13__flights s
            using (flight_date, carrier_id, flight_number, origin_airport_id)
        group by 1
    """)
    assert {row["is_final"]: row["count"] for row in rows} == {True: 336_318, False: 458}
    assert [row["different"] for row in rows if row["is_final"]] == [0]


def test_the_hour_that_came_twice_is_told_apart(built: Warehouse):
    arrived = """
        select arrived_at from core.fct_flight
        where flight_date = '2013-11-02' and carrier_id = 'VX' and flight_number = 413
    """
    assert f"{built.scalar(arrived):%Y-%m-%d %H:%M}" == "2013-11-03 08:14"
    hours = built.query("""
        select flight_date, count(*) from core.fct_airport_hour
        where origin_airport_id = 'JFK' group by 1 having count(*) <> 24 order by 1
    """)
    assert {f"{row['flight_date']}": row["count"] for row in hours} == {"2013-03-10": 23, "2013-11-03": 25}


def test_months_agree_with_the_published_figures(built: Warehouse):
    rows = built.query("""
        select extract(month from month_date)::int as month, sum(scheduled_flight_count)::int as flights,
            sum(late_arrival_count)::float / sum(arrived_flight_count) as late,
            sum(cancelled_flight_count)::float / sum(scheduled_flight_count) as cancelled
        from analytics.agg_carrier_month group by 1
    """)
    found = {
        r["month"]: (r["flights"], round(100 * r["late"], 1), round(100 * r["cancelled"], 2)) for r in rows
    }
    assert found == MONTHS


def test_the_impossible_wind_is_gone_and_marked(built: Warehouse):
    rows = built.query(
        "select wind_speed_mph, origin_airport_id from core.fct_weather_hour where is_wind_speed_repaired"
    )
    assert rows == [{"wind_speed_mph": None, "origin_airport_id": "EWR"}]


def test_descriptions_stand_in_the_database(built: Warehouse):
    described = built.scalar("select obj_description('core.fct_flight'::regclass)")
    assert described.startswith("One row per scheduled flight")
