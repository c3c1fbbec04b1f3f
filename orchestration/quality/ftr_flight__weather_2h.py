"""Quality of the weather as known two hours before: 31 December 2013 has none, so a gap warns."""

from orchestration.quality.suite import (
    Suite,
    as_fresh_as,
    mostly_known,
    values_between,
    volume,
    volume_by_day,
)

SUITE = Suite(
    "features",
    "ftr_flight__weather_2h",
    (
        volume(at_least=400),
        volume_by_day("flight_date", 400, 1_400),
        as_fresh_as("flight_date", "core.fct_flight", "flight_date"),
        values_between("temperature_f", -20, 115),
        values_between("wind_speed_mph", 0, 120),  # the raw 1,048 mph must not come through
        values_between("humidity_pct", 0, 100),
        values_between("weather_age_min", 0, 360),  # older weather counts as unknown
        mostly_known("temperature_f", 0.95, is_blocking=False),
        mostly_known("pressure_mb", 0.40, is_blocking=False),
    ),
)
