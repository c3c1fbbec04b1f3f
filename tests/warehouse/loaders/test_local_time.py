"""Local clocks: offsets, days of 23 and 25 hours, zones without summer time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from warehouse.loaders.local_time import next_clock_reading, utc_offset

NEW_YORK, PUERTO_RICO = "America/New_York", "America/Puerto_Rico"
ZONES = [NEW_YORK, PUERTO_RICO, "America/Los_Angeles", "America/Phoenix", "Pacific/Honolulu", "Europe/London"]
YEAR_2013 = st.integers(
    int(datetime(2013, 1, 1, tzinfo=UTC).timestamp()) // 60,
    int(datetime(2013, 12, 31, tzinfo=UTC).timestamp()) // 60,
)


def minutes(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp()) // 60


def reading(zone: str, after: str, clock: str) -> str:
    hour, minute = clock.split(":")
    found = next_clock_reading(zone, np.array([minutes(after)]), np.array([int(hour) * 60 + int(minute)]))
    return datetime.fromtimestamp(int(found[0]) * 60, UTC).isoformat(timespec="minutes")


@pytest.mark.parametrize(
    ("zone", "after", "clock", "expected"),
    [
        (NEW_YORK, "2013-01-05T15:00+00:00", "12:30", "2013-01-05T17:30+00:00"),
        (NEW_YORK, "2013-01-06T04:00+00:00", "01:15", "2013-01-06T06:15+00:00"),  # overnight: dep 23:00 local
        (NEW_YORK, "2013-03-10T05:00+00:00", "04:00", "2013-03-10T08:00+00:00"),  # 02:00 to 03:00 is left out
        # 02:03 does not exist: old offset
        (NEW_YORK, "2013-03-10T04:06+00:00", "02:03", "2013-03-10T07:03+00:00"),
        (NEW_YORK, "2013-11-03T04:30+00:00", "01:30", "2013-11-03T05:30+00:00"),  # exists twice: the first
        # the first is past: the second
        (NEW_YORK, "2013-11-03T05:45+00:00", "01:30", "2013-11-03T06:30+00:00"),
        (NEW_YORK, "2013-11-03T04:00+00:00", "04:00", "2013-11-03T09:00+00:00"),  # 25-hour day
        (PUERTO_RICO, "2013-07-01T12:00+00:00", "12:00", "2013-07-01T16:00+00:00"),  # no summer time
        (PUERTO_RICO, "2013-03-10T05:00+00:00", "04:00", "2013-03-10T08:00+00:00"),
        (NEW_YORK, "2013-07-01T12:00+00:00", "08:00", "2013-07-01T12:00+00:00"),  # at once
    ],
)
def test_next_clock_reading(zone, after, clock, expected):
    assert reading(zone, after, clock) == expected


@settings(deadline=None)
@given(st.sampled_from(ZONES), st.lists(YEAR_2013, min_size=1, max_size=20))
def test_offsets_are_those_of_zoneinfo(zone, instants):
    info = ZoneInfo(zone)
    expected = [
        datetime.fromtimestamp(m * 60, UTC).astimezone(info).utcoffset() // timedelta(minutes=1)
        for m in instants
    ]
    assert utc_offset(zone, np.array(instants)).tolist() == expected


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(ZONES), YEAR_2013, st.integers(0, 1439))
def test_the_reading_is_the_first_one(zone, after, clock):
    found = int(next_clock_reading(zone, np.array([after]), np.array([clock]))[0])
    info = ZoneInfo(zone)

    def shows(minute: int) -> bool:
        local = datetime.fromtimestamp(minute * 60, UTC).astimezone(info)
        return local.hour * 60 + local.minute == clock

    first = next((minute for minute in range(after, after + 25 * 60) if shows(minute)), None)
    if first is not None and first - after < 24 * 60:
        assert found == first
    else:  # the reading is in the hour left out, or comes only after a day of 25 hours
        assert after <= found <= after + 25 * 60


def test_no_rows():
    assert utc_offset(NEW_YORK, np.array([], dtype="int64")).tolist() == []
