"""What starts by itself: the daily load, tables that follow their upstream, and training again on drift or
a new month.

The schedule and both sensors are there and stopped; one click in the UI starts each. A retraining goes
through the same gates and the same promotion as any other training. Does not belong here: when a model is
due (`stages.retraining`).
"""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import dagster as dg

from orchestration.stages.house import END_TAG, START_TAG, House
from orchestration.stages.ingest import DAILY, daily_tables
from orchestration.stages.model_keys import champion_key, fitted_key, training_key
from orchestration.stages.retraining import due
from orchestration.stages.train import UNTIL_TAG
from warehouse.client import Warehouse

LOOK_BACK_DAYS = 3  # flights of the last days still land, are late, or are corrected


def retraining_sensor(job: Any) -> dg.SensorDefinition:
    """Asks for one run of `job` per model and rolled split that is due."""

    @dg.sensor(
        name="retrain_on_drift_or_new_month",
        job=job,
        minimum_interval_seconds=3600,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description="Trains a model again when its drift calls for it or a month is whole. The gates decide.",
    )
    def sensor(context: dg.SensorEvaluationContext, house: House) -> Iterator[dg.RunRequest | dg.SkipReason]:
        from ml.spec import load_specs
        from warehouse.client import open_warehouse

        requested = 0
        with open_warehouse(house.settings) as wh:
            if not wh.table_exists("ml", "model_version"):
                yield dg.SkipReason("No model was trained yet: run the job train once.")
                return
            for name, spec in load_specs().items():
                found = due(wh, spec)
                if found is None:
                    continue
                requested += 1
                yield dg.RunRequest(
                    run_key=f"{name}:{found.reason}:{found.until}",
                    asset_selection=[training_key(name), fitted_key(name), champion_key(name)],
                    tags={UNTIL_TAG: str(found.until), "starhouse/reason": found.reason},
                )
        if not requested:
            yield dg.SkipReason("No drift alert and no new whole month for any model.")

    return sensor


def daily_schedule(job: Any) -> dg.ScheduleDefinition:
    """Every morning the last days of the source that are there, or nothing where all of them are loaded."""

    @dg.schedule(
        name="daily_load_and_build",
        job=job,
        cron_schedule="0 9 * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.STOPPED,
        description="09:00 UTC, when the New York day is over: load the newest days, build, score, monitor.",
    )
    def schedule(context: dg.ScheduleEvaluationContext, house: House) -> dg.RunRequest | dg.SkipReason:
        from warehouse.client import open_warehouse

        last = DAILY.get_last_partition_key()
        with open_warehouse(house.settings) as wh:
            present = [_newest_day(wh, *key.path, last) for key in daily_tables()]
        oldest = None if None in present else min(present, default=None)  # the table that is furthest behind
        if oldest is not None and oldest >= date.fromisoformat(last):
            return dg.SkipReason(f"The sources end on {last}, and that day is loaded.")
        start = date.fromisoformat(DAILY.get_first_partition_key())
        first = max(start, oldest - timedelta(days=LOOK_BACK_DAYS)) if oldest else start
        return dg.RunRequest(run_key=f"until:{last}", tags={START_TAG: str(first), END_TAG: last})

    return schedule


def _newest_day(wh: Warehouse, schema: str, table: str, last: str) -> date | None:
    """The last day any load of the table asked for; a source may lack rows for its last day."""
    if not wh.table_exists(schema, table) or not wh.table_exists("raw", "load_audit"):
        return None
    return wh.scalar(
        # A load without an end took all there was; what that reached, the day it finished says.
        """select max(coalesce(partition_end, least(finished_at::date, %(last)s::date))) from raw.load_audit
           where table_name = %(table)s and is_reconciled""",
        {"table": table, "last": last},
    )


def following_sensor() -> dg.AutomationConditionSensorDefinition:
    """Materializes what its upstream left behind, where the blocking checks allow it."""
    return dg.AutomationConditionSensorDefinition(
        "follow_upstream",
        target=dg.AssetSelection.all(),
        default_status=dg.DefaultSensorStatus.STOPPED,
        minimum_interval_seconds=60,
    )
