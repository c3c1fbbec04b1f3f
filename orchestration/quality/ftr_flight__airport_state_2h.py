"""Quality of the airports' state as known two hours before: counts cannot be negative, means not absurd."""

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
    "ftr_flight__airport_state_2h",
    (
        volume(at_least=400),
        volume_by_day("flight_date", 400, 1_400),
        as_fresh_as("flight_date", "core.fct_flight", "flight_date"),
        values_between("origin_departed_3h_count", 0, 200),
        values_between("new_york_overdue_3h_count", 0, 400),
        values_between("origin_given_up_3h_count", 0, 200),
        values_between("new_york_departure_delay_mean_3h_min", -60, 1_500),
        mostly_known(
            "new_york_departure_delay_mean_3h_min", 0.50
        ),  # nothing has left before the first departures
        mean_between("new_york_departure_delay_mean_3h_min", -10, 80),  # by day -3 to 67
        mean_between("origin_departed_1h_count", 3, 30),  # by day 4.5 to 17
    ),
)
