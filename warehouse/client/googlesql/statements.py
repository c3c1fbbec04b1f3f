"""Whole statements: what is sent to BigQuery for one statement of Postgres.

Belongs here: reading a text, selects, and who translates what else. Does not belong here: what stands in a
query (`googlesql.queries`), changes of rows (`googlesql.statements_rows`), definitions
(`googlesql.statements_tables`), sending it (`googlesql.warehouse`).
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from warehouse.client.googlesql.casts import written
from warehouse.client.googlesql.kinds import Kind, Tables, TranslationError
from warehouse.client.googlesql.queries import Queries

ON_COMMIT = re.compile(r"\bon\s+commit\s+drop\b", re.IGNORECASE)
TEMPORARY = re.compile(r"\s*temp(orary)?\s+table\b", re.IGNORECASE)


@dataclass(frozen=True)
class Translation:
    """`statements` to send in order, none where BigQuery needs nothing; `columns` of the last one's result or
    of the table `made`; `lists`: by column that arrives as the text of JSON, a list's elements' kind,
    or "json" for an object. `dropped` tables are known no more. `change` (insert, update or delete) is what
    it does to the rows of the table `changed`; `is_temporary`: the table made lives in this transaction only;
    `is_new`: it was not there before; `numbers`: an identity column counts on.
    """

    statements: tuple[str, ...]
    columns: dict[str, Kind]
    lists: dict[str, Kind]
    made: str | None = None
    dropped: tuple[str, ...] = ()
    change: str = ""
    changed: str = ""
    is_temporary: bool = False
    is_new: bool = False
    numbers: bool = False


NOTHING = Translation((), {}, {})
"""For what BigQuery does itself or has not: indexes, statistics, settings of a session."""


def parsed(sql: str) -> Iterator[Any]:
    """The statements of a text, in order.

    Raises:
        TranslationError: one is none of Postgres that can be read.
    """
    from sqlglot import exp, parse
    from sqlglot.errors import ParseError

    parser = logging.getLogger("sqlglot")  # it warns of what is read again here, or refused by name
    before, parser.disabled = parser.disabled, True
    try:
        for node in parse(sql, read="postgres"):
            if isinstance(node, exp.Command) and TEMPORARY.match(str(node.expression)):
                yield parse(ON_COMMIT.sub("", f"create {node.expression}"), read="postgres")[0]
            elif node is not None and not isinstance(node, exp.Semicolon):
                yield node
    except ParseError as error:
        raise TranslationError(f"{sql[:80]} is no statement of Postgres that can be read: {error}") from error
    finally:
        parser.disabled = before


def translate(sql: Any, tables: Tables) -> Translation:
    """One statement of Postgres, as text or as `parsed` gave it, in GoogleSQL with the same values.

    `tables` gives a table's columns by its dotted name. What has no translation that is known to mean the
    same is refused.

    Raises:
        TranslationError: a part of it has no translation, or names an unknown table or column.
    """
    from sqlglot import exp

    from warehouse.client.googlesql import statements_rows, statements_tables

    nodes = list(parsed(sql)) if isinstance(sql, str) else [sql]
    if len(nodes) != 1:
        raise TranslationError(f"{str(sql)[:80]} holds {len(nodes)} statements; allowed: one at a time.")
    node = nodes[0]
    others = {
        exp.Insert: statements_rows.inserted, exp.Update: statements_rows.updated,
        exp.Delete: statements_rows.deleted, exp.TruncateTable: statements_rows.emptied,
        exp.Create: statements_tables.created, exp.Drop: statements_tables.dropped,
        exp.Alter: statements_tables.altered, exp.Comment: statements_tables.described,
    }  # fmt: skip
    if isinstance(node, (exp.Set, exp.Analyze)):
        return NOTHING
    if isinstance(node, exp.Command):
        raise TranslationError(f"{node.sql('postgres')[:80]} has no translation.")
    if type(node) in others:
        return others[type(node)](node, tables)
    return _selected(node, tables)


def _selected(node: Any, tables: Tables) -> Translation:
    from sqlglot import exp

    made, columns = Queries(tables).query(node)
    lists = {name: kind.of for name, kind in columns.items() if kind.name == "array" and kind.of}
    lists |= {name: kind for name, kind in columns.items() if kind.name == "json"}
    selects = outermost(made) if lists else []
    if any(one.name == "array" for one in columns.values()) and any(
        part.is_star for select in selects for part in select.expressions
    ):
        named = [exp.to_identifier(name, quoted=True).sql("bigquery") for name in lists]
        changed = ", ".join(f"TO_JSON_STRING({name}) AS {name}" for name in named)
        return Translation((f"SELECT * REPLACE ({changed}) FROM ({made.sql('bigquery')})",), columns, lists)
    for select in selects:
        _write_lists(select, columns)
    return Translation((made.sql("bigquery"),), columns, lists)


def outermost(node: Any) -> list[Any]:
    """The selects whose rows are the result."""
    if node.key == "select":
        return [node]
    parts = [node.this, node.expression] if node.key == "union" else [node.this]
    return [select for part in parts for select in outermost(part)]


def _write_lists(select: Any, columns: dict[str, Kind]) -> None:
    """Arrays as the text of a JSON list: a result of BigQuery may hold no array with a NULL."""
    for place, kind in enumerate(columns.values()):
        if kind.name == "array":
            one = select.expressions[place]
            inner = one.this if one.key == "alias" else one
            inner.replace(written("TO_JSON_STRING({x})", x=inner.copy()))
