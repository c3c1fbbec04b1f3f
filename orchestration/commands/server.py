"""`starhouse up`, `down`, `status` and `doctor`: the warehouse's server as its user sees it.

Belongs here: what these commands print. Does not belong: starting servers or finding faults
(`warehouse.client`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from warehouse.client import Warehouse


def up() -> None:
    """Start the warehouse and keep it running until `starhouse down`; write dbt's profile."""
    from ml.registry import ensure_schema
    from warehouse.client import load_settings, open_warehouse, server_status, start_server, write_profile

    settings = load_settings()
    start_server(settings, keep=True)
    with open_warehouse(settings) as wh:
        profile = write_profile(settings)
        ensure_schema(wh)  # a plain `dbt build` reads these tables, empty ones too
    state = server_status(settings)
    typer.echo(f"warehouse  {state.product} ({state.kind}), database {settings.database}, {state.place}")
    typer.echo(f"profile    {profile}")
    typer.echo("next       starhouse run · cd warehouse && dbt build · starhouse down")


def down() -> None:
    """Stop the embedded warehouse, whoever uses it."""
    from warehouse.client import load_settings, stop_server

    settings = load_settings()
    if not settings.is_embedded:
        typer.echo("The warehouse is an external server (STARHOUSE_WAREHOUSE_URL): it is not ours to stop.")
        return
    typer.echo("The warehouse is stopped." if stop_server(settings) else "No warehouse was running.")


def status() -> None:
    """Show whether the warehouse runs, where it is, what it holds, and which models are in charge."""
    from warehouse.client import load_settings, open_warehouse, server_status

    settings = load_settings()
    state = server_status(settings)
    kept = ", kept until `starhouse down`" if state.is_kept else ""
    running = f"running, {state.product}{kept}" if state.is_running else "not running"
    typer.echo(f"warehouse    {state.kind}, {running}, {state.place}")
    typer.echo(f"environment  {settings.env}, database {settings.database}")
    typer.echo(f"home         {settings.home}")
    if not state.is_running:
        typer.echo("next         starhouse up · starhouse doctor says what is wrong if that fails")
        return
    with open_warehouse(settings) as warehouse:
        _print_contents(warehouse)
        _print_models(warehouse)


def _print_contents(warehouse: Warehouse) -> None:
    """Size, tables, views and rows by schema; rows as the engine last counted them."""
    found = warehouse.relations()
    typer.echo(f"size         {sum(row['size_bytes'] for row in found) / 1e6:,.0f} MB")
    for schema in sorted({row["schema"] for row in found}):
        there = [row for row in found if row["schema"] == schema]
        tables = [row for row in there if row["kind"] == "table"]
        rows = f"{sum(row['rows'] or 0 for row in tables):>12,} rows" if tables else ""
        typer.echo(f"  {schema:<14}{len(tables):>4} tables {len(there) - len(tables):>4} views {rows}")


def _print_models(warehouse: Warehouse) -> None:
    """The champion of each model, and how its last contest came out."""
    from orchestration.summary import contest_lines, model_verdicts

    for number, model in enumerate(model_verdicts(warehouse)):
        champion = f"version {model['champion']}" if model["champion"] else "none"
        typer.echo(f"{'models' if not number else '':<13}{model['model']}: champion {champion}")
        for line in contest_lines(model):
            typer.echo(f"{'':<15}{line.removeprefix(model['model'] + ': ')}")


def doctor(
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show problems only.")] = False,
) -> None:
    """Say what is wrong and how to mend it; the exit code is 1 if anything is."""
    from warehouse.client.doctor import diagnose

    findings = diagnose()
    for finding in findings:
        if finding.is_ok and quiet:
            continue
        typer.echo(f"{'ok     ' if finding.is_ok else 'PROBLEM'}  {finding.name:<12} {finding.text}")
        if finding.mend:
            typer.echo(f"         {'':<12} → {finding.mend}")
    problems = sum(not finding.is_ok for finding in findings)
    typer.echo(f"{problems} problem{'s' * (problems != 1)} found." if problems else "All is well.")
    raise typer.Exit(1 if problems else 0)
