"""`starhouse plan`: where each model scores and how it was trained, and what a job would read and cost.

Belongs here: what the command prints. Does not belong here: plans (`ml.scoring_plan`,
`ml.indb.training_plan`), estimates (`orchestration.estimate`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from orchestration.commands.models import ModelOrAll

if TYPE_CHECKING:
    from rich.table import Table

    from ml.spec import ModelSpec
    from warehouse.client import Warehouse
    from warehouse.client.cost import StepCost

JOBS = ("all", "load", "build", "train", "score", "monitor", "none")


def plan(
    model: ModelOrAll = "all",
    job: Annotated[
        str | None,
        typer.Option(help="Estimate this job: all, load, build, train, score, monitor, or none. By default "
                     "all, or what is the model's own."),
    ] = None,
    budget: Annotated[
        str | None, typer.Option(help="Leave with 1 where the estimate goes beyond, such as 50GB or 1.5TiB.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The estimate as JSON, and nothing else.")] = False,
) -> None:  # fmt: skip
    """Show where each model would score and how it was trained, and estimate what a job would read: bytes and
    money by dry runs on BigQuery, at most so many bytes on Postgres. Nothing is run.
    """
    from orchestration.commands.models import names_of
    from orchestration.estimate import as_plain, budget_of, job_steps, price_of
    from warehouse.client.cost import estimated, keep_within

    if job is not None and job not in JOBS:
        typer.echo(f"The job is {job!r}. Allowed: {', '.join(JOBS)}.", err=True)
        raise typer.Exit(2)
    names = names_of(model)
    with _warehouse() as wh:
        price, allowed = price_of(wh.settings), budget_of(wh.settings, budget)
        if not as_json:
            _print_models(wh, names)
        if job == "none":
            return
        chosen = job or "all"
        is_whole = job is not None or model == "all"
        costs = estimated(wh, job_steps(wh, wh.settings, chosen, names, with_dbt=is_whole))
        if as_json:
            typer.echo(json.dumps(as_plain(costs, price, allowed), indent=2))
        else:
            _print_costs(wh, costs, price)
        if allowed is not None:
            keep_within(costs, allowed, chosen)


def _print_models(wh: Warehouse, names: Sequence[str]) -> None:
    from ml.indb.training_record import last_trainings, training_text
    from ml.spec import load_specs

    specs = load_specs()
    for name in names:
        typer.echo(_scoring_text(wh, name))
        trained = last_trainings(wh, name)
        if not trained:
            typer.echo(f"{name}: not trained in the warehouse yet (`engine: warehouse`).")
        for row in trained:
            typer.echo(f"{name}, version {row['version']}, trained: {training_text(row)}")
        if name in specs:
            _say_bqml(specs[name])


def _say_bqml(spec: ModelSpec) -> None:
    """What nobody has seen run is said to be so."""
    from ml.bqml.statements import JUDGED

    for one in spec.contenders().values():
        if one.engine == "bqml":
            typer.echo(f"{spec.name}: the statements of BigQuery ML were {JUDGED}.")


def _scoring_text(wh: Warehouse, name: str) -> str:
    from ml.feature_query import feature_sql
    from ml.predictor import NoChampionError, Predictor
    from ml.scoring_plan import plan as choose

    try:
        predictor = Predictor.load(wh, name)
    except NoChampionError:
        return f"{name} has no champion: run `starhouse train {name}` first."
    rows = wh.scalar(f"select count(*) from ({feature_sql(predictor.spec)}) as f")
    chosen = choose(wh, predictor, int(rows))
    return f"{name}, version {predictor.version}, scores: {chosen.engine}. {chosen.reason}."


def _print_costs(wh: Warehouse, costs: Sequence[StepCost], price: float | None) -> None:
    from orchestration.console import open_console

    console = open_console()
    console.print(cost_table(costs, price))
    if price is None:
        console.print("Bytes are at most those of the tables that each plan scans; rows are the planner's.")
    else:
        console.print(
            f"By dry runs, at {price:g} dollars a TiB (price_per_tib; check it against your own price list). "
            "Data tests and small reads are not counted.",
            soft_wrap=True,
        )


def cost_table(costs: Sequence[StepCost], price: float | None) -> Table:
    """A line a step and the total; dollars where reading is billed, else the planner's rows."""
    from rich.table import Table

    from ml.indb.training_plan import size_text
    from warehouse.client.cost import total_of

    table = Table(title="What this would read", title_justify="left", show_footer=True)
    size, money = total_of(costs, price)
    unknown = sum(one.bytes is None for one in costs)
    last = f"{money:,.4f}" if money is not None else ""
    footers = ("", "total", size_text(size), last, f"{unknown} steps unknown" if unknown else "")
    for name, footer in zip(
        ("stage", "step", "bytes", "rows" if price is None else "dollars", ""), footers, strict=True
    ):
        table.add_column(name, footer, justify="right" if name in ("bytes", "rows", "dollars") else "left")
    for one in costs:
        worth = one.money(price) if price is not None else one.rows
        shown = "" if worth is None else f"{worth:,.4f}" if price is not None else f"{worth:,}"
        told = size_text(one.bytes) if one.bytes is not None else "unknown"
        times = f"{one.step.times} × " if one.step.times > 1 else ""
        table.add_row(
            one.step.stage, one.step.name, told, shown, one.unknown or f"{times}{one.step.note}".rstrip()
        )
    return table


def _warehouse() -> Warehouse:
    from warehouse.client import load_settings, open_warehouse

    return open_warehouse(load_settings())
