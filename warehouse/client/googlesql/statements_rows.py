"""Changes of rows: insert, update, delete, truncate.

Belongs here: what each becomes. Does not belong here: `on conflict` (`googlesql.statements_merge`),
definitions (`googlesql.statements_tables`), the rules that rows must keep (`warehouse.client.rules`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from warehouse.client.googlesql.kinds import Columns, Kind, Tables, TranslationError, Typed
from warehouse.client.googlesql.queries import Queries
from warehouse.client.googlesql.statements_merge import merged
from warehouse.client.googlesql.statements_scope import Scope, assigned, assignments, known_table
from warehouse.client.identifiers import quote
from warehouse.client.rules import rules_of

if TYPE_CHECKING:
    from warehouse.client.googlesql.statements import Translation


def inserted(node: Any, tables: Tables) -> Translation:
    """`insert into t (columns) values … | query [on conflict …]`."""
    from sqlglot import exp

    from warehouse.client.googlesql.statements import Translation

    _refuse_returning(node)
    table = node.this.this if isinstance(node.this, exp.Schema) else node.this
    path, known = known_table(table, tables)
    named = [part.name for part in node.this.expressions] if isinstance(node.this, exp.Schema) else []
    query = node.expression
    rows = _rows(query, tables) if isinstance(query, exp.Values) else None
    width = len(rows[0]) if rows else None
    asked = None if rows else _translated_query(node, tables)
    columns = named or list(known)[: len(rows[0]) if rows else len(asked[1])]
    unknown = [name for name in columns if name not in known]
    if unknown or (rows and any(len(row) != len(columns) for row in rows)):
        raise TranslationError(
            f"insert into {path} names columns {', '.join(columns)} for rows of {width} values; allowed: one "
            f"value a column of {', '.join(known)}."
        )
    given = {name: known[name] for name in columns}
    rules = rules_of(path)
    counted = rules.identity if rules and rules.identity not in columns else None
    if node.args.get("conflict") is not None:
        if counted:
            raise TranslationError(f"on conflict into {path}, whose {counted} counts, has no translation.")
        source = _united(rows, given) if rows else _fitted(*asked, given)
        text = merged(node, path, given, source, tables, is_one=rows is not None and len(rows) == 1)
    else:
        text = _plainly(path, given, rows, None if rows else _fitted(*asked, given), counted)
    is_update = node.args.get("conflict") is not None and bool(node.args["conflict"].expressions)
    change = "update" if is_update else "insert"
    return Translation((text,), {}, {}, change=change, changed=path, numbers=counted is not None)


def updated(node: Any, tables: Tables) -> Translation:
    """`[with …] update t set … [from …] [where …]`."""
    from warehouse.client.googlesql.statements import Translation

    _refuse_returning(node)
    _lay_with_inside(node)
    scope = Scope(tables)
    path, known = known_table(node.this, tables)
    target = scope.see(node.this)
    others, met = _joined(node)
    seen = [scope.see(other) for other in others]
    changes = assignments(node.expressions, known, scope, path)
    where = node.args.get("where")
    met += [] if where is None else [where.this]
    condition = " AND ".join(f"({scope(part).sql.sql('bigquery')})" for part in met) or "TRUE"
    behind = f" FROM {' CROSS JOIN '.join(seen)}" if seen else ""
    text = f"UPDATE {target} SET {changes}{behind} WHERE {condition}"
    return Translation((text,), {}, {}, change="update", changed=path)


def _joined(node: Any) -> tuple[list[Any], list[Any]]:
    """The relations behind FROM, and on what they meet.

    Raises:
        TranslationError: a join that keeps rows without a partner.
    """
    source = node.args.get("from_")
    relations = [] if source is None else [source.this]
    joins = (
        [] if source is None else [*(source.this.args.get("joins") or []), *(node.args.get("joins") or [])]
    )
    if any(join.side or join.args.get("using") for join in joins):
        raise TranslationError(
            "update from an outer join, or by using, has no translation; allowed: join … on."
        )
    for relation in relations:
        relation.set("joins", None)
    met = [join.args["on"] for join in joins if join.args.get("on") is not None]
    return [*relations, *(join.this for join in joins)], met


def deleted(node: Any, tables: Tables) -> Translation:
    """`[with …] delete from t [using …] [where …]`; a row goes where any of those used meets it."""
    from sqlglot import exp

    from warehouse.client.googlesql.statements import Translation

    _refuse_returning(node)
    _lay_with_inside(node)
    scope, where = Scope(tables), node.args.get("where")
    path, _ = known_table(node.this, tables)
    target = scope.see(node.this)
    condition = exp.true() if where is None else where.this
    if node.args.get("using"):
        first, *others = node.args["using"]
        met = exp.select("1").from_(first)
        for other in others:
            met = met.join(other, join_type="cross")
        condition = exp.Exists(this=met.where(condition))
    text = f"DELETE FROM {target} WHERE {scope(condition).sql.sql('bigquery')}"
    return Translation((text,), {}, {}, change="delete", changed=path)


def emptied(node: Any, tables: Tables) -> Translation:
    """`truncate a, b`."""
    from warehouse.client.googlesql.statements import Translation

    paths = [known_table(table, tables)[0] for table in node.expressions]
    if len(paths) > 1 and any(map(rules_of, paths)):
        raise TranslationError(
            f"truncate {', '.join(paths)} at once has no translation; allowed: one by one."
        )
    texts = [f"TRUNCATE TABLE {quote(*path.split('.'), dialect='bigquery')}" for path in paths]
    return Translation(tuple(texts), {}, {}, change="delete", changed=paths[0])


def _refuse_returning(node: Any) -> None:
    if node.args.get("returning"):
        raise TranslationError("returning has no translation; ask for the rows in a query of their own.")


def _rows(query: Any, tables: Tables) -> list[list[Typed]]:
    """Typed values; `default` stands for itself."""
    from sqlglot import exp

    scope = Scope(tables)

    def value(part: Any) -> Typed:
        if isinstance(part, exp.Var) and part.name.upper() == "DEFAULT":
            return Typed(exp.Var(this="DEFAULT"), Kind("default"))
        return scope(part)

    return [[value(part) for part in row.expressions] for row in query.expressions]


def _plainly(
    path: str, given: Columns, rows: list[list[Typed]] | None, query: str | None, counted: str | None
) -> str:
    """An INSERT. BigQuery counts no identity column: the next numbers are written."""
    target = quote(*path.split("."), dialect="bigquery")
    listed = ", ".join(f"`{name}`" for name in [*given, *([counted] if counted else [])])
    head = f"INSERT INTO {target} ({listed})"
    last = f"(SELECT IFNULL(MAX(`{counted}`), 0) FROM {target})"
    if rows is None:
        if counted is None:
            return f"{head} {query}"
        return f"{head} SELECT q.*, {last} + ROW_NUMBER() OVER () FROM ({query}) AS q"
    texts = []
    for number, row in enumerate(rows, 1):
        values = [_text(value, kind) for value, kind in zip(row, given.values(), strict=True)]
        texts.append(f"({', '.join([*values, *([f'{last} + {number}'] if counted else [])])})")
    return f"{head} VALUES {', '.join(texts)}"


def _text(value: Typed, kind: Kind) -> str:
    return (value if value.kind.name == "default" else assigned(value, kind)).sql.sql("bigquery")


def _united(rows: Sequence[Sequence[Typed]], given: Columns) -> str:
    """Rows of values as a query."""
    if any(value.kind.name == "default" for row in rows for value in row):
        raise TranslationError("default beside on conflict has no translation; leave the column out.")
    selects = []
    for row in rows:
        pairs = zip(row, given.items(), strict=True)
        listed = (f"{assigned(value, kind).sql.sql('bigquery')} AS `{name}`" for value, (name, kind) in pairs)
        selects.append(f"SELECT {', '.join(listed)}")
    return " UNION ALL ".join(selects)


def _translated_query(node: Any, tables: Tables) -> tuple[Any, Columns]:
    from sqlglot import exp

    query = node.expression.copy()
    if node.args.get("with_") is not None:
        query.set("with_", node.args["with_"].copy())
    for select in _outermost(query):  # a column that comes twice gets names of its own
        names = [part.alias_or_name for part in select.expressions]
        if len(set(names)) < len(names) and not any(part.is_star for part in select.expressions):
            parts = [part.unalias() for part in select.expressions]
            listed = [exp.alias_(part.copy(), f"f{at}_") for at, part in enumerate(parts)]
            select.set("expressions", listed)
    return Queries(tables).query(query)


def _outermost(node: Any) -> list[Any]:
    from warehouse.client.googlesql.statements import outermost

    return outermost(node)


def _fitted(made: Any, columns: Columns, given: Columns) -> str:
    """The query whose rows are inserted, each column in its own place and of the table's kind."""
    if len(columns) != len(given):
        raise TranslationError(
            f"insert of {len(columns)} different columns ({', '.join(columns)}) into {len(given)}; allowed: "
            "as many, each with a name of its own."
        )
    kinds = list(zip(columns.items(), given.items(), strict=True))
    if all(name == wanted and have.name == want.name != "decimal" for (name, have), (wanted, want) in kinds):
        return made.sql("bigquery")
    from sqlglot import exp

    listed = ", ".join(
        f"{assigned(Typed(exp.column(name, quoted=True), have), want).sql.sql('bigquery')} AS `{wanted}`"
        for (name, have), (wanted, want) in kinds
    )
    return f"SELECT {listed} FROM ({made.sql('bigquery')}) AS given"


def _lay_with_inside(node: Any) -> None:
    """BigQuery's UPDATE and DELETE take no WITH: its queries go into the relations that name them."""
    from sqlglot import exp

    named = node.args.get("with_")
    if named is None:
        return
    node.set("with_", None)
    names = {cte.alias.lower() for cte in named.expressions}
    for table in list(node.find_all(exp.Table)):
        if len(table.parts) == 1 and table.name.lower() in names:
            inner = exp.select("*").from_(exp.to_table(table.name))
            inner.set("with_", named.copy())
            table.replace(
                exp.Subquery(
                    this=inner, alias=exp.TableAlias(this=exp.to_identifier(table.alias or table.name))
                )
            )
