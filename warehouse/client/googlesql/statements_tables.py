"""Definitions: tables, views, schemas, their columns and descriptions.

BigQuery enforces no key and no check: they go from the text, and `warehouse.client.rules` keeps them. Indexes
go too. Belongs here: what each definition becomes. Does not belong here: rows (`googlesql.statements_rows`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from warehouse.client.googlesql.kinds import (
    IN_BIGQUERY,
    JSON,
    OF_POSTGRES,
    Columns,
    Kind,
    Tables,
    TranslationError,
)
from warehouse.client.googlesql.queries import Queries
from warehouse.client.googlesql.statements_scope import Scope, assigned, known_table
from warehouse.client.identifiers import quote
from warehouse.client.rules import rules_of

if TYPE_CHECKING:
    from warehouse.client.googlesql.statements import Translation


def created(node: Any, tables: Tables) -> Translation:
    """create table (columns) | as query, create view, create schema; an index is nothing."""
    from sqlglot import exp

    from warehouse.client.googlesql.statements import NOTHING, Translation

    if node.kind == "INDEX":
        return NOTHING
    exists = "IF NOT EXISTS " if node.args.get("exists") else ""
    if node.kind == "SCHEMA":
        return Translation((f"CREATE SCHEMA {exists}{_quoted([node.this.db])}",), {}, {})
    kinds = [type(one) for one in (node.args.get("properties") or exp.Properties()).expressions]
    refused = set(kinds) - {
        exp.TemporaryProperty, exp.UnloggedProperty, exp.WithDataProperty, exp.PartitionedByProperty,
    }  # fmt: skip
    if node.kind not in ("TABLE", "VIEW") or refused:
        raise TranslationError(
            f"{node.sql('postgres')[:80]} has no translation; allowed: create table, view, schema, index."
        )
    table = node.this.this if isinstance(node.this, exp.Schema) else node.this
    path = [part.name if part.quoted else part.name.lower() for part in table.parts]
    is_temporary = exp.TemporaryProperty in kinds
    replace = "OR REPLACE " if node.args.get("replace") else ""
    head = f"CREATE {replace}{'TEMP ' if is_temporary else ''}{node.kind} {exists}{_quoted(path)}"
    made = {"made": ".".join(path), "is_temporary": is_temporary, "is_new": not exists and not replace}
    if node.expression is None:
        columns, texts = _declared(node)
        return Translation((f"{head} ({', '.join(texts)}){_layout('.'.join(path))}",), columns, {}, **made)
    query, columns = Queries(tables).query(node.expression)
    empty = any(isinstance(one, exp.WithDataProperty) and one.args.get("no") for one in _properties(node))
    text = query.sql("bigquery")
    text = f"SELECT * FROM ({text}) AS given LIMIT 0" if empty else text
    return Translation((f"{head} AS {text}",), columns, {}, **made)


def _properties(node: Any) -> list[Any]:
    found = node.args.get("properties")
    return [] if found is None else found.expressions


def _declared(node: Any) -> tuple[Columns, list[str]]:
    """Columns with their defaults; keys and checks go, which BigQuery would not enforce, and JSON is kept as
    text.
    """
    from sqlglot import exp

    columns: Columns = {}
    texts = []
    for part in node.this.expressions:
        if not isinstance(part, exp.ColumnDef):
            continue
        kind = kind_of(part)
        columns[part.name] = kind
        parts = [one.kind for one in part.constraints]
        text = f"`{part.name}` {IN_BIGQUERY[kind.name]}"
        default = next((one.this for one in parts if isinstance(one, exp.DefaultColumnConstraint)), None)
        if default is not None:
            text += f" DEFAULT {_default(default, kind)}"
        must = (exp.NotNullColumnConstraint, exp.PrimaryKeyColumnConstraint)
        is_needed = any(isinstance(one, must) and not one.args.get("allow_null") for one in parts)
        texts.append(f"{text} NOT NULL" if is_needed else text)
    if not columns:
        raise TranslationError(
            f"{node.sql('postgres')[:80]} names no column; allowed: a name and a type each."
        )
    return columns, texts


def kind_of(column: Any) -> Kind:
    """The kind of a declared column.

    Raises:
        TranslationError: its type has none.
    """
    name = column.kind.this.value
    kind = JSON if name in ("JSON", "JSONB") else OF_POSTGRES.get(name)
    if kind is None:
        raise TranslationError(f"column type {column.kind.sql('postgres')} has no translation.")
    return kind


def _default(node: Any, kind: Kind) -> str:
    from sqlglot import exp

    if isinstance(node, exp.Anonymous) and node.name.lower() == "clock_timestamp":
        node = exp.CurrentTimestamp()
    return assigned(Scope(lambda path: None)(node), kind).sql.sql("bigquery")


def _layout(path: str) -> str:
    """How a declared table lies on the disk, so that a query reads the part it needs."""
    rules = rules_of(path)
    if rules is None or rules.layout is None:
        return ""
    by, cluster = rules.layout.partition, ", ".join(f"`{name}`" for name in rules.layout.cluster)
    text = f" PARTITION BY {by}" if by else ""
    return text + (f" CLUSTER BY {cluster}" if cluster else "")


def dropped(node: Any, tables: Tables) -> Translation:
    """drop table, view, schema: BigQuery drops one a statement."""
    from warehouse.client.googlesql.statements import Translation

    listed = node.args.get("tables") or [node.this]
    exists = "IF EXISTS " if node.args.get("exists") else ""
    if node.kind == "SCHEMA":
        rest = " CASCADE" if node.args.get("cascade") else ""
        texts = [f"DROP SCHEMA {exists}{_quoted([one.db])}{rest}" for one in listed]
        return Translation(tuple(texts), {}, {})
    if node.kind not in ("TABLE", "VIEW"):
        raise TranslationError(
            f"{node.sql('postgres')[:80]} has no translation; allowed: table, view, schema."
        )
    paths = [[part.name if part.quoted else part.name.lower() for part in one.parts] for one in listed]
    texts = [f"DROP {node.kind} {exists}{_quoted(path)}" for path in paths]
    return Translation(tuple(texts), {}, {}, dropped=tuple(".".join(path) for path in paths))


def altered(node: Any, tables: Tables) -> Translation:
    """alter table: add, drop or rename a column, allow nulls, another name; a constraint is nothing."""
    from sqlglot import exp

    from warehouse.client.googlesql.statements import Translation

    path, columns = known_table(node.this, tables)
    head, texts, renamed = f"ALTER TABLE {_quoted(path.split('.'))}", [], None
    for action in node.args["actions"]:
        if isinstance(action, exp.ColumnDef):
            exists = "IF NOT EXISTS " if action.args.get("exists") else ""
            columns[action.name] = kind_of(action)
            texts.append(f"{head} ADD COLUMN {exists}`{action.name}` {IN_BIGQUERY[kind_of(action).name]}")
        elif isinstance(action, exp.RenameColumn):
            old, new = action.this.name, action.args["to"].name
            columns = {new if name == old else name: kind for name, kind in columns.items()}
            texts.append(f"{head} RENAME COLUMN `{old}` TO `{new}`")
        elif isinstance(action, exp.AlterRename):
            renamed = ".".join([*path.split(".")[:-1], action.this.name])
            texts.append(f"{head} RENAME TO `{action.this.name}`")
        elif isinstance(action, exp.AlterColumn) and action.args.get("allow_null"):
            texts.append(f"{head} ALTER COLUMN `{action.this.name}` DROP NOT NULL")
        elif isinstance(action, exp.Drop) and action.kind == "COLUMN":
            exists = "IF EXISTS " if action.args.get("exists") else ""
            for one in action.args["tables"]:
                columns.pop(one.name, None)
                texts.append(f"{head} DROP COLUMN {exists}`{one.name}`")
        elif not isinstance(action, exp.AddConstraint):
            raise TranslationError(f"{node.sql('postgres')[:80]}: {action.key} has no translation.")
    return Translation(tuple(texts), columns, {}, made=renamed or path, dropped=(path,) if renamed else ())


def described(node: Any, tables: Tables) -> Translation:
    """comment on table, column."""
    from warehouse.client.googlesql.statements import Translation

    option = f"SET OPTIONS(description = {node.expression.sql('bigquery')})"
    kind = node.args["kind"].lower()
    if kind == "table":
        text = f"ALTER TABLE {_quoted([part.name for part in node.this.parts])} {option}"
    elif kind == "column":
        *table, column = [part.name for part in node.this.parts]
        text = f"ALTER TABLE {_quoted(table)} ALTER COLUMN `{column}` {option}"
    else:
        raise TranslationError(f"comment on {kind} has no translation; allowed: table and column.")
    return Translation((text,), {}, {})


def _quoted(path: list[str]) -> str:
    return quote(*path, dialect="bigquery")
