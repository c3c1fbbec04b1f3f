"""Rules that rows of declared tables keep: keys, references, checks, rows that stay as they are.

Postgres keeps them itself. BigQuery enforces no key, reference or check: there the same definitions are
read here, and a transaction that wrote such a table asks, before it commits, whether a rule is broken.
Belongs here: reading definitions, the question asked. Does not belong here: any table (whoever owns one
declares it), sending.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

from warehouse.client.identifiers import quote

UNIQUE, REFERENCE, CHECK, RAISED = "23505", "23503", "23514", "P0001"
"""Postgres' codes of what is broken."""

STAYS = re.compile(
    r"trigger\s+\w+\s+before\s+(?P<changes>update|delete|update or delete)\s+on\s+(?P<path>[\w.]+)",
    re.IGNORECASE,
)
DEFINED = re.compile(r"create table if not exists\s+([\w.]+)", re.IGNORECASE)
RECENT = "now() - make_interval(hours => 1)"
"""Rows older than this, by a column that holds when they were written, were checked when they were."""


class Layout(NamedTuple):
    """How a table lies on BigQuery: `partition` in GoogleSQL, columns to cluster by. The rules of a table
    that `is_large` are not asked for, which would read it whole: the statements that write it keep them.
    """

    partition: str | None = None
    cluster: tuple[str, ...] = ()
    is_large: bool = False


class Rule(NamedTuple):
    """`name` as Postgres names the constraint; `broken`: SQL that gives a row where it is broken."""

    name: str
    sqlstate: str
    broken: str


@dataclass(frozen=True)
class TableRules:
    """What was declared of one table. `identity` is the column that counts, `keys` without conditions,
    `stays` what may not be done to its rows (update, delete), `parents` the tables its rows refer to.
    """

    path: str
    identity: str | None
    json: tuple[str, ...]
    keys: tuple[tuple[str, ...], ...]
    rules: tuple[Rule, ...]
    parents: tuple[str, ...]
    stays: tuple[str, ...] = ()
    layout: Layout | None = None


@dataclass
class _Declared:
    texts: list[str] = field(default_factory=list)
    layouts: dict[str, Layout] = field(default_factory=dict)


_DECLARED = _Declared()


def declare(definitions: str, layouts: Mapping[str, Layout] | None = None) -> None:
    """Make the definitions (`create table if not exists`, unique indexes, triggers that refuse a change)
    known; they are read when they are first needed.
    """
    _DECLARED.texts.append(definitions)
    _DECLARED.layouts.update(layouts or {})
    _all.cache_clear()


def rules_of(path: str) -> TableRules | None:
    """The rules of a declared table; None where none was declared."""
    if not any(path in text for text in _DECLARED.texts):
        return None
    return _all().get(path)


def rules_after(path: str, change: str) -> list[Rule]:
    """The rules to ask for after rows of a table changed: its own, and after a deletion those of the tables
    that refer to it.
    """
    own = rules_of(path)
    is_asked = own is not None and change != "delete" and not (own.layout and own.layout.is_large)
    found = list(own.rules) if own and is_asked else []
    if change != "insert" and own is not None:
        for other in _all().values():
            if path in other.parents and not (other.layout and other.layout.is_large):
                found += [rule for rule in other.rules if rule.sqlstate == REFERENCE]
    return found


@cache
def _all() -> dict[str, TableRules]:
    from sqlglot import exp, parse

    found: dict[str, TableRules] = {}
    triggers = {m["path"]: m["changes"].lower() for text in _DECLARED.texts for m in STAYS.finditer(text)}
    conditional: dict[str, list[Rule]] = {}
    nodes = []
    for text in _DECLARED.texts:
        for node in parse(_tables_only(text), read="postgres"):
            if isinstance(node, exp.Create) and node.kind == "TABLE":
                nodes.append(node)
            elif isinstance(node, exp.Create) and node.args.get("unique"):
                path = node.this.args["table"].sql("postgres")
                conditional.setdefault(path, []).append(_unique_index(node.this, path))
    for node in nodes:
        path = node.this.this.sql("postgres")
        changes = triggers.get(path, "")
        found[path] = _Reader(node, path).read(
            tuple(conditional.get(path, ())),
            tuple(name for name in ("update", "delete") if name in changes),
            _DECLARED.layouts.get(path),
        )
    return found


def _tables_only(text: str) -> str:
    """Without functions and triggers, whose bodies are no SQL."""
    return ";".join(
        part for part in re.sub(r"\$\$.*?\$\$", "", text, flags=re.DOTALL).split(";")
        if not re.match(r"(\s|--[^\n]*\n)*create or replace", part) and "set storage" not in part
    )  # fmt: skip


def _unique_index(index: Any, path: str) -> Rule:
    columns = tuple(one.this.name for one in index.args["params"].args["columns"])
    where = index.args["params"].args.get("where")
    condition = "" if where is None else where.this.sql("postgres")
    return Rule(index.name, UNIQUE, _double(path, columns, condition))


def _double(path: str, columns: tuple[str, ...], condition: str = "") -> str:
    listed = ", ".join(quote(name) for name in columns)
    known = [f"{quote(name)} is not null" for name in columns]
    where = " and ".join([*known, *([f"({condition})"] if condition else [])])
    return f"select 1 as one from {_named(path)} as t where {where} group by {listed} having count(*) > 1"


def _named(path: str) -> str:
    return quote(*path.split("."))


class _Reader:
    """One `create table`."""

    def __init__(self, node: Any, path: str) -> None:
        from sqlglot import exp

        self._exp, self._parts, self._path = exp, node.this.expressions, path
        self._table = path.rpartition(".")[2]
        self._taken: dict[str, int] = {}
        self._keys: list[tuple[str, ...]] = []
        self._rules: list[Rule] = []
        self._parents: list[str] = []
        self._written_at: str | None = None

    def read(self, indexes: tuple[Rule, ...], stays: tuple[str, ...], layout: Layout | None) -> TableRules:
        exp = self._exp
        columns = [part for part in self._parts if isinstance(part, exp.ColumnDef)]
        by_column = [(column.name, one.kind) for column in columns for one in column.constraints]
        stamped = [
            name
            for name, one in by_column
            if isinstance(one, exp.DefaultColumnConstraint) and isinstance(one.this, exp.CurrentTimestamp)
        ]
        self._written_at = stamped[-1] if stamped else None
        counted = exp.GeneratedAsIdentityColumnConstraint
        for name, one in by_column:
            self._take((name,), one, None)
        for part in self._parts:
            if isinstance(part, exp.Constraint):
                self._take((), part.expressions[0], part.name)
            elif not isinstance(part, exp.ColumnDef):
                self._take((), part, None)
        return TableRules(
            self._path,
            next((name for name, one in by_column if isinstance(one, counted)), None),
            tuple(column.name for column in columns if column.kind.this.value in ("JSON", "JSONB")),
            tuple(self._keys),
            (*self._rules, *indexes),
            tuple(dict.fromkeys(self._parents)),
            stays,
            layout,
        )

    def _take(self, columns: tuple[str, ...], one: Any, name: str | None) -> None:
        """One constraint, of a column or of the table."""
        exp = self._exp
        if isinstance(one, (exp.PrimaryKeyColumnConstraint, exp.PrimaryKey)):
            self._key(columns or _names(one.expressions), name or f"{self._table}_pkey")
        elif isinstance(one, exp.UniqueColumnConstraint):
            key = columns or _names(one.this.expressions)
            self._key(key, name or f"{self._table}_{'_'.join(key)}_key")
        elif isinstance(one, exp.Reference):
            self._reference(columns, one, name)
        elif isinstance(one, exp.ForeignKey):
            self._reference(_names(one.expressions), one.args["reference"], name)
        elif isinstance(one, exp.CheckColumnConstraint):
            self._check(name, one.this)

    def _key(self, columns: tuple[str, ...], name: str) -> None:
        self._keys.append(columns)
        self._rules.append(Rule(name, UNIQUE, _double(self._path, columns)))

    def _reference(self, columns: tuple[str, ...], reference: Any, name: str | None) -> None:
        parent, there = reference.this.this.sql("postgres"), _names(reference.this.expressions)
        met = " and ".join(f"p.{quote(a)} = t.{quote(b)}" for a, b in zip(there, columns, strict=True))
        known = " and ".join(f"t.{quote(name)} is not null" for name in columns)
        broken = f"select 1 as one from {_named(self._path)} as t where {known} and not exists "
        broken += f"(select 1 from {_named(parent)} as p where {met})"
        self._parents.append(parent)
        self._rules.append(Rule(name or f"{self._table}_{'_'.join(columns)}_fkey", REFERENCE, broken))

    def _check(self, given: str | None, condition: Any) -> None:
        named = {column.name for column in condition.find_all(self._exp.Column)}
        base = f"{self._table}_{named.pop()}_check" if len(named) == 1 else f"{self._table}_check"
        number = self._taken.get(base, 0)
        self._taken[base] = number + 1
        recent = f" and {quote(self._written_at)} > {RECENT}" if self._written_at else ""
        broken = (
            f"select 1 as one from {_named(self._path)} as t where not ({condition.sql('postgres')}){recent}"
        )
        self._rules.append(Rule(given or f"{base}{number or ''}", CHECK, broken))


def _names(parts: list[Any]) -> tuple[str, ...]:
    return tuple(part.name for part in parts)
