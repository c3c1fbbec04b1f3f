"""Relations and columns of a change of rows: what may be named where no SELECT stands.

Belongs here: the target of a change, what is set. Does not belong here: the statements themselves
(`googlesql.statements_rows`, `.statements_merge`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from warehouse.client.googlesql.binary import bytes_of_literal
from warehouse.client.googlesql.casts import casted
from warehouse.client.googlesql.kinds import (
    BYTES,
    IN_BIGQUERY,
    Columns,
    Kind,
    Tables,
    TranslationError,
    Typed,
)
from warehouse.client.googlesql.queries import Queries
from warehouse.client.googlesql.selects import Select


class Scope(Select):
    """Expressions over relations that stand in no SELECT."""

    def __init__(self, tables: Tables) -> None:
        from sqlglot import exp

        super().__init__(Queries(tables), exp.Select())

    def see(self, node: Any) -> str:
        """A relation whose columns may be named from here on; its text."""
        sql, name, columns = self._queries.source(node)
        self._sources[name] = columns
        return sql.sql("bigquery")

    def name(self, alias: str, columns: Columns) -> None:
        """Columns that may be named behind `alias`."""
        self._sources[alias] = columns


def known_table(table: Any, tables: Tables) -> tuple[str, Columns]:
    """The dotted name of a table and its columns.

    Raises:
        TranslationError: it is not known.
    """
    path = ".".join(part.name if part.quoted else part.name.lower() for part in table.parts)
    columns = tables(path)
    if columns is None:
        raise TranslationError(f"table {path} is not known; allowed: tables of the warehouse.")
    return path, dict(columns)


def assignments(parts: Sequence[Any], known: Columns, scope: Scope, path: str) -> str:
    from sqlglot import exp

    found = []
    for part in parts:
        name = part.this.name if isinstance(part, exp.EQ) and isinstance(part.this, exp.Column) else None
        if name not in known:
            raise TranslationError(f"set {part.sql('postgres')[:80]}: allowed: columns of {path}.")
        value = part.expression
        is_default = isinstance(value, exp.Column) and not value.table and value.name.lower() == "default"
        text = "DEFAULT" if is_default else assigned(scope(value), known[name]).sql.sql("bigquery")
        found.append(f"`{name}` = {text}")
    return ", ".join(found)


def assigned(given: Typed, kind: Kind) -> Typed:
    """A value as a column of this kind takes it."""
    from sqlglot import exp

    texts = ("text", "json")
    if given.kind.name == "null" and kind.name in IN_BIGQUERY:
        return Typed(exp.cast(given.sql, IN_BIGQUERY[kind.name], dialect="bigquery"), kind)
    if "unknown" in (given.kind.name, kind.name) or (given.kind.name in texts and kind.name in texts):
        return given
    if kind is BYTES and given.sql.key == "literal":
        return bytes_of_literal(given)
    if kind.name == "decimal":
        number = casted(given, Kind("numeric", kind.scale))
        return Typed(exp.cast(number.sql, "NUMERIC", dialect="bigquery"), kind)
    return casted(given, kind)
