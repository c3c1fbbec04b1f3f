"""`starhouse sql` and `variants`: a model's SQL, smaller forms of it.

Belongs here: what these commands print. Does not belong here: the SQL (`ml.champion_sql`), making and testing
variants (`ml.version_variants`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestration.commands.models import Model

if TYPE_CHECKING:
    from warehouse.client import Warehouse


def sql(
    model: Model,
    bqml: Annotated[
        bool, typer.Option("--bqml", help="Print what BigQuery ML would be sent instead; nothing is sent.")
    ] = False,
) -> None:
    """Print the champion's scoring as one SELECT, to be read or run anywhere in the warehouse."""
    from orchestration.commands.models import names_of

    (name,) = names_of(model)
    with _warehouse() as wh:
        if bqml:
            from ml.bqml.texts import statements_of
            from ml.spec import load_specs

            typer.echo(statements_of(wh, load_specs()[name]), nl=False)
            return
        parts = wh.query(
            "select before, features, after from ml.champion_sql where model_name = %(name)s", {"name": name}
        )
    if not parts:
        typer.echo(f"{name} has no champion. Run `starhouse train {name}` first.", err=True)
        raise typer.Exit(1)
    typer.echo("".join(parts[0].values()))


def variants(
    model: Model,
    register: Annotated[
        str | None, typer.Option(help="Register this offered variant as the next version.")
    ] = None,
) -> None:
    """Offer smaller forms of the champion that are no worse on its test window: size and speed beside it."""
    from ml.version_variants import register_variant, variants_of
    from orchestration.commands.models import names_of
    from orchestration.stages.train import code_version
    from serving.candidate import http_surface

    (name,) = names_of(model)
    with _warehouse() as wh:
        if register is None:
            _print_offers(name, variants_of(wh, name))
            return
        made = register_variant(wh, name, register, code_version(), http_of=http_surface)
    typer.echo(
        f"{name}: {register} is version {made.version}. Next: `starhouse promote {name} "
        f"--version {made.version}`, which asks its gates."
    )


def _print_offers(name: str, offers: Any) -> None:
    from rich.table import Table

    from orchestration.console import open_console

    console = open_console()
    table = Table(title=f"Variants of {name} that may stand in for it", title_justify="left")
    for column in ("variant", "size", "row", "loss", "bound", "margin"):
        table.add_column(column, justify="left" if column == "variant" else "right")
    for one in offers.offered:
        tested = one.comparison
        table.add_row(
            one.name,
            f"{one.size.bytes / one.full_size.bytes:.0%}",
            f"{one.speed.row_microseconds:.0f} of {one.full_speed.row_microseconds:.0f} µs",
            f"{tested.difference / tested.full:+.2%}",
            f"{tested.bound:+.4f}",
            f"{tested.margin.size:g}",
        )
    console.print(table)
    for one in offers.refused:
        console.print(f"not offered: {one.name}: {one.reason}", soft_wrap=True, markup=False)
    console.print(f"Register one: `starhouse variants {name} --register <variant>`.", soft_wrap=True)


def _warehouse() -> Warehouse:
    from warehouse.client import load_settings, open_warehouse

    return open_warehouse(load_settings())
