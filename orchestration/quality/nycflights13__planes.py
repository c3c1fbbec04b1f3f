"""Quality of the register of aircraft."""

from orchestration.quality.suite import Suite, mean_between, mostly_known, values_between, volume

SUITE = Suite(
    "raw",
    "nycflights13__planes",
    (
        volume(at_least=1_000, at_most=100_000),
        values_between("seats", 1, 900),
        mostly_known("year", 0.95),  # 70 of 3,322 are not known
        mean_between("seats", 80, 250),
    ),
)
