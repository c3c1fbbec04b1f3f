"""What a quality suite is made of: a table, and rules that are expectations of Great Expectations in plain
data.

Belongs here: the two records and the shapes of rule that several tables share. Does not belong here:
running them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Rule:
    """One expectation.

    `name` is the check's name in Dagster, `expectation` a type of Great Expectations in snake case,
    `arguments` its arguments. A blocking rule stops everything downstream of its table; another only warns.
    """

    name: str
    expectation: str
    arguments: Mapping[str, Any]
    description: str
    is_blocking: bool = True


@dataclass(frozen=True)
class Suite:
    """The rules of one table."""

    schema: str
    table: str
    rules: tuple[Rule, ...]


def volume(at_least: int, at_most: int | None = None) -> Rule:
    """The table as a whole has that many rows."""
    return Rule(
        "volume",
        "expect_table_row_count_to_be_between",
        {"min_value": at_least, "max_value": at_most},
        f"The table has at least {at_least:,} rows" + (f" and at most {at_most:,}." if at_most else "."),
    )


def volume_by_day(day: str, at_least: int, at_most: int) -> Rule:
    """No day has unusually few or many rows. About days, so that a table of one day is judged as fairly as
    a year.
    """
    return Rule(
        "volume_by_day",
        "unexpected_rows_expectation",
        {
            "unexpected_rows_query": f"select {day}, count(*) as rows from {{batch}} group by {day} "
            f"having count(*) not between {at_least} and {at_most}"
        },
        f"Each {day} has between {at_least:,} and {at_most:,} rows.",
    )


def no_missing_day(day: str) -> Rule:
    """Between the first and the last day of the table no day is missing."""
    return Rule(
        "freshness_no_missing_day",
        "unexpected_rows_expectation",
        {
            "unexpected_rows_query": "select 'days without rows' as what from {batch} having "
            f"count(distinct {day}) < max({day}) - min({day}) + 1"
        },
        f"Every {day} from the first to the last is there.",
        is_blocking=False,  # a backfill may go from the newest day to the oldest
    )


def reaches_last_load(day: str, table: str, days: int) -> Rule:
    """The table reaches the last day that any load of it asked for, but for `days` that its source may
    lack.
    """
    asked = f"(select max(partition_end) from raw.load_audit where table_name = '{table}' and is_reconciled)"
    return Rule(
        "freshness",
        "unexpected_rows_expectation",
        {
            "unexpected_rows_query": f"select max({day}) as last_day from {{batch}} "
            f"having max({day}) < {asked} - {days}"
        },
        f"The last {day} is at most {days} days before the last day that was loaded.",
    )


def as_fresh_as(day: str, source: str, source_day: str) -> Rule:
    """The table reaches the last day that its source has."""
    return Rule(
        "freshness",
        "unexpected_rows_expectation",
        {
            "unexpected_rows_query": f"select max({day}) as last_day from {{batch}} "
            f"having max({day}) is distinct from "
            f"(select max({source_day}) from {source})"
        },
        f"The last {day} is the last {source_day} of {source}.",
    )


def mean_between(column: str, low: float, high: float, is_blocking: bool = False) -> Rule:
    """The mean of a column over the table."""
    return Rule(
        f"distribution_mean_{column}",
        "expect_column_mean_to_be_between",
        {"column": column, "min_value": low, "max_value": high},
        f"The mean of {column} is between {low:g} and {high:g}.",
        is_blocking,
    )


def mostly_known(column: str, share: float, is_blocking: bool = True) -> Rule:
    """At least this share of a column is not null."""
    return Rule(
        f"distribution_known_{column}",
        "expect_column_values_to_not_be_null",
        {"column": column, "mostly": share},
        f"At least {share:.1%} of {column} is known.",
        is_blocking,
    )


def values_between(
    column: str, low: float, high: float, share: float = 1.0, is_blocking: bool = True
) -> Rule:
    """At least this share of a column's values lie in a range."""
    return Rule(
        f"distribution_range_{column}",
        "expect_column_values_to_be_between",
        {"column": column, "min_value": low, "max_value": high, "mostly": share},
        f"At least {share:.1%} of {column} is between {low:g} and {high:g}.",
        is_blocking,
    )


def values_among(column: str, values: tuple[str, ...], is_blocking: bool = True) -> Rule:
    """Nothing but these values occurs."""
    return Rule(
        f"distribution_values_{column}",
        "expect_column_distinct_values_to_be_in_set",
        {"column": column, "value_set": list(values)},
        f"{column} holds nothing but {', '.join(values)}.",
        is_blocking,
    )
