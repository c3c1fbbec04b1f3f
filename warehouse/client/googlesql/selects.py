"""One SELECT: each of its expressions in its turn, and which columns it gives.

Belongs here: projections, columns, grouping, order, windows. Does not belong here: single expressions
(`googlesql.operators`, `.functions`, `.casts`), what stands behind FROM (`googlesql.queries`).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

from warehouse.client.googlesql.aggregates import aggregates
from warehouse.client.googlesql.casts import cast
from warehouse.client.googlesql.functions import functions
from warehouse.client.googlesql.instants import times
from warehouse.client.googlesql.kinds import BOOL, TEXT, Columns, Kind, TranslationError, Typed
from warehouse.client.googlesql.operators import operators
from warehouse.client.googlesql.picks import first_of_each, limited
from warehouse.client.googlesql.quantiles import quantile
from warehouse.client.googlesql.tails import tails
from warehouse.client.googlesql.texts import texts
from warehouse.client.googlesql.windows import ordered, windowed

if TYPE_CHECKING:
    from sqlglot import exp

    from warehouse.client.googlesql.queries import Queries


@cache
def handlers() -> dict[type, Any]:
    """By sqlglot's class, who translates an expression."""
    from sqlglot import exp

    return {
        **operators(), **functions(), **aggregates(), **times(), **texts(), **tails(), exp.Cast: cast,
    }  # fmt: skip


class Select:
    """One SELECT under translation."""

    def __init__(self, queries: Queries, node: exp.Select, answers: Columns | None = None) -> None:
        self._queries, self._node, self._handlers = queries, node, handlers()
        self._sources: dict[str, Columns] = {}
        self._answers: Columns = dict(answers or {})

    def translated(self) -> tuple[Any, Columns]:
        from sqlglot import exp

        made = exp.Select()
        self._from(made)
        # `exists (select from …)` asks for no column.
        listed = [
            one for part in self._node.expressions or [exp.Literal.number(1)] for one in self._projected(part)
        ]
        made.set("expressions", [sql for sql, _ in listed])
        if self._node.args.get("where"):
            made.set("where", exp.Where(this=self(self._node.args["where"].this).sql))
        self._drop_idle_rows(made)
        if self._node.args.get("group"):
            made.set("group", self._group(self._node.args["group"]))
        if self._node.args.get("having"):
            made.set("having", exp.Having(this=self(self._node.args["having"].this).sql))
        distinct = self._node.args.get("distinct")
        if distinct is not None and distinct.args.get("on"):
            made.set("qualify", first_of_each(self._node, self))
        elif distinct is not None:
            made.set("distinct", exp.Distinct())
        if self._node.args.get("order"):
            made.set("order", ordered(self._node.args["order"], self, self._answers))
        return limited(self._node, made), self._answers

    def __call__(self, node: Any) -> Typed:
        """An expression of this SELECT."""
        from sqlglot import exp

        if isinstance(node, exp.Column):
            return self._column(node)
        if isinstance(node, exp.WithinGroup):
            return quantile(node, self, self._node, self._queries)
        if isinstance(node, exp.Window):
            return windowed(node, self)
        if isinstance(node, (exp.Subquery, exp.Select)):
            sql, columns = self._queries.within(self).query(node)
            made = sql if isinstance(node, exp.Subquery) else exp.Subquery(this=sql)
            return Typed(made, next(iter(columns.values())))
        if isinstance(node, exp.Exists):
            return Typed(exp.Exists(this=self._queries.within(self).query(node.this)[0]), BOOL)
        if isinstance(node, exp.Collate):
            return self(node.this)  # BigQuery compares texts by their bytes, as collation "C" does
        handler = self._handlers.get(type(node))
        if handler is None:
            raise TranslationError(f"{node.key} has no translation: {node.sql('postgres')[:80]}.")
        return handler(node, self)

    def _from(self, made: Any) -> None:
        from sqlglot import exp

        node = self._node.args.get("from_")
        if node is None:
            return
        sql, name, columns = self._queries.source(node.this)
        self._sources[name] = columns
        made.set("from_", exp.From(this=sql))
        joins = []
        for join in self._node.args.get("joins") or []:
            sql, name, columns = self._queries.source(join.this)
            self._sources[name] = columns
            if join.args.get("method"):
                raise TranslationError(
                    f"{join.sql('postgres')[:80]} has no translation; allowed: join on, using."
                )
            kept = {key: join.args[key] for key in ("side", "kind") if join.args.get(key)}
            if join.args.get("using"):
                kept["using"] = [name_of(one) for one in join.args["using"]]
            on = join.args.get("on")
            joins.append(exp.Join(this=sql, on=None if on is None else self(on).sql, **kept))
        made.set("joins", joins)

    def _drop_idle_rows(self, made: Any) -> None:
        """Aggregates over all rows give one row, also where none of them is left after translation."""
        from sqlglot import exp

        def adds_up(expressions: list[Any]) -> bool:
            found = (one for part in expressions for one in part.find_all(exp.AggFunc))
            return any(one.find_ancestor(exp.Subquery, exp.Window) is None for one in found)

        is_one_row = adds_up(self._node.expressions) and not self._node.args.get("group")
        if is_one_row and not adds_up(made.expressions) or self._asks_for_types(made):
            for key in ("from_", "joins", "where"):
                made.set(key, None)

    def _asks_for_types(self, made: Any) -> bool:
        """Whether only types were asked for, of one row or none beside another: BigQuery joins to the left by
        equal columns alone, and nothing of the rows is left here.
        """
        from sqlglot import exp

        joins = self._node.args.get("joins") or []
        is_beside = [isinstance(one.this, exp.Lateral) and one.args["on"] == exp.true() for one in joins]
        is_free = not any(part.find(exp.Column, exp.Star) for part in made.expressions)
        return bool(joins) and all(is_beside) and is_free

    def _projected(self, node: Any) -> Iterator[tuple[Any, Kind]]:
        """A projection and its kind; a star stands for its columns, in order."""
        from sqlglot import exp

        inner = node.this if isinstance(node, exp.Alias) else node
        if isinstance(inner, exp.Star) or (
            isinstance(inner, exp.Column) and isinstance(inner.this, exp.Star)
        ):
            table = inner.table.lower() if isinstance(inner, exp.Column) else None
            for name, columns in self._sources.items():
                if table in (None, name):
                    self._answers.update(columns)
            yield exp.Star() if table is None else exp.column(exp.Star(), table=table), TEXT
            return
        given = self(inner)
        if isinstance(node, exp.Alias):
            name = name_of(node.args["alias"])
        else:
            name = (
                name_of(inner.this) if inner.key == "column" else exp.to_identifier(f"f{len(self._answers)}_")
            )
        self._answers[name.name] = given.kind
        is_bare = given.sql.key == "column" and given.sql.name == name.name
        yield given.sql if is_bare else exp.Alias(this=given.sql, alias=name), given.kind

    def _column(self, node: exp.Column) -> Typed:
        from sqlglot import exp

        name = node.name if node.this.quoted else node.name.lower()
        table = node.table.lower()
        found = [
            columns for alias, columns in self._sources.items() if table in ("", alias) and name in columns
        ]
        kinds = [columns[name] for columns in found] or [self._answers.get(name)]
        if kinds[0] is None and self._queries.around is not None:
            return self._queries.around._column(node)
        if kinds[0] is None:
            raise TranslationError(f"column {node.sql('postgres')} is not known; allowed: those behind FROM.")
        owner = node.args.get("table")
        if not table and name in self._sources:  # BigQuery would take the relation's row for the column
            owner = exp.to_identifier(next(a for a, columns in self._sources.items() if name in columns))
        made = exp.Column(this=name_of(node.this), **({"table": name_of(owner)} if owner else {}))
        if kinds[0].name == "decimal":  # products of two NUMERIC would be rounded to 9 digits
            return Typed(exp.cast(made, "BIGNUMERIC", dialect="bigquery"), Kind("numeric", kinds[0].scale))
        return Typed(made, kinds[0])

    def _group(self, node: exp.Group) -> Any:
        from sqlglot import exp

        def grouped(part: Any) -> Any:
            if isinstance(part, (exp.GroupingSets, exp.Tuple)):
                return type(part)(expressions=[grouped(one) for one in part.expressions])
            return part.copy() if part.key == "literal" else self(part).sql

        made = exp.Group(expressions=[grouped(part) for part in node.expressions])
        for key in ("grouping_sets", "cube", "rollup"):
            if node.args.get(key):
                made.set(key, [grouped(part) for part in node.args[key]])
        return made


def name_of(identifier: Any) -> Any:
    """A quoted identifier; Postgres reads an unquoted one in small letters."""
    from sqlglot import exp

    quoted = identifier.quoted or not identifier.name.islower()
    name = identifier.name if identifier.quoted else identifier.name.lower()
    return exp.to_identifier(name, quoted=bool(quoted))
