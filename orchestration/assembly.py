"""Puts the definitions together: every asset, check, job, schedule and sensor of the house.

Belongs here: which stages there are. Does not belong here: any asset. Add one to its stage, and a model or
table to where it is declared.
"""

from __future__ import annotations

import dagster as dg

from ml.spec import load_specs
from orchestration.dbt_manifest import read_manifest
from orchestration.progress import progress_logger
from orchestration.stages import (
    automation,
    check,
    ingest,
    intake,
    jobs,
    monitor,
    package,
    score,
    train,
    transform,
)
from orchestration.stages.house import House
from orchestration.stages.model_keys import table_producers
from warehouse.client import Settings, load_settings
from warehouse.loaders import declared_loaders


def build_defs(settings: Settings | None = None) -> dg.Definitions:
    """The definitions, bound to `settings` or, without any, to the environment of whoever runs them.

    Opens neither database nor network. Parses the dbt project where it changed since the last time.
    """
    specs = load_specs()
    found = settings or load_settings()
    manifest = read_manifest(found)
    declared = declared_loaders(found.dbt_project_dir / "models" / "staging")
    assets: list[dg.AssetsDefinition] = [
        *ingest.ingest_assets(),
        *intake.intake_assets(declared),
        *transform.transform_assets(manifest, table_producers(specs)),
    ]
    for spec in specs.values():
        for stage in (train.train_assets, score.score_assets, monitor.monitor_assets, package.package_assets):
            assets += stage(spec)
    groups = {spec.group_name for each in assets for spec in each.specs if spec.group_name}
    made = {job.name: job for job in jobs.build_jobs(groups)}
    return dg.Definitions(
        assets=assets,
        asset_checks=check.quality_checks(),
        jobs=list(made.values()),
        schedules=[automation.daily_schedule(made["all"])],
        sensors=[
            automation.retraining_sensor(made["train"]),
            automation.following_sensor(),
            *intake.stream_sensors(declared),
        ],
        resources={"house": House.of(settings) if settings else House()},
        loggers={"console": dg.colored_console_logger, "progress": progress_logger},
        executor=dg.in_process_executor,
    )
