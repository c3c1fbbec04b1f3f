"""`starhouse train`, `promote`, `rollback` and `score`: one declared model, or all of them.

Training and scoring run as jobs, so that history and lineage show them; promotion and rollback are one
transaction in the registry. Does not belong here: what these do (`ml`, `orchestration.stages`).
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import typer

from orchestration.commands.run import Budget

Model = Annotated[str, typer.Argument(help="Name of a declared model (a file of ml/models).")]
ModelOrAll = Annotated[str, typer.Argument(help="Name of a declared model, or all.")]
Reason = Annotated[str, typer.Option(help="Why; kept with the event.")]
Day = typer.Option(formats=["%Y-%m-%d"], help="Day of the source, inclusive.")


def train(
    model: ModelOrAll = "all",
    force: Annotated[bool, typer.Option("--force", help="Fit again although nothing changed.")] = False,
    budget: Budget = None,
) -> None:
    """Build the training set, fit, judge by the gates, promote what passes."""
    from orchestration.commands.run import execute
    from orchestration.stages.house import FORCE_TAG
    from orchestration.stages.model_keys import champion_key, fitted_key, training_key

    names = names_of(model)
    keys = [key(name) for name in names for key in (training_key, fitted_key, champion_key)]
    execute("train", budget=budget, models=names, assets=keys, tags={FORCE_TAG: "true"} if force else {})


def score(
    model: ModelOrAll = "all",
    start: Annotated[datetime | None, Day] = None,
    end: Annotated[datetime | None, Day] = None,
    engine: Annotated[
        str | None, typer.Option(help="warehouse, stream or auto (measured); overrides the model's file.")
    ] = None,
    budget: Budget = None,
) -> None:
    """Predict with the champion for the flights of some days, or of all, and refresh the reports.

    Only flights whose features changed since they were scored are scored again.
    """
    from orchestration.commands.run import execute
    from orchestration.stages.model_keys import prediction_key
    from orchestration.stages.score import ENGINE_TAG

    if engine not in (None, "auto", "warehouse", "stream"):
        typer.echo(f"The engine is {engine!r}. Allowed: auto, warehouse, stream.", err=True)
        raise typer.Exit(2)
    assets = None if model == "all" else [prediction_key(name) for name in names_of(model)]
    tags = {ENGINE_TAG: engine} if engine else {}
    named = None if model == "all" else names_of(model)
    execute(
        "score",
        budget=budget,
        models=named,
        start=start and start.date(),
        end=end and end.date(),
        assets=assets,
        tags=tags,
    )


def promote(
    model: Model,
    version: Annotated[
        int | None, typer.Option(help="Version to promote; by default the one that the last training put up.")
    ] = None,
    reason: Reason = "promoted by hand",
) -> None:
    """Make a version the champion; refused unless all its gates passed."""

    def change(wh: Any, name: str) -> str:
        from ml import registry
        from orchestration.stages.standing import candidate_version

        newest = candidate_version(wh, name)
        chosen = version if version is not None else newest.version if newest else None
        if chosen is None:
            raise _refused(f"{name} has no fitted version. Run `starhouse train {name}` first.")
        registry.promote(wh, name, chosen, actor=_actor(), reason=reason)
        return f"{name}: version {chosen} is the champion. Next: `starhouse score {name}`."

    _change(model, change)


def rollback(model: Model, reason: Reason = "rolled back by hand") -> None:
    """Make the champion before the present one champion again."""

    def change(wh: Any, name: str) -> str:
        from ml import registry

        registry.rollback(wh, name, actor=_actor(), reason=reason)
        version = registry.champion(wh, name).version
        return f"{name}: version {version} is the champion again. Next: `starhouse score {name}`."

    _change(model, change)


def names_of(model: str) -> list[str]:
    from ml.spec import load_specs

    known = list(load_specs())
    if model != "all" and model not in known:
        typer.echo(
            f"The model is {model!r}. Allowed: {', '.join(known)}, or all. "
            "A new one is declared in ml/models/<name>.yml.",
            err=True,
        )
        raise typer.Exit(2)
    return known if model == "all" else [model]


def _change(model: str, change: Any) -> None:
    from ml.registry import PromotionError
    from warehouse.client import SettingsError, WarehouseError, load_settings, open_warehouse

    name = names_of(model)[0]
    try:
        with open_warehouse(load_settings()) as wh:
            typer.echo(change(wh, name))
    except PromotionError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    except (SettingsError, WarehouseError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error


def _refused(message: str) -> Exception:
    from ml.registry import PromotionError

    return PromotionError(message)


def _actor() -> str:
    import getpass

    try:
        return f"user {getpass.getuser()}"
    except (KeyError, OSError):  # a container's user may have no name
        return "user without a name"
