"""Runs one job in this process, as the command line and the tests do; the UI runs the same jobs by itself.

Belongs here: settings in, outcome out, with time by stage and peak memory. Does not belong here: what the
jobs are, or how their outcome is shown.
"""

from __future__ import annotations

import json
import logging
import os
import threading
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from warehouse.client import Settings, SettingsError, export_environment, open_warehouse

if TYPE_CHECKING:
    from rich.console import Console

    from orchestration.progress import Record

MEGABYTE = 2**20
SAMPLE_SECONDS = 0.25
KEPT_LOGS = 20


@dataclass(frozen=True)
class RunOutcome:
    """What a run came to. `peak_memory_mb` is of this process and those it started, the server not
    included.
    """

    job: str
    run_id: str
    is_success: bool
    started_at: datetime
    seconds: float
    start_up_seconds: float
    peak_memory_mb: float
    record: Record
    log_file: Path
    models: list[dict[str, Any]] = field(default_factory=list)


def run_job(
    settings: Settings,
    job: str,
    console: Console,
    *,
    start: date | None = None,
    end: date | None = None,
    assets: Sequence[Any] | None = None,
    tags: Mapping[str, str] | None = None,
) -> RunOutcome:
    """Run `job`, or only its `assets` (asset keys), for the days `start` to `end` (inclusive; both None:
    all).

    Raises `SettingsError` for an unknown job or days the source does not have; a failed step is in the
    outcome.
    """
    began, started_at = time.monotonic(), datetime.now(UTC)
    with open_warehouse(settings), _peak_memory() as memory:
        export_environment(settings)
        warnings.simplefilter("ignore")  # Dagster's notices about its own beta parameters
        from orchestration.assembly import build_defs
        from orchestration.instance import open_instance
        from orchestration.progress import Progress, listening
        from orchestration.stages.jobs import JOBS

        if job not in JOBS:
            raise SettingsError(
                f"Run failed: the job is {job!r}. Allowed: {', '.join(JOBS)}. Choose one of these."
            )
        all_tags = window_tags(start, end) | dict(tags or {})
        definition = build_defs(settings).resolve_job_def(job)
        start_up = time.monotonic() - began
        with (
            _log_file(settings, job, started_at) as log_file,
            open_instance(settings) as instance,
            Progress(console, _stages(definition)) as progress,
            listening(progress),
        ):
            result = definition.execute_in_process(
                instance=instance,
                raise_on_error=False,
                tags=all_tags,
                asset_selection=list(assets) if assets else None,
                run_config={"loggers": {"progress": {}}},
            )
        return RunOutcome(
            job,
            result.run_id,
            result.success,
            started_at,
            time.monotonic() - began,
            start_up,
            memory.peak / MEGABYTE,
            progress.record,
            log_file,
        )


def window_tags(start: date | None, end: date | None) -> dict[str, str]:
    """Tags that give a run its days; without days, all of the source and a note that it is all."""
    from orchestration.stages.house import END_TAG, FULL_TAG, START_TAG
    from orchestration.stages.ingest import DAILY

    first, last = (
        date.fromisoformat(DAILY.get_first_partition_key()),
        date.fromisoformat(DAILY.get_last_partition_key()),
    )
    low, high = start or first, end or last
    if not first <= low <= high <= last:
        raise SettingsError(
            f"Run failed: the days are {low} to {high}. Allowed: from {first} to {last}, "
            "the first not after the last. "
            "Choose days the source has, or leave --start and --end away for all of them."
        )
    full = {FULL_TAG: "true"} if start is None and end is None else {}
    return {START_TAG: str(low), END_TAG: str(high), **full}


def write_last_run(settings: Settings, outcome: RunOutcome) -> Path:
    """Write what was measured to `reports/last_run.json` of the home, for whoever shows or compares it."""
    record = outcome.record
    content = {
        "job": outcome.job,
        "run_id": outcome.run_id,
        "is_success": outcome.is_success,
        "started_at": outcome.started_at.isoformat(),
        "seconds": round(outcome.seconds, 2),
        "stages": {"start": round(outcome.start_up_seconds, 2)}
        | {stage: round(seconds, 2) for stage, seconds in record.seconds.items()},
        "peak_memory_mb": round(outcome.peak_memory_mb, 1),
        "rows": {".".join(key): rows for key, rows in record.rows.items()},
        "checks": {
            "passed": record.checks_passed,
            "warned": len(record.warnings),
            "failed": len(record.failures),
        },
        "warnings": record.warnings,
        "failures": record.failures,
        "models": outcome.models,
        "log": str(outcome.log_file),
    }
    target = Path(settings.reports_dir) / "last_run.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(content, indent=2, default=str) + "\n", encoding="utf-8")
    return target


def _stages(job: Any) -> dict[str, str]:
    from orchestration.stages.house import STAGE_TAG

    return {node.name: node.definition.tags.get(STAGE_TAG, "other") for node in job.nodes}


@contextmanager
def _log_file(settings: Settings, job: str, started_at: datetime) -> Iterator[Path]:
    """A file that gets every record of the run, and what libraries print, such as dbt's own lines."""
    from orchestration.progress import LOGGER_NAME

    folder = Path(settings.reports_dir) / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    for old in sorted(folder.glob("run-*.log"))[:-KEPT_LOGS]:
        old.unlink(missing_ok=True)
    path = folder / f"run-{started_at:%Y%m%dT%H%M%S}-{job}-{os.getpid()}.log"
    with path.open("a", encoding="utf-8", buffering=1) as file:
        handler = logging.StreamHandler(file)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        loggers = [logging.getLogger(LOGGER_NAME), logging.getLogger()]  # the root: what libraries log
        for logger in loggers:
            logger.addHandler(handler)
        try:
            with redirect_stdout(file):
                yield path
        finally:
            for logger in loggers:
                logger.removeHandler(handler)


@dataclass
class _Memory:
    peak: int = 0


@contextmanager
def _peak_memory() -> Iterator[_Memory]:
    """Samples the resident memory of this process and its children."""
    import psutil

    memory, done, own = _Memory(), threading.Event(), psutil.Process()

    def sample() -> None:
        while not done.wait(SAMPLE_SECONDS):
            total = 0
            for process in [own, *own.children(recursive=True)]:
                try:
                    total += process.memory_info().rss
                except psutil.NoSuchProcess:
                    continue
            memory.peak = max(memory.peak, total)

    thread = threading.Thread(target=sample, name="memory", daemon=True)
    thread.start()
    try:
        yield memory
    finally:
        done.set()
        thread.join()
