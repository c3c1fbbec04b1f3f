"""Nothing from the future: take away what was unknown at an instant, build again; no feature before changes.

The raw data are changed, so that everything between them and the features is built again too. A leak planted
in each feature table must make the comparison fail.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from tests.warehouse.features.feature_house import FEATURES, SPANS, FeatureHouse, Rows, changed_project
from tests.warehouse.features.future import forget
from warehouse.client import Warehouse

COFACTORS = "features.cof_flight__arrival_delay"
INSTANTS = {
    "an afternoon of snow and waiting flights": datetime(2013, 3, 8, 20, 17, tzinfo=UTC),
    "the night of the spring clock change, flights in the air": datetime(2013, 3, 10, 4, 59, tzinfo=UTC),
    "the day of the autumn clock change": datetime(2013, 11, 3, 16, 0, tzinfo=UTC),
}
LEAKS = {
    # A delay is known at the schedule: the state of departures sees how late a waiting flight will be.
    "macros/as_of_departure_changes.sql": (
        "('departed_at', has_bounded_delay()",
        "('scheduled_departure_at', has_bounded_delay()",
    ),
    # The weather of an hour is known while the hour still runs.
    "models/features/flight/ftr_flight__weather_2h.sql": (
        "known_at='available_at'",
        "known_at='observed_at'",
    ),
    # A feature of the timetable counts the flights that will really leave.
    "models/features/flight/ftr_flight__schedule.sql": ("count(*) over", "count(flights.departed_at) over"),
}


def known_at(rows: Rows, instant: datetime) -> dict[str, str]:
    """The rows whose prediction is made at `instant` or before."""
    return {key: content for key, (prediction_at, content) in rows.items() if prediction_at <= instant}


def changed(before: Rows, after: Rows, instant: datetime) -> set[str]:
    """Keys of the rows at or before `instant` that differ in a bit, or stand on one side only."""
    old, new = known_at(before, instant), known_at(after, instant)
    return {key for key in old.keys() | new.keys() if old.get(key) != new.get(key)}


@pytest.mark.parametrize("instant", INSTANTS.values(), ids=INSTANTS)
def test_features_do_not_change_when_the_future_is_taken_away(
    feature_house: FeatureHouse, rows_as_built: dict[str, Rows], instant: datetime
):
    with feature_house.warehouse() as wh:
        sums = sums_known_before(wh, instant.date())
        forgotten = forget(wh, instant)
    assert min(forgotten["weather"], forgotten["arrivals"], forgotten["departures"]) > 100

    feature_house.build("--full-refresh")
    rows = feature_house.rows()

    for table in FEATURES:
        assert len(known_at(rows_as_built[table], instant)) > 300
        assert changed(rows_as_built[table], rows[table], instant) == set(), table
    # The future was really there: rows after the instant changed, but for those of the timetable.
    for table in FEATURES[1:]:
        assert rows[table] != rows_as_built[table], table
    # Cofactors of labels known by then are what they were, and they are all that is left but for that day's.
    with feature_house.warehouse() as wh:
        assert sums_known_before(wh, instant.date()) == sums
        assert wh.scalar(f"select max(label_known_date) from {COFACTORS}") <= instant.date()


def sums_known_before(wh: Warehouse, day: date) -> list[str]:
    """The rows of cofactors whose labels were known before a day (UTC)."""
    columns = "flight_date, label_known_date, row_term, column_term, total"
    sql = f"select ({columns})::text as content from {COFACTORS} where label_known_date < %s order by 1"
    found = [row["content"] for row in wh.query(sql, (day,))]
    assert len(found) > 500 or day == SPANS[0][0]
    return found


def test_a_planted_leak_is_found_in_every_table(feature_house: FeatureHouse, tmp_path: Path):
    instant = INSTANTS["an afternoon of snow and waiting flights"]
    leaking = changed_project(feature_house.server.dbt_project_dir, tmp_path, LEAKS)
    feature_house.build("--full-refresh", project=leaking)
    before = feature_house.rows()
    with feature_house.warehouse() as wh:
        forget(wh, instant)
    feature_house.build("--full-refresh", project=leaking)
    after = feature_house.rows()

    assert [table for table in FEATURES if not changed(before[table], after[table], instant)] == []
