"""Each generic test of the dbt project fails on planted bad rows, and says which."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.warehouse.dbt.conftest import SmallStar
from tests.warehouse.dbt.small_raw import DAYS
from warehouse.client import quote

# What is damaged, by which statement, and the test that must tell.
FAULTS = {
    "rows_obey": (
        "core.fct_flight",
        "update core.fct_flight set is_cancelled = true where flight_number = 1",
        "fct_flight_rows_obey",
    ),
    "rows_obey_null": (
        "core.fct_flight",
        "update core.fct_flight set arrived_at = departed_at where flight_number = 2",
        "fct_flight_rows_obey",
    ),
    "foreign_keys": (
        "core.dim_route",
        "delete from core.dim_route where route_name = 'JFK-SJU'",
        "fct_flight_foreign_keys",
    ),
    "foreign_keys_date": (
        "core.dim_date",
        "delete from core.dim_date where date_key = '2013-01-31'",
        "fct_weather_hour_foreign_keys",
    ),
    "primary_key_twice": (
        "core.dim_carrier",
        "insert into core.dim_carrier values ('x', 'UA', 'again')",
        "dim_carrier_primary_key",
    ),
    "primary_key_null": (
        "raw.nycflights13__airlines",
        "insert into raw.nycflights13__airlines (name) values ('nameless')",
        "stg_nycflights13__airlines_primary_key",
    ),
    "totals_match_lost": (
        "core.fct_flight",
        "delete from core.fct_flight where flight_number = 4",
        "fct_flight_totals_match",
    ),
    "totals_match_mart": (
        "analytics.agg_carrier_month",
        "update analytics.agg_carrier_month set scheduled_flight_count = 1",
        "agg_carrier_month_totals_match",
    ),
    "wrong_version": (
        "core.fct_flight",
        "update core.fct_flight set aircraft_key = '-1' where tail_number = 'N1'",
        "fct_flight_points_at_the_version_of_its_time",
    ),
}
EXPECTED = {
    "rows_obey": {"broken_rule": "cancelled_means_not_departed"},
    "rows_obey_null": {"broken_rule": "arrival_follows_departure"},
    "foreign_keys": {"column_name": "route_key"},
    "foreign_keys_date": {"column_name": "observed_date", "key_value": "2013-01-31"},
    "primary_key_twice": {"carrier_id": "UA", "row_count": 2},
    "primary_key_null": {"carrier_id": None, "row_count": 1},
    "totals_match_lost": {"measure": "flights"},
    "totals_match_mart": {"measure": "flights"},
    "wrong_version": {"tail_number": "N1", "aircraft_key": "-1"},
}
VERSIONS = {
    "gap": [("1900-01-01", "2013-02-01", False), ("2013-02-02", "9999-12-31", True)],
    "overlap": [("1900-01-01", "2013-02-03", False), ("2013-02-02", "9999-12-31", True)],
    "empty version": [
        ("1900-01-01", "2013-02-02", False),
        ("2013-02-02", "2013-02-02", False),
        ("2013-02-02", "9999-12-31", True),
    ],
    "first version starts late": [("2013-01-01", "9999-12-31", True)],
    "last version ends early": [("1900-01-01", "2014-01-01", True)],
    "current flag is wrong": [("1900-01-01", "2013-02-02", True), ("2013-02-02", "9999-12-31", True)],
}


@contextmanager
def planted(star: SmallStar, table: str, statement: str) -> Iterator[None]:
    """Run a statement, and put the table's rows back afterwards."""
    name = quote(*table.split("."))
    star.wh.execute(f"create table saved_rows as select * from {name}")
    try:
        star.wh.execute(statement)
        yield
    finally:
        star.wh.execute(f"delete from {name}")
        star.wh.execute(f"insert into {name} select * from saved_rows")
        star.wh.execute("drop table saved_rows")


def failing_rows(star: SmallStar, test: str, *arguments: str) -> list[dict[str, Any]]:
    """Run one dbt test; the rows it fails on, none where it passes."""
    (result,) = star.dbt("test", "--select", test, *arguments).result
    assert str(result.status) in ("pass", "fail"), result.message
    rows = star.wh.query(result.node.compiled_code)
    assert bool(rows) == (str(result.status) == "fail")
    return rows


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(star: SmallStar, fault: str):
    table, statement, test = FAULTS[fault]
    with planted(star, table, statement):
        rows = failing_rows(star, test)
    expected = EXPECTED[fault]
    assert any({name: row.get(name) for name in expected} == expected for row in rows), rows


def test_a_version_with_a_gap_an_overlap_or_a_wrong_flag_is_found(star: SmallStar):
    values = ", ".join(
        f"('{fault} {number}', '{fault}', {number}, '{since}+00', '{until}+00', {current}, false)"
        for fault, versions in VERSIONS.items()
        for number, (since, until, current) in enumerate(versions, 1)
    )
    columns = "aircraft_key, tail_number, version_number, valid_from, valid_to, is_current, is_inferred"
    with planted(star, "core.dim_aircraft", f"insert into core.dim_aircraft ({columns}) values {values}"):
        rows = failing_rows(star, "dim_aircraft_contiguous_versions")
    assert {(row["entity"], row["fault"]) for row in rows} == {(fault, fault) for fault in VERSIONS}


def test_a_run_for_some_days_tests_those_days(star: SmallStar):
    day = DAYS[1].isoformat()
    variables = f"{{start_date: '{day}', end_date: '{day}'}}"
    fault = "update core.fct_flight set is_cancelled = true where flight_number = 1 and flight_date {} '{}'"
    with planted(star, "core.fct_flight", fault.format("<>", day)):
        assert failing_rows(star, "fct_flight_rows_obey", "--vars", variables) == []
        assert failing_rows(star, "fct_flight_rows_obey") != []
    with planted(star, "core.fct_flight", fault.format("=", day)):
        assert failing_rows(star, "fct_flight_rows_obey", "--vars", variables) != []


def test_every_generic_test_of_the_star_is_tried_here(star: SmallStar):
    folder = star.settings.dbt_project_dir / "data_tests" / "generic"
    tested = " ".join(test for _, _, test in FAULTS.values())
    for name in ("rows_obey", "foreign_keys", "primary_key", "totals_match"):
        assert name in tested
        assert (folder / f"{name}.sql").exists()


def test_keys_are_real_constraints(star: SmallStar):
    declared = {
        (node.schema, node.name)
        for node in star.manifest.nodes.values()
        if node.resource_type == "model" and node.schema in ("core", "intermediate")
        for column in node.columns.values()
        if "primary_key" in [constraint.type for constraint in column.constraints]
    }
    real = star.wh.query("""
        select n.nspname, c.relname from pg_constraint k join pg_class c on c.oid = k.conrelid
        join pg_namespace n on n.oid = c.relnamespace where k.contype = 'p'
    """)
    assert len(declared) >= 11
    assert declared <= {(row["nspname"], row["relname"]) for row in real}
    unique = star.wh.query(
        "select tablename from pg_indexes where schemaname = 'analytics' and indexdef like 'CREATE UNIQUE%'"
    )
    assert {row["tablename"] for row in unique} == {
        "agg_carrier_month", "agg_route_month", "agg_airport_day", "agg_weather_month",
    }  # fmt: skip
