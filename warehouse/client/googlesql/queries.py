"""Queries: which columns stand behind FROM, and how queries are put together.

Belongs here: unions, WITH, sources. Does not belong here: one SELECT (`googlesql.selects`), whole
statements (`googlesql.statements`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from warehouse.client.googlesql.casts import written
from warehouse.client.googlesql.kinds import INT, Columns, Tables, TranslationError
from warehouse.client.googlesql.picks import limited
from warehouse.client.googlesql.selects import Select, name_of
from warehouse.client.googlesql.unions import united
from warehouse.client.googlesql.windows import ordered


class Queries:
    """Translates queries over the tables of one warehouse; `ctes` are named queries around this one."""

    def __init__(
        self, tables: Tables, ctes: Mapping[str, Columns] | None = None, around: Select | None = None
    ) -> None:
        self._tables, self._ctes, self.around = tables, dict(ctes or {}), around

    def within(self, select: Select) -> Queries:
        """Queries that stand in an expression of a SELECT, whose columns they may name."""
        return Queries(self._tables, self._ctes, select)

    def query(self, node: Any) -> tuple[Any, Columns]:
        """A SELECT, a union or a query in parentheses, and its columns."""
        named, inside = self._named(node.args.get("with_"))
        made, columns = inside._query(node)
        if named is not None:
            made.set("with_", named)
        return made, columns

    def _query(self, node: Any) -> tuple[Any, Columns]:
        from sqlglot import exp

        if isinstance(node, exp.Subquery):
            inner, columns = self.query(node.this)
            made = exp.Subquery(this=inner)
            return limited(node, self._in_order(node, made, columns)), columns
        if isinstance(node, exp.Union):
            one, columns = self.query(node.this)
            two, others = self.query(node.expression)
            columns = united((one, columns), (two, others))
            made = exp.Union(this=one, expression=two, distinct=node.args["distinct"])
            return limited(node, self._in_order(node, made, columns)), columns
        if isinstance(node, exp.Select):
            return Select(self, node).translated()
        raise TranslationError(f"{node.key} has no translation; allowed: select and union.")

    def _in_order(self, node: Any, made: Any, columns: Columns) -> Any:
        """With the order of a union or of a query in parentheses, which goes by its columns."""
        from sqlglot import exp

        if node.args.get("order"):
            answers = Select(self, exp.Select(), columns)
            made.set("order", ordered(node.args["order"], answers, columns))
        return made

    def _named(self, node: Any) -> tuple[Any, Queries]:
        """The WITH of a query, and the translation within it."""
        from sqlglot import exp

        if node is None:
            return None, self
        inside, made = Queries(self._tables, self._ctes, self.around), []
        for cte in node.expressions:
            query, columns = inside.query(cte.this)
            inside._ctes[cte.alias.lower()] = columns
            made.append(exp.CTE(this=query, alias=exp.TableAlias(this=name_of(cte.args["alias"].this))))
        return exp.With(expressions=made), inside

    def _unnested(self, node: Any, named: Any) -> tuple[Any, str, Columns]:
        """`unnest(array) with ordinality as name(value, place)`; places count from 1."""
        from sqlglot import exp

        values = Select(self, exp.Select())(node.expressions[0])
        value, *place = [one.name for one in node.args["alias"].args["columns"]]
        offset = node.args.get("offset")
        place = place or ([offset.name] if isinstance(offset, exp.Identifier) else [])
        text = f"SELECT v AS `{value}`" + (f", o + 1 AS `{place[0]}`" if place else "")
        inner = written(f"{text} FROM UNNEST({{a}}) AS v WITH OFFSET AS o", a=values.sql)
        columns = {value: values.kind.of, **dict.fromkeys(place, INT)}
        named = exp.TableAlias(this=name_of(node.args["alias"].this))
        return exp.Subquery(this=inner, alias=named), node.alias.lower(), columns

    def source(self, node: Any) -> tuple[Any, str, Columns]:
        """What stands behind FROM or JOIN: its text, its name, its columns."""
        from sqlglot import exp

        if isinstance(node, exp.Lateral):  # nothing in it refers to what stands beside it
            inner = node.this
            node = exp.Subquery(this=inner.this, alias=node.args["alias"]) if node.alias else inner
        alias = node.args.get("alias")
        named = None if alias is None else exp.TableAlias(this=name_of(alias.this))
        if isinstance(node, exp.Table):
            path = ".".join(part.name if part.quoted else part.name.lower() for part in node.parts)
            columns = self._ctes.get(path) if path in self._ctes else self._tables(path)
            if columns is None:
                raise TranslationError(f"table {path} is not known; allowed: tables of the warehouse.")
            parts = {key: name_of(node.args[key]) for key in ("this", "db", "catalog") if node.args.get(key)}
            for part in parts.values() if len(parts) > 1 else ():
                part.set("quoted", True)
            made = exp.Table(**parts, alias=named)
            return made, (alias.name if alias else node.name).lower(), dict(columns)
        if isinstance(node, exp.Subquery):
            inner, columns = self.query(node.this)
            return exp.Subquery(this=inner, alias=named), node.alias.lower(), columns
        if isinstance(node, exp.Unnest):
            return self._unnested(node, named)
        raise TranslationError(f"{node.key} behind FROM has no translation: {node.sql('postgres')[:80]}.")
