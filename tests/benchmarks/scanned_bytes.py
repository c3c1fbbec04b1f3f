"""How many bytes BigQuery reads for a statement, by its documented rule: of each table, the columns that the
statement refers to, in the partitions that its constant conditions leave.

https://cloud.google.com/bigquery/docs/estimate-costs and …/partitioned-tables: a column of a table is read
once for a statement; a partition is left out where a condition on the partitioning column is constant; MERGE
reads all columns of the partitions that it changes. Belongs here: that rule. Does not belong here: which
statements, or how large a column is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.optimizer.pushdown_predicates import pushdown_predicates
from sqlglot.optimizer.pushdown_projections import pushdown_projections
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import traverse_scope

COMPARED = {
    exp.EQ: lambda a, b: a == b, exp.GT: lambda a, b: a > b, exp.GTE: lambda a, b: a >= b,
    exp.LT: lambda a, b: a < b, exp.LTE: lambda a, b: a <= b,
}  # fmt: skip


@dataclass(frozen=True)
class Scan:
    """`columns` of `table` (`dataset.table`) that a statement refers to, and the condition on the
    partitioning column that leaves partitions out: None where every partition is read.
    """

    table: str
    columns: frozenset[str]
    condition: exp.Expression | None

    def matches(self, day: date) -> bool:
        return self.condition is None or bool(value_of(self.condition, day))


@dataclass(frozen=True)
class Warehouse:
    """`columns` and types by table, `views` their queries, `partitions` the partitioning column by table."""

    columns: Mapping[str, Mapping[str, str]]
    views: Mapping[str, str]
    partitions: Mapping[str, str]


def scans(sql: str, warehouse: Warehouse) -> list[Scan]:
    """What a statement reads; nothing where it only defines.

    Raises:
        sqlglot.errors.SqlglotError: it cannot be read.
    """
    tree = sqlglot.parse_one(sql, read="bigquery")
    if isinstance(tree, exp.Merge):
        return [*_query_scans(_source(tree), warehouse), _changed(tree, warehouse)]
    if isinstance(tree, exp.Create):
        is_table = tree.kind == "TABLE" and tree.expression is not None
        return _query_scans(tree.expression.copy(), warehouse) if is_table else []
    return _query_scans(tree, warehouse) if isinstance(tree, exp.Query) else []


def _source(tree: exp.Merge) -> exp.Query:
    source = tree.args["using"]
    return source.this if isinstance(source, exp.Subquery) else exp.select("*").from_(source)


def _changed(tree: exp.Merge, warehouse: Warehouse) -> Scan:
    """The target: whole, or the partitions named where its rows are deleted."""
    name = _name(tree.this)
    named = [one.args.get("condition") for one in tree.args["whens"].expressions if one.args.get("source")]
    condition = next((one for one in named if one is not None), None)
    partition = warehouse.partitions.get(name)
    if condition is None or {column.name for column in condition.find_all(exp.Column)} != {partition}:
        condition = None
    return Scan(name, frozenset(warehouse.columns[name]), condition)


def _query_scans(query: exp.Expression, warehouse: Warehouse) -> list[Scan]:
    query = query.unnest() if isinstance(query, exp.Subquery) else query
    expanded = _without_views(query, warehouse)
    schema: dict[str, Any] = {}
    for name, columns in warehouse.columns.items():
        dataset, _, table = name.partition(".")
        schema.setdefault(dataset, {})[table] = dict(columns)
    tree = qualify(expanded, schema=schema, dialect="bigquery", validate_qualify_columns=False)
    tree = pushdown_predicates(tree, dialect="bigquery")
    tree = pushdown_projections(tree)
    return list(_of_scopes(tree, warehouse))


def _without_views(query: exp.Expression, warehouse: Warehouse) -> exp.Expression:
    """The query with the text of each view in its place, as BigQuery reads it."""

    def replaced(node: exp.Expression) -> exp.Expression:
        if isinstance(node, exp.Table) and _name(node) in warehouse.views:
            inner = sqlglot.parse_one(warehouse.views[_name(node)], read="bigquery")
            body = _without_views(inner, warehouse)
            return exp.Subquery(this=body, alias=exp.TableAlias(this=exp.to_identifier(node.alias_or_name)))
        return node

    return query.transform(replaced)


def _of_scopes(tree: exp.Expression, warehouse: Warehouse) -> Iterator[Scan]:
    for scope in traverse_scope(tree):
        for alias, source in scope.sources.items():
            if not isinstance(source, exp.Table) or _name(source) not in warehouse.columns:
                continue
            name = _name(source)
            columns = frozenset(column.name for column in scope.source_columns(alias))
            yield Scan(name, columns, _condition(scope, alias, warehouse.partitions.get(name)))


def _condition(scope: Any, alias: str, partition: str | None) -> exp.Expression | None:
    """The part of WHERE, or of the join, that speaks of the partitioning column and constants alone."""
    where = scope.expression.args.get("where")
    parts = list(where.this.flatten() if isinstance(where.this, exp.And) else [where.this]) if where else []
    for join in scope.expression.args.get("joins") or []:
        if join.args.get("on") is not None and join.alias_or_name == alias:
            on = join.args["on"]
            parts += list(on.flatten() if isinstance(on, exp.And) else [on])
    found = None
    for part in parts:
        columns = {(column.table, column.name) for column in part.find_all(exp.Column)}
        is_constant = isinstance(part.unnest(), exp.Boolean)
        if (columns == {(alias, partition)} or is_constant) and not part.find(exp.Subquery, exp.Select):
            found = part if found is None else exp.and_(found, part)
    return found


def _name(table: exp.Table) -> str:
    return f"{table.db}.{table.name}"


def value_of(node: exp.Expression, day: date) -> Any:
    """A condition or constant, its one column being `day`.

    Raises:
        NotImplementedError: an expression that conditions on days do not have.
    """
    if isinstance(node, exp.Column):
        return day
    if isinstance(node, exp.Literal):
        return node.this if node.is_string else int(node.this)
    if isinstance(node, exp.Boolean):
        return node.this
    if isinstance(node, exp.Cast):
        return _cast(value_of(node.this, day), node.to.this)
    if isinstance(node, exp.Paren):
        return value_of(node.this, day)
    if isinstance(node, (exp.And, exp.Or)):
        sides = (bool(value_of(side, day)) for side in (node.left, node.right))
        return all(sides) if isinstance(node, exp.And) else any(sides)
    return _compared(node, day)


def _compared(node: exp.Expression, day: date) -> Any:
    if isinstance(node, exp.In):
        return value_of(node.this, day) in [value_of(one, day) for one in node.expressions]
    if isinstance(node, exp.Between):
        low, high = (value_of(node.args[end], day) for end in ("low", "high"))
        return low <= value_of(node.this, day) <= high
    if type(node) in COMPARED:
        return COMPARED[type(node)](value_of(node.left, day), value_of(node.right, day))
    if isinstance(node, exp.DatetimeAdd):
        moment, count = value_of(node.this, day), value_of(node.expression, day)
        return _added(moment, count, str(node.args["unit"]).upper())
    raise NotImplementedError(f"A condition on a day has {node.sql('bigquery')[:200]}.")


def _added(moment: datetime, count: int, unit: str) -> datetime:
    if unit == "DAY":
        return moment + timedelta(days=count)
    months = moment.year * 12 + moment.month - 1 + count
    return moment.replace(year=months // 12, month=months % 12 + 1)


def _cast(value: Any, kind: Any) -> Any:
    if kind == exp.DType.DATE:
        return date.fromisoformat(value[:10]) if isinstance(value, str) else _date(value)
    return datetime(value.year, value.month, value.day) if isinstance(value, date) else value


def _date(value: date | datetime) -> date:
    return value.date() if isinstance(value, datetime) else value
