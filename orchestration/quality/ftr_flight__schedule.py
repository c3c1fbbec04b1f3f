"""Quality of the schedule's features: known for every flight, and as many flights a day as were loaded."""

from orchestration.quality.suite import (
    Suite,
    as_fresh_as,
    mean_between,
    values_among,
    values_between,
    volume,
    volume_by_day,
)

SUITE = Suite(
    "features",
    "ftr_flight__schedule",
    (
        volume(at_least=400),
        volume_by_day("flight_date", 400, 1_400),
        as_fresh_as("flight_date", "core.fct_flight", "flight_date"),
        values_among("origin_airport_id", ("EWR", "JFK", "LGA")),
        values_between("scheduled_departure_local_min", 0, 1_439),
        values_between("distance_mi", 10, 6_000),
        mean_between("scheduled_block_min", 150, 240),  # by day 181 to 202
        mean_between("origin_scheduled_1h_count", 10, 30),  # by day 15 to 22
    ),
)
