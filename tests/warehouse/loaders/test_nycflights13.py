"""The declared source against the real files: keys, types, and when each row could be known."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from warehouse.loaders import LOADERS, LoadError
from warehouse.loaders.load import Files
from warehouse.loaders.nycflights13 import SOURCE, data_directory, known_flights

ROWS = {"airlines": 16, "airports": 1458, "planes": 3322, "weather": 26115, "flights": 336776}
SHA256 = {
    "airlines.csv": "162551bd3401a12d63db3d92b7e66af3017d2e40d55919d6a678489323c10609",
    "airports.csv": "36c290b69800422f36618f471a042b670b9329e8eb0686eff44f371a9761e148",
    "flights.csv.zip": "b6b5560eeae070d89916f5d6b7019179c07d97cef3a61db0887ca9cf78a7ad5d",
    "planes.csv": "778962edec8339f6f6edb1d6506869f61cab573eda03d7e162d2899c76d04c1a",
    "weather.csv": "5d1ea2548a3941eac0b4a9ca70805daa9fa49bbb711a0c7557b2bba0bd7c3f64",
}


@pytest.fixture(scope="module")
def files():
    return Files(SOURCE, data_directory())


@pytest.fixture(scope="module")
def flights(files) -> pa.Table:
    return files.derive(SOURCE.table("flights"))


def test_the_files_are_the_published_ones():
    for file, sha256 in SHA256.items():
        assert hashlib.sha256((data_directory() / file).read_bytes()).hexdigest() == sha256


@pytest.mark.parametrize("name", ROWS)
def test_every_table_is_read_whole(files, name):
    assert files.derive(SOURCE.table(name)).num_rows == ROWS[name]


def test_the_loader_says_what_it_covers():
    loader = LOADERS["nycflights13"]
    assert set(loader.tables) == set(ROWS)
    assert (loader.first_date, loader.last_date) == (date(2013, 1, 1), date(2013, 12, 31))


def test_known_at_is_scheduled_arrival_plus_delay(flights):
    """An independent way to the arrival: the scheduled arrival instant and the recorded delay, on all flown
    flights.
    """
    import numpy as np

    from warehouse.loaders.local_time import next_clock_reading
    from warehouse.loaders.nycflights13 import _clock, _destination_zones, _filled, _minutes

    scheduled = _minutes(flights, "time_hour") + _filled(flights, "minute")
    zones = _destination_zones(flights, Files(SOURCE, data_directory()).read)
    arrival = np.zeros(len(scheduled), dtype="int64")
    for zone in np.unique(zones):
        at = zones == zone
        arrival[at] = next_clock_reading(str(zone), scheduled[at], _clock(flights, "sched_arr_time")[at])
    flown = flights["arr_delay"].is_valid().to_numpy()
    assert flown.sum() == 327346
    known = _minutes(flights, "known_at")
    assert (known[flown] == (arrival + _filled(flights, "arr_delay"))[flown]).all()
    block = arrival - scheduled
    assert (block.min(), block.max()) == (50, 700)


def test_without_an_arrival_the_departure_and_without_that_the_schedule(flights):
    cancelled = flights.filter(pc.is_null(flights["dep_time"]))
    assert cancelled.num_rows == 8255
    # 16:30 in New York
    assert cancelled["known_at"].to_pylist()[0] == datetime(2013, 1, 1, 21, 30, tzinfo=UTC)
    lost = flights.filter(pc.and_(pc.is_valid(flights["dep_time"]), pc.is_null(flights["arr_time"])))
    assert lost.num_rows == 458
    scheduled = pc.add(lost["time_hour"].cast(pa.int64()), pc.multiply(lost["minute"], 60_000_000))
    departed = pc.add(scheduled, pc.multiply(lost["dep_delay"], 60_000_000))
    assert lost["known_at"].cast(pa.int64()).equals(departed)


def flight(**values) -> pa.Table:
    row = {
        "year": 2013, "month": 7, "day": 1, "dep_time": 800, "sched_dep_time": 800, "dep_delay": 0,
        "arr_time": 1200, "sched_arr_time": 1200, "arr_delay": 0, "carrier": "B6", "flight": 1,
        "tailnum": "N1", "origin": "JFK", "dest": "SJU", "air_time": 200, "distance": 1598,
        "hour": 8, "minute": 0,
        "time_hour": datetime(2013, 7, 1, 12, tzinfo=UTC),
    }  # fmt: skip
    row |= values
    table = pa.Table.from_pylist([row])
    return table.set_column(
        table.column_names.index("time_hour"), "time_hour", table["time_hour"].cast(pa.timestamp("us", "UTC"))
    )


@pytest.mark.parametrize(
    ("values", "known_at"),
    [
        ({}, datetime(2013, 7, 1, 16, 0, tzinfo=UTC)),  # San Juan keeps UTC−4 all year
        ({"dest": "MIA"}, datetime(2013, 7, 1, 16, 0, tzinfo=UTC)),
        ({"dest": "LAX"}, datetime(2013, 7, 1, 19, 0, tzinfo=UTC)),
        (
            {"month": 1, "time_hour": datetime(2013, 1, 1, 13, tzinfo=UTC)},
            datetime(2013, 1, 1, 16, 0, tzinfo=UTC),
        ),
        (  # overnight, and midnight written as 2400
            {"dest": "MIA", "time_hour": datetime(2013, 7, 2, 1, tzinfo=UTC), "arr_time": 2400},
            datetime(2013, 7, 2, 4, 0, tzinfo=UTC),
        ),
        (  # a night flight over the hour left out on 2013-03-10
            {"dest": "MIA", "time_hour": datetime(2013, 3, 10, 4, tzinfo=UTC), "arr_time": 330},
            datetime(2013, 3, 10, 7, 30, tzinfo=UTC),
        ),
        (  # and over the hour that comes twice on 2013-11-03
            {"dest": "MIA", "time_hour": datetime(2013, 11, 3, 3, tzinfo=UTC), "arr_time": 200},
            datetime(2013, 11, 3, 7, 0, tzinfo=UTC),
        ),
        ({"arr_time": 1500, "dep_delay": 180}, datetime(2013, 7, 1, 19, 0, tzinfo=UTC)),
        ({"arr_time": 1000, "dep_delay": 180}, datetime(2013, 7, 2, 14, 0, tzinfo=UTC)),  # next morning
    ],
)
def test_known_at_of_one_flight(files, values, known_at):
    assert known_flights(flight(**values), files.read)["known_at"].to_pylist() == [known_at]


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"dest": "XXX"}, "without a time zone"),
        ({"arr_time": 1275}, "no clock time"),
        ({"month": 2, "day": 30}, "no date"),
        ({"month": 13}, "no date"),
    ],
)
def test_values_that_give_no_instant_are_refused(files, values, named):
    with pytest.raises(LoadError, match=named):
        known_flights(flight(**values), files.read)


def test_weather_is_known_when_its_hour_is_over(files):
    weather = files.derive(SOURCE.table("weather"))
    later = pc.subtract(weather["known_at"].cast(pa.int64()), weather["time_hour"].cast(pa.int64()))
    assert pc.unique(later).to_pylist() == [3600 * 1_000_000]


def test_reference_tables_are_known_from_the_first_day(files):
    for name in ("airlines", "airports", "planes"):
        known = files.derive(SOURCE.table(name))["known_at"]
        assert pc.unique(known).to_pylist() == [datetime(2013, 1, 1, tzinfo=UTC)]
