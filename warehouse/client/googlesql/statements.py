"""Whole statements: what is sent to BigQuery for one statement of Postgres.

Belongs here: select, create table, insert and delete of rows, drop table. Does not belong here: what stands
in a query (`googlesql.queries`), sending it (`googlesql.warehouse`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from warehouse.client.googlesql.casts import written
from warehouse.client.googlesql.kinds import IN_BIGQUERY, OF_POSTGRES, TEXT, Kind, Tables, TranslationError
from warehouse.client.googlesql.queries import Queries
from warehouse.client.googlesql.selects import Select
from warehouse.client.identifiers import quote


@dataclass(frozen=True)
class Translation:
    """`statements` to send in order, none where BigQuery needs nothing; `columns` of the last one's result or
    of the table `made`; `lists`: by column that arrives as the text of JSON, a list's elements' kind,
    or "json" for an object.
    """

    statements: tuple[str, ...]
    columns: dict[str, Kind]
    lists: dict[str, Kind]
    made: str | None = None
    dropped: tuple[str, ...] = ()


def translate(sql: str, tables: Tables) -> Translation:
    """One statement of Postgres in GoogleSQL, with the same values.

    `tables` gives a table's columns by its dotted name. What has no translation that is known to mean the
    same is refused.

    Raises:
        TranslationError: a part of it has no translation, or names an unknown table or column.
    """
    from sqlglot import exp, parse_one
    from sqlglot.errors import ParseError

    try:
        node = parse_one(sql, read="postgres")
    except ParseError as error:
        raise TranslationError(f"{sql[:80]} is no statement of Postgres that can be read: {error}") from error
    if isinstance(node, exp.Set):
        return Translation((), {}, {})
    if isinstance(node, exp.Drop):
        return _dropped(node)
    if isinstance(node, exp.Create):
        return _declared(node) if isinstance(node.this, exp.Schema) else _created(node, tables)
    if isinstance(node, exp.Insert) and isinstance(node.expression, exp.Values):
        return _inserted(node)
    if isinstance(node, exp.Delete):
        return _deleted(node, tables)
    return _selected(node, tables)


def _selected(node: Any, tables: Tables) -> Translation:
    from sqlglot import exp

    made, columns = Queries(tables).query(node)
    lists = {name: kind.of for name, kind in columns.items() if kind.name == "array" and kind.of}
    lists |= {name: kind for name, kind in columns.items() if kind.name == "json"}
    selects = _outermost(made) if lists else []
    if any(one.name == "array" for one in columns.values()) and any(
        part.is_star for select in selects for part in select.expressions
    ):
        named = [exp.to_identifier(name, quoted=True).sql("bigquery") for name in lists]
        changed = ", ".join(f"TO_JSON_STRING({name}) AS {name}" for name in named)
        return Translation((f"SELECT * REPLACE ({changed}) FROM ({made.sql('bigquery')})",), columns, lists)
    for select in selects:
        _write_lists(select, columns)
    return Translation((made.sql("bigquery"),), columns, lists)


def _outermost(node: Any) -> list[Any]:
    """The selects whose rows are the result."""
    if node.key == "select":
        return [node]
    parts = [node.this, node.expression] if node.key == "union" else [node.this]
    return [select for part in parts for select in _outermost(part)]


def _write_lists(select: Any, columns: dict[str, Kind]) -> None:
    """Arrays as the text of a JSON list: a result of BigQuery may hold no array with a NULL."""
    for place, kind in enumerate(columns.values()):
        if kind.name == "array":
            one = select.expressions[place]
            inner = one.this if one.key == "alias" else one
            inner.replace(written("TO_JSON_STRING({x})", x=inner.copy()))


def _created(node: Any, tables: Tables) -> Translation:
    from sqlglot import exp

    if node.kind != "TABLE" or node.expression is None or not isinstance(node.this, exp.Table):
        raise TranslationError(f"{node.sql('postgres')[:80]} has no translation; allowed: create table as.")
    made, columns = Queries(tables).query(node.expression)
    path = [part.name for part in node.this.parts]
    table = exp.table_(*reversed(path), quoted=True)
    text = exp.Create(this=table, kind="TABLE", expression=made).sql("bigquery")
    return Translation((text,), columns, {}, made=".".join(path))


def _declared(node: Any) -> Translation:
    """`create table (columns)`; keys go, which BigQuery would not enforce, and JSON is kept as text."""
    from sqlglot import exp

    columns, texts = {}, []
    for part in node.this.expressions:
        if isinstance(part, exp.ColumnDef):
            kind = (
                TEXT if part.kind.this.value in ("JSON", "JSONB") else OF_POSTGRES.get(part.kind.this.value)
            )
            if kind is None:
                raise TranslationError(f"column type {part.kind.sql('postgres')} has no translation.")
            columns[part.name] = kind
            must = any(isinstance(one.kind, exp.NotNullColumnConstraint) for one in part.constraints)
            texts.append(f"`{part.name}` {IN_BIGQUERY[kind.name]}{' NOT NULL' if must else ''}")
    path = [part.name for part in node.this.this.parts]
    exists = "IF NOT EXISTS " if node.args.get("exists") else ""
    text = f"CREATE TABLE {exists}{_quoted(path)} ({', '.join(texts)})"
    return Translation((text,), columns, {}, made=".".join(path))


def _inserted(node: Any) -> Translation:
    from sqlglot import exp

    of = Select(Queries(lambda path: None), exp.Select())
    rows = [
        f"({', '.join(of(value).sql.sql('bigquery') for value in row.expressions)})"
        for row in node.expression.expressions
    ]
    target = node.this.this if isinstance(node.this, exp.Schema) else node.this
    return Translation(
        (f"INSERT INTO {_quoted([p.name for p in target.parts])} VALUES {', '.join(rows)}",), {}, {}
    )


def _deleted(node: Any, tables: Tables) -> Translation:
    from sqlglot import exp

    where = node.args.get("where")
    query, _ = Queries(tables).query(exp.select("*").from_(node.this.copy()).where(where.this.copy()))
    condition = query.args["where"].this.sql("bigquery")
    return Translation(
        (f"DELETE FROM {_quoted([p.name for p in node.this.parts])} WHERE {condition}",), {}, {}
    )


def _quoted(path: list[str]) -> str:
    return quote(*path, dialect="bigquery")


def _dropped(node: Any) -> Translation:
    """BigQuery drops one table a statement."""
    from sqlglot import exp

    tables = node.args.get("tables") or [node.this]
    paths = [[part.name for part in table.parts] for table in tables]
    kept = {"kind": "TABLE", "exists": node.args.get("exists")}
    texts = [exp.Drop(tables=[exp.table_(*reversed(path), quoted=True)], **kept) for path in paths]
    return Translation(
        tuple(text.sql("bigquery") for text in texts), {}, {}, dropped=tuple(".".join(path) for path in paths)
    )
