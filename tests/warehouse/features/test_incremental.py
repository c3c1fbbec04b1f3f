"""Days built one by one give the rows of a full build, bit by bit, and touch no day they do not concern."""

from __future__ import annotations

from datetime import date

from tests.warehouse.features.feature_house import FEATURES, FeatureHouse, Rows
from warehouse.client import Warehouse, quote

RAW = ("flights", "weather")
BEFORE, MISSED, NEXT, LAST = (date(2013, 3, day) for day in (8, 9, 10, 11))


def take_away(wh: Warehouse, days: tuple[date, ...]) -> None:
    """Move days of raw flights and weather aside, as if they had never been loaded."""
    for name in RAW:
        raw, aside = quote("raw", f"nycflights13__{name}"), quote("raw", f"{name}_aside")
        wh.execute(
            f"create table {aside} as select * from {raw} where partition_date = any(%(days)s)",
            {"days": list(days)},
        )
        wh.execute(f"delete from {raw} where partition_date = any(%(days)s)", {"days": list(days)})


def bring_back(wh: Warehouse, day: date) -> None:
    for name in RAW:
        raw, aside = quote("raw", f"nycflights13__{name}"), quote("raw", f"{name}_aside")
        wh.execute(f"insert into {raw} select * from {aside} where partition_date = %(day)s", {"day": day})


def versions(wh: Warehouse) -> dict[str, dict[date, set[str]]]:
    """For each table and day the transactions that wrote its rows: equal sets mean untouched rows."""
    found: dict[str, dict[date, set[str]]] = {}
    for table in FEATURES:
        found[table] = {}
        for row in wh.query(f"select distinct flight_date, xmin::text from {quote('features', table)}"):
            found[table].setdefault(row["flight_date"], set()).add(row["xmin"])
    return found


def build_and_see(house: FeatureHouse) -> dict[str, list[date]]:
    """Build incrementally; returns the days of March each table wrote anew.

    In November an airline may turn out to have flown an aircraft in March already, so `at_departure` counts
    its days again there.
    """
    with house.warehouse() as wh:
        before = versions(wh)
    house.build()
    with house.warehouse() as wh:
        after = versions(wh)
    return {
        table.removeprefix("ftr_flight__"): sorted(
            day for day in after[table] if day.month == 3 and before[table].get(day) != after[table][day]
        )
        for table in FEATURES
    }


def test_days_added_one_by_one_equal_a_full_build(
    feature_house: FeatureHouse, rows_as_built: dict[str, Rows]
):
    with feature_house.warehouse() as wh:
        take_away(wh, (MISSED, LAST))
    feature_house.build("--full-refresh")
    assert feature_house.rows() != rows_as_built

    # A missed day changes its neighbours: the next morning looks back at its evening, and flights delayed
    # overnight leave into the traffic of the day after them.
    with feature_house.warehouse() as wh:
        bring_back(wh, MISSED)
    assert build_and_see(feature_house) == {
        "schedule": [MISSED],
        "weather_2h": [MISSED, NEXT],
        "airport_state_2h": [MISSED, NEXT],
        "at_departure": [BEFORE, MISSED, NEXT],
    }

    # A new last day has no day after it, so at two hours before departure it touches itself alone.
    with feature_house.warehouse() as wh:
        bring_back(wh, LAST)
    assert build_and_see(feature_house) == {
        "schedule": [LAST],
        "weather_2h": [LAST],
        "airport_state_2h": [LAST],
        "at_departure": [NEXT, LAST],
    }

    rows = feature_house.rows()
    for table in FEATURES:
        assert rows[table] == rows_as_built[table], table


def test_building_again_touches_no_day(feature_house: FeatureHouse):
    assert set(map(tuple, build_and_see(feature_house).values())) == {()}


def test_a_day_named_by_variables_is_built_to_the_same_rows(
    feature_house: FeatureHouse, rows_as_built: dict[str, Rows]
):
    with feature_house.warehouse() as wh:
        wh.execute("update features.ftr_flight__airport_state_2h set origin_overdue_3h_count = 99")
    feature_house.run(
        "--select", "path:models/features", "--vars", f"{{start_date: '{MISSED}', end_date: '{MISSED}'}}"
    )
    rows = feature_house.rows()
    table = "ftr_flight__airport_state_2h"
    with feature_house.warehouse() as wh:
        left = wh.query(
            f"select distinct flight_date from features.{table} where origin_overdue_3h_count = 99"
        )
    assert {row["flight_date"] for row in left} & {MISSED, NEXT} == set()
    mended = [key for key, row in rows[table].items() if row == rows_as_built[table][key]]
    assert len(mended) > 1000
