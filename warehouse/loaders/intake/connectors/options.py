"""Options of a connector, from the declarations of the source and of the table: the table's own count.

Belongs here: merging them and refusing what is unknown or of the wrong kind. Does not belong here: what an
option means.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from warehouse.loaders.declaration import LoadError
from warehouse.loaders.intake.declared import DeclaredSource, DeclaredTable


def options_of(source: DeclaredSource, table: DeclaredTable, defaults: Mapping[str, Any]) -> dict[str, Any]:
    """`defaults` with the declared options over them; a default that is a number wants a number above 0.

    Raises:
        LoadError: an option without a default here, or of another kind.
    """
    made = dict(defaults)
    for name, value in {**source.options, **table.options}.items():
        place = f"source {source.name}, table {table.name}"
        if name not in defaults:
            raise LoadError(
                f"{place}: no such option", value=name, allowed=", ".join(sorted(defaults)),
                next_step="correct `options`",
            )  # fmt: skip
        default = defaults[name]
        is_number = isinstance(default, int | float) and not isinstance(default, bool)
        is_odd = not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < 1e9
        if is_number and is_odd:
            raise LoadError(
                f"{place}: option {name}", value=value, allowed="a number above 0",
                next_step="correct `options`",
            )  # fmt: skip
        if isinstance(default, dict | list | str) and not isinstance(value, type(default)):
            raise LoadError(
                f"{place}: option {name}", value=value, allowed=f"a {type(default).__name__}",
                next_step="correct `options`",
            )  # fmt: skip
        made[name] = value
    return made


def need_connection(source: DeclaredSource, connection: Any, allowed: str) -> Any:
    """The connection; raises LoadError where the declaration names none."""
    if connection is None:
        raise LoadError(
            f"source {source.name} has no connection", value="none",
            allowed=f"an environment variable with {allowed}",
            next_step="set `connection` in its declaration",
        )  # fmt: skip
    return connection


def refuse_deletes(source: DeclaredSource, table: DeclaredTable) -> None:
    """Raise LoadError where deletions should be followed and the source cannot list its keys."""
    if table.deletes:
        raise LoadError(
            f"source {source.name}, table {table.name}: deletions cannot be followed",
            value="deletes: true", allowed=f"no such option for a source of kind {source.kind}",
            next_step="remove it; what the source says of deletions itself can be a column",
        )  # fmt: skip
