"""`on conflict`, which BigQuery has not: a MERGE that means the same.

A MERGE would insert a key twice where its source holds it twice: it is kept from that as Postgres keeps
from it. Belongs here: keys, what is replaced. Does not belong here: other changes
(`googlesql.statements_rows`).
"""

from __future__ import annotations

from typing import Any

from warehouse.client.googlesql.kinds import Columns, Tables, TranslationError
from warehouse.client.googlesql.statements_scope import Scope, assignments
from warehouse.client.identifiers import quote
from warehouse.client.rules import rules_of


def merged(node: Any, path: str, given: Columns, source: str, tables: Tables, is_one: bool) -> str:
    """A MERGE in place of an INSERT with ON CONFLICT. `source` gives the rows, of the columns `given`;
    `is_one` where it is one row.

    Raises:
        TranslationError: no key is named and the table has not one only, or a part has no translation.
    """
    from sqlglot import exp

    conflict, table = node.args["conflict"], node.this.find(exp.Table)
    alias = table.alias or table.name
    keys = _keys(conflict, path)
    quoted = [f"`{key}`" for key in keys]
    missing = [key for key in keys if key not in given]
    if missing:
        raise TranslationError(f"on conflict of {path} by {', '.join(missing)}, which the insert leaves out.")
    changes = conflict.expressions
    if not is_one:
        source = _each_once(source, quoted, list(given), bool(changes))
    names = ", ".join(f"`{name}`" for name in given)
    values = ", ".join(f"excluded.`{name}`" for name in given)
    known_as = exp.to_identifier(alias).sql("bigquery")
    met = " AND ".join(f"{known_as}.{key} = excluded.{key}" for key in quoted)
    target = quote(*path.split("."), dialect="bigquery")
    text = f"MERGE INTO {target} AS {known_as} USING ({source}) AS excluded ON {met}"
    if changes:
        text += f" WHEN MATCHED {_replacement(conflict, path, alias, given, tables)}"
    return f"{text} WHEN NOT MATCHED THEN INSERT ({names}) VALUES ({values})"


def _keys(conflict: Any, path: str) -> list[str]:
    """The columns by which rows meet: those named, else the table's only key."""
    named = [part.find(_column()).name for part in conflict.args.get("conflict_keys") or []]
    if named:
        return named
    rules = rules_of(path)
    if rules is None or len(rules.keys) != 1:
        raise TranslationError(f"on conflict of {path} names no key; allowed: on conflict (columns).")
    return list(rules.keys[0])


def _column() -> tuple[type, ...]:
    from sqlglot import exp

    return (exp.Column, exp.Identifier)


def _replacement(conflict: Any, path: str, alias: str, given: Columns, tables: Tables) -> str:
    from sqlglot import exp

    known = dict(tables(path) or {})
    scope = Scope(tables)
    scope.name(alias, known)
    scope.name("excluded", given)
    where = conflict.args.get("where")
    for column in (*conflict.find_all(exp.Column),):
        if not column.table:  # of the row there is
            column.set("table", exp.to_identifier(alias))
    condition = "" if where is None else f"AND {scope(where.this).sql.sql('bigquery')} "
    return f"{condition}THEN UPDATE SET {assignments(conflict.expressions, known, scope, path)}"


def _each_once(source: str, keys: list[str], columns: list[str], is_update: bool) -> str:
    """A source with each key once: Postgres refuses to change a row twice, or to insert what is there."""
    by = ", ".join(keys)
    if not is_update:
        free = " OR ".join(f"{key} IS NULL" for key in keys)
        place = f"ROW_NUMBER() OVER (PARTITION BY {by}) = 1"
        return f"SELECT * FROM ({source}) AS given WHERE TRUE QUALIFY {place} OR {free}"
    message = "ON CONFLICT DO UPDATE cannot affect a row a second time"
    first = f"IF(COUNT(*) OVER (PARTITION BY {by}) > 1, ERROR('{message}'), {keys[0]}) AS {keys[0]}"
    listed = ", ".join(first if f"`{name}`" == keys[0] else f"`{name}`" for name in columns)
    return f"SELECT {listed} FROM ({source}) AS given"
