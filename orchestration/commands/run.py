"""`starhouse run`: one of the jobs, from start to the table at its end."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

import typer

Budget = Annotated[
    str | None,
    typer.Option(help="Do not start where the job would read more, such as 50GB (see `starhouse plan`)."),
]
Day = typer.Option(formats=["%Y-%m-%d"], help="Day of the source, inclusive.")


def run(
    job: Annotated[str, typer.Argument(help="all, load, build, train, score or monitor")] = "all",
    start: Annotated[datetime | None, Day] = None,
    end: Annotated[datetime | None, Day] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Load and fit again although nothing changed.")
    ] = False,
    budget: Budget = None,
) -> None:
    """Run a job: all (the default), load, build, train, score or monitor."""
    from orchestration.stages.house import FORCE_TAG

    first, last = (day.date() if day else None for day in (start, end))
    execute(job, budget=budget, start=first, end=last, tags={FORCE_TAG: "true"} if force else {})


def execute(
    job: str, *, budget: str | None = None, models: list[str] | None = None, start: date | None = None,
    end: date | None = None, tags: dict[str, str] | None = None, **choices: object,
) -> None:  # fmt: skip
    """Run, show and remember; leaves the process with 1 where the run failed, 2 where it could not begin, as
    where the estimate is beyond the budget. `models`: those that the chosen assets are of, None for the whole
    job.
    """
    from orchestration.console import open_console
    from orchestration.estimate import budget_of, keep_job_within, window_of
    from orchestration.runner import run_job, write_last_run
    from orchestration.stages.house import FORCE_TAG
    from orchestration.summary import model_verdicts, print_summary
    from warehouse.client import SettingsError, WarehouseError, load_settings, open_warehouse

    console = open_console()
    try:
        settings = load_settings()
        with open_warehouse(settings) as wh:  # held over the run, so that the server stays up for the summary
            chosen = {"window": window_of(start, end), "is_forced": FORCE_TAG in (tags or {})}
            keep_job_within(wh, settings, job, budget_of(settings, budget), models, **chosen)
            outcome = run_job(settings, job, console, start=start, end=end, tags=tags, **choices)
            outcome.models.extend(model_verdicts(wh))
            print_summary(console, settings, outcome)
            write_last_run(settings, outcome)
    except (SettingsError, WarehouseError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error
    if not outcome.is_success:
        raise typer.Exit(1)
