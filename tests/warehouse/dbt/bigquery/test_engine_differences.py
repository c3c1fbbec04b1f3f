"""Where Postgres and BigQuery say different things by the same words, and the project depends on one of them.

Each case is an expression of the project's macros on the same values: Postgres runs it, and Google's
evaluator of ZetaSQL runs what the macro makes for BigQuery. Belongs here: one case a difference. Does not
belong here: whole models (`test_two_engines`).
"""

from __future__ import annotations

import math
from typing import Any

import pytest

from tests.peers.zetasql import Refused, ZetaSql
from tests.warehouse.dbt.bigquery.rendered_macros import engine
from warehouse.client import Warehouse

NEW_YORK = "\"'America/New_York'\""


def at(clock: str) -> str:
    """A wall clock of New York as whole seconds of its instant."""
    return f"instant_id(from_zone(\"cast('{clock}' as \" ~ local_type() ~ ')', {NEW_YORK}))"


def instant(text: str) -> str:
    return f"\"cast('{text}+00:00' as \" ~ instant_type() ~ ')'"


CASES = {
    # The clock shows 01:30 twice on 3 November; BigQuery's own function takes the earlier instant.
    "the hour that comes twice": (at("2013-11-03 01:30:00"), 1383460200),
    "the hour before it": (at("2013-11-03 00:30:00"), 1383453000),
    "the hour after it": (at("2013-11-03 02:30:00"), 1383463800),
    "the hour that never comes": (at("2013-03-10 02:30:00"), 1362900600),
    "a wall clock without a zone": (
        "instant_id(from_zone(\"cast('2013-03-10 02:30:00' as \" ~ local_type() ~ ')', "
        '"cast(null as " ~ dbt.type_string() ~ ")"))',
        None,
    ),
    "a delay over the spring change": (
        f"instant_id(instant_after_delay({instant('2013-03-10 06:30:00')}, 90, {NEW_YORK}))", 1362898800,
    ),
    "a delay into the hour that comes twice": (
        f"instant_id(instant_after_delay({instant('2013-11-03 05:10:00')}, 60, {NEW_YORK}))", 1383462600,
    ),
    "an arrival after midnight": (
        f"instant_id(first_showing_after(15, {instant('2013-11-03 02:00:00')}, {NEW_YORK}))", 1383452100,
    ),
    "quotients of whole numbers": ("whole_quotient(1459, 100)", 14),
    "negative quotients of whole numbers": ("whole_quotient(-7, 2)", -3),
    "half up to an even number": ("nearest_whole('cast(2.5 as ' ~ dbt.type_float() ~ ')')", 2),
    "half down from an odd number": ("nearest_whole('cast(-3.5 as ' ~ dbt.type_float() ~ ')')", -4),
    "a third of a way": ("nearest_whole('cast(-3.4 as ' ~ dbt.type_float() ~ ')')", -3),
    "a ratio over nothing": ("share('3', '0')", None),
    "a Sunday": ("iso_weekday(\"cast('2013-11-03' as date)\")", 7),
    "a week of the next year": ("iso_week(\"cast('2013-12-30' as date)\")", 1),
    "days from the month's first": (
        "days_apart(month_of(\"cast('2013-03-07' as date)\"), \"cast('2013-03-31' as date)\")", 30,
    ),
    "a key with a missing part": (
        "surrogate_key([\"cast('2013-11-03' as date)\", 'cast(null as ' ~ dbt.type_string() ~ ')', '7'])",
        "e2894b72d92dc7fde8c5ee96cab3daec",
    ),
}  # fmt: skip
AGGREGATES = {
    "quantile('x', 0.5)": ([1, 2, 3, None, 9], 2.5),
    "quantile('x', 0.9)": ([-62, 5, 14, 38, 221, 7], 129.5),
    "mean_of('x')": ([1, 2, None, 4], 7 / 3),
    "count_if('x > 2')": ([1, 3, None, 4], 2),
}


@pytest.mark.parametrize("case", CASES)
def test_an_expression_is_the_same_value(case: str, wh: Warehouse, judge: ZetaSql):
    text, expected = CASES[case]
    here = wh.scalar(f"select {engine('postgres').render(text)}")
    there = judge.run(f"select {engine('bigquery').render(text)} as value")[0]["value"]
    assert here == there == expected


@pytest.mark.parametrize("text", AGGREGATES)
@pytest.mark.parametrize("values", ["some", "none"])
def test_an_aggregate_is_the_same_to_the_last_bit(text: str, values: str, wh: Warehouse, judge: ZetaSql):
    rows, expected = AGGREGATES[text]
    rows = rows if values == "some" else [None, None]
    listed = " union all ".join(f"select cast({'null' if x is None else x} as {{}}) as x" for x in rows)
    here = wh.scalar(
        f"select {engine('postgres').render(text)} from ({listed.format(*['bigint'] * len(rows))}) as t"
    )
    there = judge.run(
        f"select {engine('bigquery').render(text)} as value from ({listed.format(*['int64'] * len(rows))})"
    )[0]["value"]
    assert here == there == (expected if values == "some" else 0 if "count" in text else None)
    assert here is None or float(here).hex() == float(there).hex()


def test_missing_values_come_last_only_where_it_is_said(wh: Warehouse, judge: ZetaSql):
    """Postgres puts missing values after all others, BigQuery before; models that number rows say where."""
    ranked = """select string_agg(coalesce(x, '-'), '' order by n) as value
        from (select x, row_number() over ({}) as n
            from (select 'a' as x union all select null union all select 'B') as t) as r"""

    def both(order: str) -> tuple[Any, Any]:
        sql = ranked.format(order)
        return wh.scalar(sql), judge.run(sql)[0]["value"]

    assert both("order by x") == ("Ba-", "-Ba")
    assert both("order by x nulls last") == ("Ba-", "Ba-")
    assert both("order by x desc nulls first") == ("-aB", "-aB")


def test_text_is_in_the_order_of_its_bytes(wh: Warehouse, judge: ZetaSql):
    """BigQuery knows no other order unless told; the embedded Postgres is made with the same."""
    sql = "select string_agg(x, ' ' order by x) as value from ({}) as t"
    rows = " union all ".join(f"select '{x}' as x" for x in ("a", "B", "é", "Z", "_", "9E", "AA", "b"))
    assert wh.scalar(sql.format(rows)) == judge.run(sql.format(rows))[0]["value"] == "9E AA B Z _ a b é"


def test_not_a_number_is_a_number_like_others_in_postgres_alone(wh: Warehouse, judge: ZetaSql):
    """Postgres has NaN equal to itself and above all, BigQuery as IEEE says; `bits_of` tells it alike in
    both.
    """
    nan = {"postgres": "cast('NaN' as float8)", "bigquery": "cast('NaN' as float64)"}
    greater = "select {0} > 1 as value"
    assert wh.scalar(greater.format(nan["postgres"])) is True
    assert judge.run(greater.format(nan["bigquery"]))[0]["value"] is False
    for one, two, same in ((nan, nan, True), (nan, dict.fromkeys(nan, "1.5"), False)):
        found = []
        for name, run in (("postgres", wh.scalar), ("bigquery", lambda sql: judge.run(sql)[0]["value"])):
            bits = [
                engine(name).render(f'bits_of("cast({side[name]} as " ~ dbt.type_float() ~ ")")')
                for side in (one, two)
            ]
            found.append(run(f"select {bits[0]} = {bits[1]} as value"))
        assert found == [same, same]


def test_zeros_of_both_signs_are_two_values(wh: Warehouse, judge: ZetaSql):
    zeros = ("0.0", "-1 * 0.0")
    bits = [engine("bigquery").render(f'bits_of("cast({zero} as float64)")') for zero in zeros]
    assert judge.run(f"select {bits[0]} = {bits[1]} as value, {bits[0]} = {bits[0]} as same")[0] == {
        "value": False, "same": True,
    }  # fmt: skip
    bits = [engine("postgres").render(f"bits_of(\"'{zero}'::float8\")") for zero in ("0", "-0")]
    assert wh.scalar(f"select {bits[0]} = {bits[1]}") is False


def test_bigquery_refuses_what_it_says_otherwise(judge: ZetaSql):
    """What only Postgres takes must not slip into a model: the judge knows it from the text alone."""
    for text in ("1::text", "5 % 2", "'a''b'", "cast(1 as double precision)", "'\\N'"):
        with pytest.raises(Refused):
            judge.run(f"select {text} as value")
    assert math.isclose(judge.run("select 5 / 2 as value")[0]["value"], 2.5)
