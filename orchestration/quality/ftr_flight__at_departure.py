"""Quality of what is known when the aircraft leaves: the delay itself, and a cancelled flight has no row."""

from orchestration.quality.suite import (
    Suite,
    as_fresh_as,
    mean_between,
    mostly_known,
    values_between,
    volume,
    volume_by_day,
)

SUITE = Suite(
    "features",
    "ftr_flight__at_departure",
    (
        volume(at_least=100),
        volume_by_day("flight_date", 100, 1_400),  # the worst day of 2013 saw 291 departures
        as_fresh_as("flight_date", "core.fct_flight", "flight_date"),
        mostly_known("departure_delay_min", 1.0),
        values_between("departure_delay_min", -120, 1_500),
        values_between("at_departure_wind_speed_mph", 0, 120),
        values_between("operator_tenure_days", 0, 40_000),
        mean_between("departure_delay_min", -5, 90),  # by day -1.3 to 84
        mostly_known("at_departure_temperature_f", 0.95, is_blocking=False),
    ),
)
