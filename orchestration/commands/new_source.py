"""`starhouse new source`: from an address to data in the warehouse, with what was written and what arrived.

Belongs here: arguments, and what the command prints. Does not belong here: inferring and writing
(`warehouse.loaders.intake.scaffold`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from warehouse.loaders.intake.scaffold import Sampled

new = typer.Typer(help="Write the files of something new.", no_args_is_help=True)


@new.callback()
def _new() -> None:
    """Write the files of something new."""


@new.command("source")
def source(
    kind: Annotated[str, typer.Argument(help="files, s3, postgres, mongodb, http, kafka or kinesis.")],
    name: Annotated[str, typer.Argument(help="The source's name, which its tables begin with.")],
    read: Annotated[list[str], typer.Option(help="A glob, relation, collection, path, topic or stream.")],
    connection: Annotated[
        str | None, typer.Option(help="The environment variable that holds its address.")
    ] = None,
    key: Annotated[
        list[str] | None, typer.Option(help="Columns that name a row, where none does alone.")
    ] = None,
    load: Annotated[bool, typer.Option(help="Load it at once.")] = True,
) -> None:
    """Connect, sample, infer, write declaration and staging models, and load."""
    from orchestration.commands.sources import load as load_source
    from orchestration.console import open_console
    from warehouse.client import load_settings
    from warehouse.client.environment import secret_named
    from warehouse.loaders.intake.scaffold import sample, write_source

    console, settings = open_console(), load_settings()
    secret = secret_named(connection) if connection else None
    tables = [sample(kind, name, one, secret, tuple(key or ())) for one in read]
    paths = write_source(settings.dbt_project_dir / "models" / "staging", kind, name, connection, tables)
    for table in tables:
        console.print(_profile(table))
    for path in paths:
        console.print(f"written: {path.relative_to(settings.root)}", soft_wrap=True)
    if load:
        load_source(name)
    console.print(
        f"Next: read what was written, then `dbt build --select staging.{name}` in "
        f"{settings.dbt_project_dir.name}/, or materialize the assets of {name} in the UI.",
        soft_wrap=True,
    )


def _profile(table: Sampled) -> Any:
    from rich.markup import escape
    from rich.table import Table

    shown = Table(title=f"{table.name}: named by {', '.join(table.key)}", title_justify="left")
    for column in ("column", "kind", "missing", "distinct", "least", "greatest", "could be the key"):
        shown.add_column(column)
    for one in table.columns:
        cells = (one.name, one.kind or "", f"{one.missing} of {one.rows}", str(one.distinct), one.least,
                 one.greatest, "yes" if one.is_key else "")  # fmt: skip
        shown.add_row(*map(escape, cells))
    return shown
