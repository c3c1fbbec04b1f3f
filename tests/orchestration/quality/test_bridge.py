"""The bridge from suites to asset checks: each shape of rule passes on good rows and fails on bad ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from orchestration.quality import suite as shapes
from orchestration.quality.bridge import evaluate, suite_checks, to_check_result
from orchestration.quality.suite import Rule, Suite
from orchestration.stages.house import House
from warehouse.client import Settings, open_warehouse

KEY = dg.AssetKey(["raw", "reading"])
GOOD = {
    "volume": shapes.volume(at_least=60, at_most=60),
    "by_day": shapes.volume_by_day("day", 10, 30),
    "fresh": shapes.as_fresh_as("day", "raw.source", "day"),
    "reached": shapes.reaches_last_load("day", "reading", days=1),
    "mean": shapes.mean_between("value", 0, 2),
    "known": shapes.mostly_known("value", 0.9),
    "range": shapes.values_between("value", 0, 10),
    "among": shapes.values_among("name", ("a", "b")),
}
BAD = {
    "volume": shapes.volume(at_least=61),
    "volume_most": shapes.volume(at_least=1, at_most=59),
    "by_day": shapes.volume_by_day("day", 21, 30),
    "gap": shapes.no_missing_day("day"),
    "fresh": shapes.as_fresh_as("day", "raw.ahead", "day"),
    "reached": shapes.reaches_last_load("day", "late", days=1),
    "mean": shapes.mean_between("value", 5, 9),
    "known": shapes.mostly_known("value", 1.0),
    "range": shapes.values_between("value", 0, 0.5),
    "among": shapes.values_among("name", ("a",)),
}


def renamed(rules: dict[str, Rule]) -> tuple[Rule, ...]:
    return tuple(
        Rule(name, rule.expectation, rule.arguments, rule.description, rule.is_blocking)
        for name, rule in rules.items()
    )


@pytest.fixture
def readings(fresh_database: Callable[[], Settings]) -> Settings:
    """60 readings of three days with a gap between them, one value unknown; `ahead` reaches a day further."""
    settings = fresh_database()
    with open_warehouse(settings) as wh:
        wh.execute(
            """create schema raw;
            create table raw.reading as
                select date '2013-01-01' + (n % 3) * (1 + (n % 3) / 2) as day,
                       case when n > 1 then 1.0::double precision end as value,
                       case when n % 2 = 0 then 'a' else 'b' end as name
                from generate_series(1, 60) as n;
            create table raw.source as select max(day) as day from raw.reading;
            create table raw.ahead as select max(day) + 1 as day from raw.reading;
            create table raw.load_audit as
                select 'reading' as table_name, max(day) as partition_end, true as is_reconciled
                from raw.reading
                union all select 'late', max(day) + 9, true from raw.reading;"""
        )
    return settings


def verdicts(settings: Settings, rules: tuple[Rule, ...]) -> dict[str, dg.AssetCheckResult]:
    with open_warehouse(settings) as wh:
        results = evaluate(Suite("raw", "reading", rules), rules, wh)
    return {
        rule.name: to_check_result(KEY, rule, result) for rule, result in zip(rules, results, strict=True)
    }


@pytest.fixture
def emulated(readings: Settings, bigquery: Settings) -> Settings:
    """The same tables on the emulator of BigQuery."""
    with open_warehouse(readings) as ours, open_warehouse(bigquery) as other:
        other.ensure_schema("raw")
        for table in ("reading", "source", "ahead", "load_audit"):
            other.load_arrow("raw", table, ours.fetch_arrow(f"select * from raw.{table}"), "create")
    return bigquery


@pytest.mark.parametrize(
    "engine", ["readings", pytest.param("emulated", marks=[pytest.mark.bigquery, pytest.mark.slow])]
)
def test_every_shape_passes_on_good_rows_and_fails_on_bad_ones(
    engine: str, request: pytest.FixtureRequest
) -> None:
    readings = request.getfixturevalue(engine)
    for name, verdict in verdicts(readings, renamed(GOOD)).items():
        assert verdict.passed, (name, verdict.description)
    for name, verdict in verdicts(readings, renamed(BAD)).items():
        assert not verdict.passed, name
        assert "could not be computed" not in verdict.description, (name, verdict.description)
        assert "Observed:" in verdict.description


def test_every_shape_is_made_to_pass_and_to_fail() -> None:
    source = Path(__file__).read_text(encoding="utf-8")
    good, bad = source[source.index("GOOD = ") : source.index("BAD = ")], source[source.index("BAD = ") :]
    for name, value in vars(shapes).items():
        if callable(value) and getattr(value, "__annotations__", {}).get("return") == "Rule":
            assert f"shapes.{name}(" in bad
            assert (
                f"shapes.{name}(" in good or name == "no_missing_day"
            )  # true of no fixture: a day is missing


def test_a_broken_rule_is_not_read_as_bad_data(readings: Settings) -> None:
    broken = Rule(
        "broken", "expect_column_mean_to_be_between", {"column": "missing", "min_value": 0}, "…", False
    )
    verdict = verdicts(readings, (broken,))["broken"]
    assert not verdict.passed
    assert verdict.severity == dg.AssetCheckSeverity.ERROR
    assert "could not be computed" in verdict.description


def run(settings: Settings, rule: Rule) -> tuple[bool, list[str]]:
    """Whether a run of table, check and a table after it succeeded, and what it materialized."""

    @dg.asset(key=KEY)
    def reading() -> None: ...

    @dg.asset(key=dg.AssetKey(["core", "fct_reading"]), deps=[KEY])
    def fct_reading() -> None: ...

    defs = dg.Definitions(
        assets=[reading, fct_reading],
        asset_checks=[suite_checks(Suite("raw", "reading", (rule,)))],
        resources={"house": House.of(settings)},
        jobs=[dg.define_asset_job("all")],
    )
    with dg.DagsterInstance.ephemeral() as instance:
        result = defs.resolve_job_def("all").execute_in_process(raise_on_error=False, instance=instance)
    made = [event.asset_key.to_user_string() for event in result.get_asset_materialization_events()]
    return result.success, made


@pytest.mark.parametrize(
    ("rule", "success", "made"),
    [
        (GOOD["volume"], True, ["raw/reading", "core/fct_reading"]),
        (BAD["volume"], False, ["raw/reading"]),
        (BAD["gap"], True, ["raw/reading", "core/fct_reading"]),  # it only warns
    ],
)
def test_a_failed_blocking_rule_stops_what_comes_after(
    readings: Settings, rule: Rule, success: bool, made: list[str]
) -> None:
    assert run(readings, rule) == (success, made)


def test_no_row_leaves_the_warehouse(readings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Great Expectations sends aggregates: never more rows in one answer than a suite has rules."""
    import sqlalchemy.engine

    fetched: list[int] = []
    original = sqlalchemy.engine.CursorResult.fetchall

    def counting(self: Any) -> Any:
        rows = original(self)
        fetched.append(len(rows))
        return rows

    monkeypatch.setattr(sqlalchemy.engine.CursorResult, "fetchall", counting)
    verdicts(readings, renamed({**GOOD, "range": BAD["range"]}))
    assert fetched
    assert max(fetched) < 60 / 2
