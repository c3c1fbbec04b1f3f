"""Quality of the flights as they landed. Bounds stand well outside what 2013 shows: 634 to 1,014 flights a
day.
"""

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
    "nycflights13__flights",
    (
        volume(at_least=400),
        volume_by_day("partition_date", 400, 1_400),
        reaches_last_load("partition_date", "nycflights13__flights", days=1),
        no_missing_day("partition_date"),
        values_among("origin", ("EWR", "JFK", "LGA")),
        values_between("distance", 10, 6_000),
        values_between("dep_delay", -120, 1_500, share=0.9999),
        mostly_known("dep_delay", 0.40),  # the worst day of 2013, a snow storm, knows 43 %
        mostly_known("tailnum", 0.70),
        mean_between("dep_delay", -5, 90),  # by day -1.3 to 83.5
        mean_between("air_time", 120, 200),  # by day 137 to 179
    ),
)
