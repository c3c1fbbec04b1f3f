"""What a job would read before it runs, step by step, and whether its budget allows it.

Belongs here: which steps a job has. Does not belong here: their statements (`ml.cost`,
`orchestration.dbt_compiled`), estimates and money (`warehouse.client.cost`), showing them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from warehouse.client.cost import Step, StepCost, estimated, keep_within, total_of

if TYPE_CHECKING:
    from warehouse.client import Settings, Warehouse

LOADS = Step("load", "load raw tables", None, note="load jobs are free")
Window = tuple[date, date]
STAGES = ("load", "build", "train", "score", "monitor")


def job_steps(
    wh: Warehouse, settings: Settings, job: str, models: Sequence[str], *, with_dbt: bool = True,
    window: Window | None = None, is_forced: bool = False,
) -> list[Step]:  # fmt: skip
    """The steps of a job, or of "all", over the models named; those of dbt, whose project is compiled for it,
    with `with_dbt`: as they would run now, for what a load brings is not known before it.

    Raises:
        WarehouseError: the dbt project does not compile.
        TrainingSetError: a model declares an engine that this warehouse has not.
    """
    from ml.cost import model_steps
    from ml.spec import load_specs

    steps: list[Step] = []
    if with_dbt:
        steps.append(LOADS)
        if job in ("all", "build", "score"):
            from orchestration.dbt_compiled import build_arguments, build_steps

            steps += build_steps(wh, settings, build_arguments(job, window, is_forced))
    specs = load_specs()
    for name in reversed(models):
        # Ahead of dbt's steps of a stage: reports are about what the models gave.
        steps = [*model_steps(wh, specs[name]), *steps]
    return [step for stage in STAGES for step in steps if step.stage == stage and job in ("all", stage)]


def price_of(settings: Settings) -> float | None:
    """Dollars a TiB read; None on Postgres, where reading is not billed."""
    return settings.bigquery.price_per_tib if settings.engine == "bigquery" else None


def budget_of(settings: Settings, given: str | None) -> int | None:
    """Bytes that a job may read: as asked for, else as the URL says; None without a budget.

    Raises:
        SettingsError: what is asked for is no size.
    """
    from warehouse.client.cost import size_in_bytes

    if given is not None:
        return size_in_bytes(given)
    return settings.bigquery.budget_bytes if settings.engine == "bigquery" else None


def window_of(start: date | None, end: date | None) -> Window | None:
    """First and last day of a run that names one of them; None for a run about everything."""
    return None if start is None and end is None else (start or date.min, end or date(9999, 1, 1))


def keep_job_within(
    wh: Warehouse, settings: Settings, job: str, budget: int | None, models: Sequence[str] | None = None,
    window: Window | None = None, is_forced: bool = False,
) -> None:  # fmt: skip
    """Nothing without a budget; else estimate the job, or only what it does for the models named, and raise
    where it would go beyond.

    Raises:
        BudgetError: names the step; nothing was started.
    """
    if budget is not None:
        from ml.spec import load_specs

        names = list(load_specs()) if models is None else models
        steps = job_steps(
            wh, settings, job, names, with_dbt=models is None, window=window, is_forced=is_forced
        )
        keep_within(estimated(wh, steps), budget, job)


def as_plain(costs: Sequence[StepCost], price: float | None, budget: int | None) -> dict[str, Any]:
    """Costs as JSON takes them: `bytes` and `dollars` are null where they are not known."""
    size, money = total_of(costs, price)
    return {
        "steps": [
            {
                "stage": one.step.stage,
                "step": one.step.name,
                "times": one.step.times,
                "rows": one.rows,
                "bytes": one.bytes,
                "dollars": one.money(price),
                "unknown": one.unknown or None,
                "note": one.step.note or None,
            }
            for one in costs
        ],
        "total": {"bytes": size, "dollars": money, "unknown": sum(one.bytes is None for one in costs)},
        "price_per_tib": price,
        "budget_bytes": budget,
    }
