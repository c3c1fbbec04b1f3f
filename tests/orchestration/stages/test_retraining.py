"""When a model is trained again: on drift, and on a new whole month, once for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date

import dagster as dg
import pytest

from ml.spec import ModelSpec, load_specs
from orchestration.assembly import build_defs
from orchestration.stages.house import House
from orchestration.stages.retraining import Retraining, due, last_whole_month_end, rolled_split
from warehouse.client import Settings, Warehouse, open_warehouse

SPEC = load_specs()["late_arrival"]


@pytest.fixture
def copied(house_copy: Callable[[], Settings]) -> Iterator[Warehouse]:
    with open_warehouse(house_copy()) as wh:
        yield wh


def set_alerts(wh: Warehouse, is_alert: bool) -> None:
    wh.execute(
        "update ml.drift set is_alert = %(alert)s where model_name = 'late_arrival'", {"alert": is_alert}
    )


def test_the_split_rolls_to_the_newest_whole_month() -> None:
    split = rolled_split(SPEC, date(2013, 12, 31))
    assert (split.train_start, split.train_end) == (SPEC.split.train_start, date(2013, 11, 30))
    assert (split.test_start, split.test_end) == (date(2013, 12, 1), date(2013, 12, 31))


def test_a_month_counts_once_its_last_day_is_known(copied: Warehouse) -> None:
    assert last_whole_month_end(copied, SPEC) == date(2013, 12, 31)
    copied.execute("delete from core.fct_flight where flight_date >= '2013-12-30'")
    assert last_whole_month_end(copied, SPEC) == date(2013, 11, 30)


def test_without_drift_and_without_a_new_month_nothing_is_due(copied: Warehouse) -> None:
    set_alerts(copied, False)
    assert due(copied, SPEC) is None


def test_drift_is_a_reason_once_for_each_month(copied: Warehouse) -> None:
    set_alerts(copied, True)
    found = due(copied, SPEC)
    assert found == Retraining("late_arrival", "drift", date(2013, 12, 31))
    pretend_version(copied, rolled_spec=SPEC.model_copy(update={"split": rolled_split(SPEC, found.until)}))
    assert due(copied, SPEC) is None


def test_a_new_whole_month_is_a_reason_without_drift(copied: Warehouse) -> None:
    set_alerts(copied, False)
    seen_less = SPEC.split.model_copy(update={"test_end": date(2013, 11, 30)})
    copied.execute("alter table ml.model_version disable trigger all")
    copied.execute(
        "update ml.model_version set test_end = %(end)s where model_name = 'late_arrival'",
        {"end": seen_less.test_end},
    )
    assert due(copied, SPEC) == Retraining("late_arrival", "new month", date(2013, 12, 31))


def test_a_model_never_trained_is_not_retrained(copied: Warehouse) -> None:
    assert due(copied, SPEC.model_copy(update={"name": "never_trained"})) is None


def test_the_sensor_asks_for_one_run_a_model_and_split(house_copy: Callable[[], Settings]) -> None:
    settings = house_copy()
    with open_warehouse(settings) as wh:
        wh.execute("update ml.drift set is_alert = (model_name = 'late_arrival')")
    requests = sensor_requests(settings)
    (request,) = [each for each in requests if isinstance(each, dg.RunRequest)]
    assert request.run_key == "late_arrival:drift:2013-12-31"
    assert {key.to_user_string() for key in request.asset_selection} == {
        "training/trn_late_arrival",
        "ml/mdl_late_arrival",
        "ml/champion_late_arrival",
    }
    assert request.tags["starhouse/train_until"] == "2013-12-31"
    with open_warehouse(settings) as wh:
        wh.execute("update ml.drift set is_alert = false")
    assert [type(each) for each in sensor_requests(settings)] == [dg.SkipReason]


def test_the_sensor_of_an_empty_house_skips(fresh_database: Callable[[], Settings]) -> None:
    (skipped,) = sensor_requests(fresh_database())
    assert "train once" in skipped.skip_message


def sensor_requests(settings: Settings) -> list[dg.RunRequest | dg.SkipReason]:
    repository = build_defs(settings).get_repository_def()
    sensor = repository.get_sensor_def("retrain_on_drift_or_new_month")
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_sensor_context(
            instance=instance, repository_def=repository, resources={"house": House.of(settings)}
        )
        data = sensor.evaluate_tick(context)
    return [*data.run_requests, *([dg.SkipReason(data.skip_message)] if data.skip_message else [])]


def pretend_version(wh: Warehouse, rolled_spec: ModelSpec) -> None:
    """A registered version of the rolled split, copied from the newest."""
    split = rolled_spec.split
    columns = [
        row["column_name"]
        for row in wh.query(
            "select column_name from information_schema.columns where table_schema = 'ml' "
            "and table_name = 'model_version' "
            "and column_name not in ('version', 'train_end', 'test_start', 'test_end')"
        )
    ]
    listed = ", ".join(columns)
    wh.execute(
        f"insert into ml.model_version ({listed}, version, train_end, test_start, test_end) "
        f"select {listed}, version + 1, %(train_end)s, %(test_start)s, %(test_end)s "
        "from ml.model_version where model_name = 'late_arrival' order by version desc limit 1",
        {"train_end": split.train_end, "test_start": split.test_start, "test_end": split.test_end},
    )
