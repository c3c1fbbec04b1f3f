"""What a step would read, before it runs: sizes on Postgres, unknown where a table is missing, the budget."""

from __future__ import annotations

import pytest

from warehouse.client import SettingsError
from warehouse.client.cost import (
    BudgetError,
    Step,
    StepCost,
    estimated,
    keep_within,
    missing_table,
    size_in_bytes,
    total_of,
)


@pytest.fixture
def tables(wh):
    wh.execute(
        "create schema s; create table s.a as select g as id, g::text as name from generate_series(1, 5000) g"
    )
    wh.execute("create table s.b as select g as id from generate_series(1, 100) g")
    wh.analyze("s", "a")
    wh.analyze("s", "b")
    return wh


def test_postgres_tells_the_size_of_what_is_scanned_and_the_rows_expected(tables):
    size = {name: tables.scalar(f"select pg_table_size('s.{name}')") for name in "ab"}
    one, joined, twice, free = estimated(
        tables,
        [
            Step("build", "a", "select * from s.a where id <> %(id)s", {"id": 3}),
            Step(
                "build", "a and b", "select * from s.a join s.b using (id) where name like '%1%'", is_own=True
            ),
            Step("train", "twice", "select count(*) from s.a", times=2),
            Step("load", "load"),
        ],
    )
    assert (one.bytes, one.rows) == (size["a"], 4999) and one.bytes > 5000 * 8
    assert joined.bytes == size["a"] + size["b"] and joined.rows >= 1
    assert (twice.bytes, twice.rows) == (2 * size["a"], 1)
    assert (free.bytes, free.rows, free.unknown) == (0, None, "")
    assert total_of([one, joined, twice, free], None) == (4 * size["a"] + size["b"], None)
    assert tables.scalar("select count(*) from s.a") == 5000


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("select * from s.missing", "until s.missing is built"),
        ("select * from elsewhere.t", "until elsewhere.t is built"),
        ("select nothing from s.a", 'column "nothing" does not exist'),
        ("selec 1", "syntax error"),
    ],
)
def test_what_is_not_there_is_unknown_and_never_nothing(tables, sql, reason):
    (cost,) = estimated(tables, [Step("build", "x", sql)])
    assert cost.bytes is None and cost.rows is None and cost.money(6.25) is None
    assert reason in cost.unknown
    assert estimated(tables, [Step("build", "y", unknown="until z is built")])[0].bytes is None


def test_missing_tables_are_named_as_the_house_names_them():
    for text, table in (
        (
            "Not found: Table my-project:flights_core.fct_flight was not found in location EU",
            "core.fct_flight",
        ),
        ("404 Not found: Dataset my-project:flights_core was not found", "core"),
        ("table core.fct_flight is not known; allowed: tables of the warehouse.", "core.fct_flight"),
        ('relation "core.fct_flight" does not exist', "core.fct_flight"),
        ("Access Denied: Table my-project:flights_core.fct_flight", None),
        ("syntax error", None),
    ):
        assert missing_table(text, "flights_") == table


def cost(name: str, size: int | None, times: int = 1, *, is_priced: bool = True) -> StepCost:
    return StepCost(Step("build", name, "select 1", times=times, is_priced=is_priced), size)


def test_money_is_whole_mebibytes_and_at_least_ten_a_query():
    assert cost("none", 0).money(6.25) == 0
    assert cost("small", 1).money(6.25) == 10 * 2**20 / 2**40 * 6.25
    assert cost("small twice", 2, 2).money(6.25) == 2 * cost("small", 1).money(6.25)
    assert cost("a TiB", 2**40).money(6.25) == 6.25
    assert cost("odd", 2**30 + 1).money(1.0) == (2**30 + 2**20) / 2**40
    assert cost("own price", 2**40, is_priced=False).money(6.25) is None
    known = [cost("a", 2**40), cost("b", None), cost("c", 2**40, is_priced=False)]
    assert total_of(known, 5.0) == (2 * 2**40, 5.0)


def test_a_budget_names_the_step_that_goes_beyond_it():
    costs = [cost("first", 600), cost("second", 300), cost("unknown", None), cost("third", 200)]
    keep_within(costs, 1100, "all")
    with pytest.raises(BudgetError) as caught:
        keep_within(costs, 1099, "all")
    for part in (
        "Job all was not started",
        "'third' would read 200 bytes",
        "1,099",
        "1,100",
        "1 steps",
        "--budget",
    ):
        assert part in str(caught.value)
    with pytest.raises(BudgetError, match="'first'"):
        keep_within(costs, 10, "all")


@pytest.mark.parametrize(
    ("text", "size"),
    [("50GB", 50 * 10**9), ("1.5 TiB", 3 * 2**39), ("10kb", 10_000), ("7", 7), ("2mib", 2**21)],
)
def test_a_size_is_read(text, size):
    assert size_in_bytes(text) == size


@pytest.mark.parametrize("text", ["", "0", "-1GB", "50G B", "GB", "1e9", "5XB", "0.1"])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(SettingsError, match="budget is .* Allowed: a size above 0"):
        size_in_bytes(text)
