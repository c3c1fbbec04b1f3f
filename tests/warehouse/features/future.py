"""Taking the future away: what of the raw data was not yet known at an instant.

Belongs here: that, and nothing of the features: what they may see is judged by what is left here. Flights
keep their timetable, which is published beforehand; what became of them goes, column by column, where it
happened later.
"""

from __future__ import annotations

from datetime import datetime

from warehouse.client import Warehouse

FLIGHTS = '"raw"."nycflights13__flights"'
WEATHER = '"raw"."nycflights13__weather"'
# fct_flight tells when a raw flight left and arrived.
OF_FLIGHT = """
    flight_date = make_date(f.year::int, f.month::int, f.day::int)
    and c.carrier_id = f.carrier and c.flight_number = f.flight and c.origin_airport_id = f.origin
"""


def forget(wh: Warehouse, instant: datetime) -> dict[str, int]:
    """Remove from the raw tables what became known after `instant`; returns the number of changes by kind.

    An arrival is known once it happened, a departure likewise and the aircraft with it; of a flight that
    never left, the record is known from its `known_at`.
    """
    at = {"instant": instant}
    counts = {"weather": wh.execute(f"delete from {WEATHER} where known_at > %(instant)s", at)}
    counts["arrivals"] = wh.execute(
        f"""
        update {FLIGHTS} f set arr_time = null, arr_delay = null, air_time = null
        from core.fct_flight c
        where {OF_FLIGHT} and c.is_departed and c.outcome_known_at > %(instant)s
        """,
        at,
    )
    counts["departures"] = wh.execute(
        f"""
        update {FLIGHTS} f set dep_time = null, dep_delay = null, tailnum = null
        from core.fct_flight c where {OF_FLIGHT} and c.departed_at > %(instant)s
        """,
        at,
    )
    counts["cancelled"] = wh.execute(
        f"""
        update {FLIGHTS} f set tailnum = null
        from core.fct_flight c where {OF_FLIGHT} and not c.is_departed and f.known_at > %(instant)s
        """,
        at,
    )
    return counts
