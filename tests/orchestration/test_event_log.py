"""The kept-open event log: what it writes, Dagster's own class reads."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage

from orchestration.event_log import KEPT_ENGINES, KeptOpenEventLog

DAYS = dg.DailyPartitionsDefinition(start_date="2013-01-01", end_date="2013-01-08")


@dg.asset(partitions_def=DAYS, backfill_policy=dg.BackfillPolicy.single_run())
def flights() -> dg.MaterializeResult:
    return dg.MaterializeResult(metadata={"dagster/row_count": 3})


def write_instance(home: Path) -> None:
    (home / "dagster.yaml").write_text(
        "telemetry: {enabled: false}\n"
        f"event_log_storage: {{module: orchestration.event_log, class: KeptOpenEventLog, "
        f"config: {{base_dir: {home}/history/runs}}}}\n"
        f"run_storage: {{module: dagster._core.storage.runs, class: SqliteRunStorage, "
        f"config: {{base_dir: {home}/history}}}}\n"
        f"schedule_storage: {{module: dagster._core.storage.schedules, class: SqliteScheduleStorage, "
        f"config: {{base_dir: {home}/schedules}}}}\n"
    )


def run_once(home: Path) -> str:
    write_instance(home)
    with dg.DagsterInstance.from_config(str(home)) as instance:
        assert isinstance(instance.event_log_storage, KeptOpenEventLog)
        job = dg.Definitions(assets=[flights], jobs=[dg.define_asset_job("all")]).resolve_job_def("all")
        tags = {
            "dagster/asset_partition_range_start": "2013-01-01",
            "dagster/asset_partition_range_end": "2013-01-07",
        }
        return job.execute_in_process(instance=instance, tags=tags).run_id


def test_dagsters_own_class_reads_what_was_written(tmp_path: Path) -> None:
    run_id = run_once(tmp_path)
    plain = SqliteEventLogStorage(str(tmp_path / "history" / "runs"))
    days = plain.get_materialized_partitions(dg.AssetKey("flights"))
    assert days == {f"2013-01-0{day}" for day in range(1, 8)}
    assert plain.get_logs_for_run(run_id)


def test_it_keeps_few_files_open(tmp_path: Path) -> None:
    log = KeptOpenEventLog(str(tmp_path))
    for number in range(3 * KEPT_ENGINES):
        with log.run_connection(f"run-{number}"):
            pass
    assert len(log._engines) == KEPT_ENGINES
    log.dispose()
    assert "_engines" not in log.__dict__
