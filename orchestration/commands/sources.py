"""`starhouse load`, `stream` and `quarantine`: declared sources, and rows of theirs that could not be loaded.

Belongs here: arguments, and what these commands print. Does not belong here: loading
(`warehouse.loaders.intake`), a new source (`commands.new_source`).
"""

from __future__ import annotations

import json
import math
import time
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from warehouse.loaders.intake.loader import DeclaredLoader

SourceName = Annotated[str, typer.Argument(help="A source declared beside its staging models.")]
TableName = Annotated[str | None, typer.Option("--table", help="One table of it; all without.")]
QuarantineId = Annotated[int, typer.Argument(help="The row's number, as `list` shows it.")]

quarantine = typer.Typer(
    help="List, repair and load again the rows that could not be loaded.", no_args_is_help=True
)


def load(
    source: SourceName,
    table: TableName = None,
    again: Annotated[bool, typer.Option(help="Read everything anew; what is known stays.")] = False,
    day: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Backfill one day (UTC).")
    ] = None,
) -> None:
    """Load a declared source from where its last load ended."""
    from orchestration.console import open_console
    from warehouse.client import load_settings

    console = open_console()
    one_day = day.date() if day else None
    wanted = [table] if table else None
    accounts = _loader(source).load(load_settings(), wanted, _teller(console), again, one_day)
    _show_accounts(console, accounts)


def stream(
    source: SourceName,
    table: TableName = None,
    every: Annotated[float, typer.Option(help="Seconds between two steps that found nothing.")] = 1.0,
    seconds: Annotated[float | None, typer.Option("--for", help="Stop after so many seconds.")] = None,
) -> None:
    """Follow a declared source until stopped: small steps, each committed with its position."""
    from orchestration.console import open_console
    from orchestration.following import follow_tables, poll_tables
    from warehouse.client import load_settings
    from warehouse.loaders.intake.connectors import STREAMS

    console, loader, settings = open_console(), _loader(source), load_settings()
    end = time.monotonic() + seconds if seconds is not None else math.inf
    names, tell = [table] if table else list(loader.tables), _teller(console)
    try:
        if loader.source.kind in STREAMS:
            accounts = follow_tables(settings, loader.source, names, end, tell)
        else:
            accounts = poll_tables(settings, loader, names, end, every, tell)
    except KeyboardInterrupt:
        console.print("Stopped; the next run goes on from here.")
        return
    _show_accounts(console, accounts)


@quarantine.command("list")
def list_held(
    source: Annotated[str | None, typer.Argument(help="Rows of this source alone.")] = None,
    status: Annotated[str, typer.Option(help="held, replayed or dropped.")] = "held",
) -> None:
    """Show the rows in quarantine, each with its reason and its place in the source."""
    from rich.table import Table

    from orchestration.console import open_console
    from warehouse.loaders.intake.quarantine import held

    console = open_console()
    with _warehouse() as wh:
        rows = [row for row in held(wh, status=status) if _is_of(row.relation, source)]
    shown = Table(title=f"{len(rows)} rows {status}", title_justify="left")
    for column in ("id", "table", "place", "column", "reason"):
        shown.add_column(column, overflow="fold")
    for row in rows:
        cells = (row.relation, row.source_position, row.column_name or "", row.reason)
        shown.add_row(str(row.quarantine_id), *(_plain(cell) for cell in cells))
    console.print(shown)


@quarantine.command("show")
def show_held(quarantine_id: QuarantineId) -> None:
    """Print one row as the source gave it, or as it was repaired."""
    from warehouse.loaders.intake.quarantine import find

    with _warehouse() as wh:
        row = find(wh, quarantine_id)
    typer.echo(f"{row.relation}, {row.source_position}: {row.reason} ({row.status})")
    typer.echo(json.dumps(row.row, indent=2, ensure_ascii=False))


@quarantine.command("repair")
def repair_held(
    quarantine_id: QuarantineId,
    values: Annotated[list[str], typer.Argument(help="column=value; a value is JSON, or else text.")],
) -> None:
    """Put other values into a row; the source's own stay beside it. Then replay."""
    from warehouse.loaders.intake.quarantine import repair

    with _warehouse() as wh:
        row = repair(wh, quarantine_id, dict(_assignment(value) for value in values))
    typer.echo(json.dumps(row.row, indent=2, ensure_ascii=False))


@quarantine.command("replay")
def replay_held(source: SourceName, table: TableName = None) -> None:
    """Try the held rows of a source again; those that fit now are loaded."""
    from orchestration.console import open_console

    loader = _loader(source)
    names = [table] if table else loader.tables
    with _warehouse() as wh:
        accounts = [loader.replay(wh, loader.source.table(name)) for name in names]
    _show_accounts(open_console(), accounts)


@quarantine.command("drop")
def drop_held(quarantine_id: QuarantineId) -> None:
    """Settle a row that shall not be loaded; it stays listed as dropped."""
    from warehouse.loaders.intake.quarantine import find, settle

    with _warehouse() as wh:
        find(wh, quarantine_id)
        settle(wh, [quarantine_id], "dropped")
    typer.echo(f"{quarantine_id} is dropped.")


def _loader(name: str) -> DeclaredLoader:
    from warehouse.client import load_settings
    from warehouse.loaders import LoadError, declared_loaders

    loaders = declared_loaders(load_settings().dbt_project_dir / "models" / "staging")
    if name not in loaders:
        raise LoadError(
            "no such declared source", value=name, allowed=", ".join(loaders) or "none is declared yet",
            next_step="declare one with `starhouse new source <kind> <name>`",
        )  # fmt: skip
    return loaders[name]


def _show_accounts(console: Any, accounts: list[Any]) -> None:
    from rich.table import Table

    shown = Table(title="read = new + known + quarantined", title_justify="left")
    shown.add_column("table")
    for column in ("read", "new", "known", "quarantined", "deleted"):
        shown.add_column(column, justify="right")
    for one in accounts:
        counts = (one.read, one.loaded, one.known, one.quarantined, one.deleted)
        shown.add_row(f"raw.{one.relation}", *(f"{count:,}" for count in counts))
    console.print(shown)
    for one in accounts:
        for verdict in one.verdicts:
            if verdict.is_breach:
                text = f"{one.relation}: {verdict.subject} {verdict.finding}: {verdict.detail}"
                console.print(text, soft_wrap=True, markup=False)
    if any(one.quarantined for one in accounts):
        console.print("See them: `starhouse quarantine list`.")


def _teller(console: Any) -> Any:
    return lambda line: console.print(line, soft_wrap=True, markup=False)


def _is_of(relation: str, source: str | None) -> bool:
    return source is None or relation.split("__")[0] == source


def _plain(text: str) -> str:
    """Text of a source, which may hold what the console would take for mark-up."""
    from rich.markup import escape

    return escape(text)


def _assignment(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise typer.BadParameter(f"{text!r} is not column=value")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _warehouse() -> Any:
    from warehouse.client import load_settings, open_warehouse

    return open_warehouse(load_settings())
