"""The table at the end of a run: what was built, how good the models are against their gates, what to open
next.

Belongs here: laying out an outcome on a terminal. Does not belong here: running, or the HTML report.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from orchestration.runner import RunOutcome
    from warehouse.client import Settings, Warehouse

SCHEMAS = (
    "raw",
    "staging",
    "intermediate",
    "core",
    "analytics",
    "features",
    "training",
    "ml",
    "scoring",
    "reporting",
    "serving",
)

WHERE = {"warehouse": ", in the warehouse", "bqml": ", by BigQuery ML"}


def model_verdicts(wh: Warehouse) -> list[dict[str, Any]]:
    """For each declared model: its champion, the version put up for promotion with its gates, and the contest
    that it came from.
    """
    from ml.registry_contest import last_contest
    from ml.spec import load_specs
    from orchestration.stages.standing import candidate_version, gates_of

    found = []
    if not wh.table_exists("ml", "model_version"):
        return found
    for name in load_specs():
        newest = candidate_version(wh, name)
        if newest is None:
            continue
        champion = wh.scalar("select version from ml.model_champion where model_name = %(m)s", {"m": name})
        gates = gates_of(wh, name, newest.version)
        found.append(
            {
                "model": name,
                "algorithm": newest.algorithm,
                "version": newest.version,
                "champion": champion,
                "seconds": round(newest.seconds, 1),
                "bytes_out": newest.bytes_out,
                "gates": gates,
                "contest": [
                    {
                        key: row[key]
                        for key in ("contender", "engine", "algorithm", "version", "is_winner", "reason")
                    }
                    for row in last_contest(wh, name)
                ],
            }
        )
    return found


def print_summary(console: Console, settings: Settings, outcome: RunOutcome) -> None:
    """All of it, in the order one reads it."""
    _print_tables(console, outcome)
    if outcome.models:
        _print_models(console, outcome.models)
    _print_times(console, outcome)
    _print_ending(console, settings, outcome)


def _print_tables(console: Console, outcome: RunOutcome) -> None:
    from rich.table import Table

    by_schema: dict[str, list[tuple[str, int | None]]] = defaultdict(list)
    for key, rows in outcome.record.rows.items():
        by_schema[key[0]].append((key[-1], rows))
    if not by_schema:
        return
    table = Table(title="What was built", title_justify="left")
    for name, side in (("schema", "left"), ("tables", "right"), ("rows", "right"), ("largest", "left")):
        table.add_column(name, justify=side)
    for schema in sorted(
        by_schema, key=lambda name: SCHEMAS.index(name) if name in SCHEMAS else len(SCHEMAS)
    ):
        tables = by_schema[schema]
        counted = [(rows, name) for name, rows in tables if rows is not None]
        largest = "{1} ({0:,})".format(*max(counted)) if counted else "views"
        table.add_row(
            schema, str(len(tables)), f"{sum(rows for rows, _ in counted):,}" if counted else "", largest
        )
    console.print(table)


def _print_models(console: Console, models: list[dict[str, Any]]) -> None:
    from rich.table import Table

    table = Table(title="Models against their gates (test window)", title_justify="left")
    for name, side in (("model", "left"), ("gate", "left"), ("value", "right"), ("verdict", "left")):
        table.add_column(name, justify=side, no_wrap=True)
    for model in models:
        for number, gate in enumerate(model["gates"]):
            name = model["model"] if number == 0 else _standing(model) if number == 1 else ""
            value = "" if gate["value"] is None else f"{gate['value']:.4f}"
            verdict = "[green]passed[/green]" if gate["is_passed"] else "[bold red]FAILED[/bold red]"
            table.add_row(name, gate_words(gate), value, verdict)
        table.add_section()
    console.print(table)
    for model in models:
        for line in contest_lines(model):
            console.print(f"  {line}", soft_wrap=True, markup=False)


def contest_lines(model: dict[str, Any]) -> list[str]:
    """Who was put up for promotion and why, where a model has more than one contender."""
    contest = model.get("contest", [])
    if len(contest) < 2:
        return []
    return [
        f"{model['model']}: {row['contender']} ({row['algorithm']}"
        f"{WHERE.get(row['engine'], '')}) is "
        f"{'put up' if row['is_winner'] else 'not put up'}: {row['reason']}"
        for row in contest
    ]


def _standing(model: dict[str, Any]) -> str:
    role = (
        "champion" if model["champion"] == model["version"] else f"champion is {model['champion'] or 'none'}"
    )
    return f"  version {model['version']}, {role}"


def gate_words(gate: dict[str, Any]) -> str:
    """A gate in few words, such as `auc at least 0.72`; its value is then the improvement over a rival."""
    return str(gate["gate"]).split(" (")[0]


def _print_times(console: Console, outcome: RunOutcome) -> None:
    stages = [("start", outcome.start_up_seconds), *outcome.record.seconds.items()]
    parts = ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in stages)
    console.print(
        f"Took {outcome.seconds:.1f} s ({parts}), at most {outcome.peak_memory_mb:,.0f} MB.", soft_wrap=True
    )
    record = outcome.record
    console.print(
        f"Checks: {record.checks_passed} passed, {len(record.warnings)} warned, "
        f"{len(record.failures)} failed.",
        soft_wrap=True,
    )


def _print_ending(console: Console, settings: Settings, outcome: RunOutcome) -> None:
    from rich.markup import escape

    record = outcome.record
    for warning in record.warnings:
        console.print(f"  [yellow]warning[/yellow] {escape(warning)}", soft_wrap=True)
    if not outcome.is_success:
        console.print("[bold red]The run failed.[/bold red] What stood before a failed step still stands.")
        for failure in record.failures:
            console.print(f"  [red]{escape(failure)}[/red]", soft_wrap=True)
        console.print(f"Everything that was said: {outcome.log_file}", soft_wrap=True)
        console.print(
            f"Next: mend the first failure, then `starhouse run {outcome.job}` again; "
            "`starhouse doctor` checks the house.",
            soft_wrap=True,
        )
        return
    from orchestration.report.build import FILE_NAME

    report = settings.reports_dir / FILE_NAME
    shown = str(report) if report.exists() else "`starhouse report` writes one"
    console.print(f"Report: {shown}", soft_wrap=True)
    console.print(
        "Look around: `make ui` (Dagster), `starhouse serve` (predictions), `starhouse status`.",
        soft_wrap=True,
    )
    console.print(f"Log: {outcome.log_file}", soft_wrap=True)
