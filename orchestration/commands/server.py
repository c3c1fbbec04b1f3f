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
    typer.echo(
        f"warehouse  PostgreSQL {state.version} ({state.kind}), database {settings.database}, {state.place}"
    )
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
    running = f"running, PostgreSQL {state.version}{kept}" if state.is_running else "not running"
    typer.echo(f"warehouse    {state.kind}, {running}, {state.place}")
    typer.echo(f"environment  {settings.env}, database {settings.database}")
    typer.echo(f"home         {settings.home}")
    if not state.is_running:
        typer.echo("next         starhouse up · starhouse doctor says what is wrong if that fails")
        return
    with open_warehouse(settings) as warehouse:
        typer.echo(
            f"size         {warehouse.scalar('select pg_size_pretty(pg_database_size(current_database()))')}"
        )
        for row in warehouse.query(CONTENTS):
            rows = f"{row['row_count']:>12,} rows" if row["row_count"] is not None else ""
            typer.echo(f"  {row['schema_name']:<14}{row['tables']:>4} tables {row['views']:>4} views {rows}")
        _print_models(warehouse)


def _print_models(warehouse: Warehouse) -> None:
    """The champion of each model, and how its last contest came out."""
    from orchestration.summary import contest_lines, model_verdicts

    for number, model in enumerate(model_verdicts(warehouse)):
        champion = f"version {model['champion']}" if model["champion"] else "none"
        typer.echo(f"{'models' if not number else '':<13}{model['model']}: champion {champion}")
        for line in contest_lines(model):
            typer.echo(f"{'':<15}{line.removeprefix(model['model'] + ': ')}")


# estimates of the last ANALYZE: exact counts would read everything
CONTENTS = """
    select n.nspname as schema_name,
           count(*) filter (where c.relkind in ('r', 'p') and not c.relispartition) as tables,
           count(*) filter (where c.relkind in ('v', 'm')) as views,
           sum(greatest(c.reltuples, 0)) filter (where c.relkind = 'r')::bigint as row_count
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    where n.nspname !~ '^(pg_|information_schema)' and c.relkind in ('r', 'p', 'v', 'm')
    group by n.nspname
    order by n.nspname
"""


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
