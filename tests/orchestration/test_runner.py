"""Running a job in this process: days, jobs, what is remembered, and the words on failure."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from rich.console import Console

from orchestration.progress import Record
from orchestration.runner import RunOutcome, run_job, window_tags, write_last_run
from orchestration.stages.house import END_TAG, FULL_TAG, START_TAG
from orchestration.summary import print_summary
from warehouse.client import Settings, SettingsError, open_warehouse


def test_no_days_are_all_days_and_said_to_be_all() -> None:
    assert window_tags(None, None) == {START_TAG: "2013-01-01", END_TAG: "2013-12-31", FULL_TAG: "true"}


def test_days_are_inclusive_and_open_at_either_end() -> None:
    day = date(2013, 3, 5)
    assert window_tags(day, day) == {START_TAG: "2013-03-05", END_TAG: "2013-03-05"}
    assert window_tags(day, None)[END_TAG] == "2013-12-31"
    assert window_tags(None, day)[START_TAG] == "2013-01-01"


@pytest.mark.parametrize(
    ("start", "end"),
    [(date(2012, 12, 31), None), (None, date(2014, 1, 1)), (date(2013, 5, 2), date(2013, 5, 1))],
)
def test_days_the_source_lacks_are_refused(start: date | None, end: date | None) -> None:
    with pytest.raises(SettingsError, match="Allowed: from 2013-01-01 to 2013-12-31"):
        window_tags(start, end)


def test_an_unknown_job_is_refused_by_name(server: Settings) -> None:
    with pytest.raises(SettingsError, match="'everything'. Allowed: all, load"):
        run_job(server, "everything", Console(file=io.StringIO()))


def test_two_days_load_as_a_window_and_again_as_nothing(fresh_database: Callable[[], Settings]) -> None:
    settings, out = fresh_database(), io.StringIO()
    days = {"start": date(2013, 3, 5), "end": date(2013, 3, 6)}
    outcome = run_job(settings, "load", Console(file=out, width=160), **days)
    assert outcome.is_success, out.getvalue()
    with open_warehouse(settings) as wh:
        loaded = wh.query(
            "select partition_date, count(*) as rows from raw.nycflights13__flights group by 1 order by 1"
        )
        assert [row["partition_date"] for row in loaded] == [date(2013, 3, 5), date(2013, 3, 6)]
        first = wh.scalar("select max(loaded_at) from raw.nycflights13__flights")
        assert outcome.record.rows[("raw", "nycflights13__flights")] == sum(row["rows"] for row in loaded)
    assert outcome.peak_memory_mb > 50
    assert outcome.record.seconds["load"] > 0
    assert outcome.log_file.exists()

    again = run_job(settings, "load", Console(file=io.StringIO()), **days)
    assert again.is_success
    with open_warehouse(settings) as wh:
        assert wh.scalar("select max(loaded_at) from raw.nycflights13__flights") == first


def outcome_of(settings: Settings, tmp_path: Path, failures: list[str]) -> RunOutcome:
    record = Record(rows={("raw", "a"): 5, ("raw", "b"): 7, ("core", "v"): None}, seconds={"load": 1.25})
    record.failures += failures
    gate = {
        "gate": "auc at least 0.72 (test, by value)",
        "value": 0.7,
        "is_passed": False,
        "reason": "too low",
    }
    model = {"model": "late", "algorithm": "tree", "version": 3, "champion": 2, "gates": [gate]}
    return RunOutcome(
        "all", "run-1", not failures, datetime(2026, 1, 1, tzinfo=UTC), 9.5, 2.0, 512.0, record,
        tmp_path / "run.log", [model],
    )  # fmt: skip


def shown(settings: Settings, outcome: RunOutcome) -> str:
    out = io.StringIO()
    print_summary(Console(file=out, width=140), settings, outcome)
    return out.getvalue()


def test_the_end_shows_tables_models_and_what_to_open(settings: Settings, tmp_path: Path) -> None:
    text = shown(settings, outcome_of(settings, tmp_path, []))
    for words in (
        "raw",
        "12",
        "b (7)",
        "late",
        "auc at least 0.72 ",
        "0.7000",
        "FAILED",
        "make ui",
        "starhouse serve",
    ):
        assert words in text
    assert "The run failed" not in text


def test_the_end_of_a_failure_says_what_why_and_what_next(settings: Settings, tmp_path: Path) -> None:
    text = shown(settings, outcome_of(settings, tmp_path, ["check volume of raw.a: [no rows]"]))
    assert "The run failed. What stood before a failed step still stands." in text
    assert "check volume of raw.a: [no rows]" in text
    assert str(tmp_path / "run.log") in text
    assert "`starhouse run all` again" in text


def test_the_last_run_is_remembered(settings: Settings, tmp_path: Path) -> None:
    file = write_last_run(settings, outcome_of(settings, tmp_path, []))
    content = json.loads(file.read_text())
    assert content["stages"] == {"start": 2.0, "load": 1.25}
    assert content["peak_memory_mb"] == 512.0
    assert content["rows"]["raw.b"] == 7
    assert content["is_success"] is True
