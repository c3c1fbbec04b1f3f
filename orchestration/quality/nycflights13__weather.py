"""Quality of the hourly weather as it landed: 57 to 72 rows a day in 2013, and one wind of 1,048 mph."""

from orchestration.quality.suite import (
    Suite,
    mean_between,
    mostly_known,
    no_missing_day,
    reaches_last_load,
    values_among,
    values_between,
    volume,
    volume_by_day,
)

SUITE = Suite(
    "raw",
    "nycflights13__weather",
    (
        volume(at_least=40),
        volume_by_day("partition_date", 40, 78),  # three airports, up to 25 hours and a spare
        reaches_last_load(
            "partition_date", "nycflights13__weather", days=2
        ),  # the source ends a day before the flights do
        no_missing_day("partition_date"),
        values_among("origin", ("EWR", "JFK", "LGA")),
        values_between("temp", -20, 115),
        values_between("humid", 0, 100),
        values_between("wind_speed", 0, 120, share=0.999),  # the wrong one is mended in staging
        mostly_known("temp", 0.90),
        mostly_known("pressure", 0.40, is_blocking=False),  # by day 42 % to all
        mean_between("visib", 1, 10),
    ),
)
