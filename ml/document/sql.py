"""The SQL evaluator: a document as one SELECT on stock Postgres or BigQuery.

Belongs here: laying the nodes out in levels of subselects, and formatting. Does not belong here: an
operation's expression (`ml.document.ops`), running the text.

A column that is used more than once is computed once, in a subselect below its users, closed by `offset 0`
in Postgres, which keeps the planner from copying the expression and does not hinder parallel scans. Sums too
long for one expression go on in the next level, added from the left all the same, so their bits do not change.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ml.document.dialect import DIALECTS, Dialect
from ml.document.heads import head_sql, scores_named
from ml.document.ops import OPS
from ml.document.ops.constants import LIMIT
from ml.document.schema import DocumentError

if TYPE_CHECKING:
    from ml.document.schema import Document, Node

INLINE = {"affine", "product", "impute", "is_missing", "weighted"}
"""Operations that name each operand once, so that an operand may stand in them as an expression."""

PLAIN = "__is_plain"

MAX_COLUMNS = 1_500
"""Postgres takes 1,664 columns in one SELECT."""


@dataclass(frozen=True)
class _Column:
    """One computed column: its level (0 is the input row), its expression by the texts of its operands."""

    name: str
    level: int
    text: Callable[[Callable[[str], str]], str]
    reads: tuple[str, ...]


def scoring_sql(
    document: Document,
    relation: str,
    keys: Sequence[str] = (),
    *,
    dialect: str = "postgres",
    title: str | None = None,
) -> str:
    """A SELECT of `keys`, `margin`, `score` and `decision` (several: `margin_0`, …) for every row of `relation`.

    `relation` is what may stand after FROM: a quoted table, or a parenthesised SELECT; it holds the inputs by
    name, numbers as double precision, booleans as boolean, categories as text. `decision` is the class by
    position, NULL where there is none.

    Raises:
        DocumentError: a level would have more columns than the engine takes.
    """
    engine = DIALECTS[dialect]
    layout = _Layout(document, engine)
    body = layout.select(relation, keys)
    return _comment(document, title) + body


def _comment(document: Document, title: str | None) -> str:
    source = ", ".join(f"{key} {value}" for key, value in sorted(document.source.items()))
    lines = [
        title or document.name,
        f"document {document.sha256}",
        f"from {source}" if source else "",
        "A missing number is NULL; a comparison with it is not true, so it takes the ELSE branch.",
    ]
    return "".join(f"-- {' '.join(line.split())}\n" for line in lines if line)


class _Layout:
    def __init__(self, document: Document, dialect: Dialect) -> None:
        self.document, self.dialect = document, dialect
        self.inputs = {item.name: item for item in document.inputs}
        self.nodes = {node.id: node for node in document.nodes}
        self.guarded = {n.id: n for n in document.nodes if n.op == "bound" and n.inputs[0] in self.inputs}
        self.columns: dict[str, _Column] = {}
        self._place_columns()

    def _computed(self) -> set[str]:
        """Nodes that get a column of their own; the others stand inside their only user's expression."""
        uses: dict[str, int] = dict.fromkeys(self.document.margins, 2)
        for node in self.document.nodes:
            for name in node.inputs:
                uses[name] = uses.get(name, 0) + (1 if node.op in INLINE else 2)
        nodes = [node for node in self.document.nodes if node.id not in self.guarded]
        return {node.id for node in nodes if uses.get(node.id, 0) > 1}

    def _place_columns(self) -> None:
        computed = self._computed()
        levels: dict[str, int] = dict.fromkeys([*self.inputs, *self.guarded], 1)
        reads: dict[str, tuple[str, ...]] = {name: (name,) for name in levels}
        for node in self.document.nodes:
            if node.id in self.guarded:
                continue
            below = [name for operand in node.inputs for name in reads[operand]]
            level = max((levels[name] for name in below), default=1) + 1
            if node.id in computed:
                level = self._place(node, level, tuple(dict.fromkeys(below)))
                levels[node.id], reads[node.id] = level, (node.id,)
            else:
                reads[node.id] = tuple(below)

    def _place(self, node: Node, level: int, below: tuple[str, ...]) -> int:
        """Put a node at a level, or a long sum over several; the level at which it is there."""
        parts = _parts(node)
        previous: str | None = None
        for number, part in enumerate(parts):
            name = node.id if number == len(parts) - 1 else f"{node.id}__{number}"[:60]
            reads = (*below, previous) if previous else below
            self.columns[name] = _Column(name, level, self._writer(node, part, previous), reads)
            previous, level = name, level + 1
        return level - 1

    def _writer(self, node: Node, part: Any, previous: str | None) -> Callable[[Callable[[str], str]], str]:
        def write(column: Callable[[str], str]) -> str:
            operands = [self._operand(name, column) for name in node.inputs]
            start = column(previous) if previous else None
            return part(operands, start, self.dialect)

        return write

    def _operand(self, name: str, column: Callable[[str], str]) -> str:
        """A column's name, or the expression of a node that has no column of its own."""
        if name in self.inputs or name in self.guarded or name in self.columns:
            return column(name)
        node = self.nodes[name]
        operands = [self._operand(operand, column) for operand in node.inputs]
        return OPS[node.op].sql(node, operands, self.dialect)

    def select(self, relation: str, keys: Sequence[str]) -> str:
        """The whole SELECT, from the innermost level outwards."""
        quoted = [self.dialect.name_of(key) for key in keys]
        last = max((column.level for column in self.columns.values()), default=1)
        text = self._input_level(relation, quoted, self._needed(2))
        for level in range(2, last + 1):
            text = self._level(level, text, quoted, last)
        return self._head_level(text, quoted)

    def _needed(self, level: int) -> list[str]:
        """Columns and inputs that something at `level` or above it reads."""
        wanted = dict.fromkeys(
            name for column in self.columns.values() if column.level >= level for name in column.reads
        )
        return [*wanted]

    def _input_level(self, relation: str, keys: list[str], needed: list[str]) -> str:
        """The inputs as the document means them, and those that enter arithmetic within their bounds."""
        source = relation
        if self.guarded:
            every = f"r.*, {self._is_plain()} as {self.dialect.name_of(PLAIN)}"
            fence = f"\n  {self.dialect.fence}" if self.dialect.fence else ""
            source = f"(\n  select {every}\n  from {relation} as r{fence}\n)"
        columns = [self._input(self.inputs[name]) for name in needed if name in self.inputs]
        columns += [self._bounded(self.guarded[name]) for name in needed if name in self.guarded]
        return self._subselect([*keys, *columns] or ["1 as one"], f"{source} as l0")

    def _bounded(self, node: Node) -> str:
        x, name = self.dialect.name_of(node.inputs[0]), self.dialect.name_of(node.id)
        whole = OPS["bound"].sql(node, [self.dialect.known(x)], self.dialect).removeprefix("case ")
        return f"case when {self.dialect.name_of(PLAIN)} then {x} {whole} as {name}"

    def _input(self, item: Any) -> str:
        x = self.dialect.name_of(item.name)
        if item.kind == "category":
            return x
        one, zero = self.dialect.number(1.0), self.dialect.number(0.0)
        if item.kind == "boolean":
            return f"case when {x} then {one} when not {x} then {zero} end as {x}"
        return f"{self.dialect.known(x)} as {x}"

    def _is_plain(self) -> str:
        """True where every number that enters arithmetic is itself after bounding: the usual case, tested
        once a row. NaN sorts above all numbers in Postgres and makes it false; NULLs are passed over.
        """
        x = ", ".join(self.dialect.name_of(name) for name in dict.fromkeys(n.inputs[0] for n in self.guarded.values()))
        high, low = self.dialect.number(LIMIT), self.dialect.number(-LIMIT)
        if self.dialect.name == "postgres":
            tests = [f"greatest({x}) <= {high}", f"least({x}) >= {low}"]
        else:
            tests = [f"({name} between {low} and {high} or {name} is null)" for name in x.split(", ")]
        for node in self.guarded.values():
            tiny = OPS["bound"].is_plain(node, self.dialect.name_of(node.inputs[0]), self.dialect)
            tests += [tiny] if tiny else []
        return " and ".join(tests)

    def _level(self, level: int, below: str, keys: list[str], last: int) -> str:
        def column(name: str) -> str:
            return self.dialect.name_of(name)

        here = [c for c in self.columns.values() if c.level == level]
        later = [] if level == last else self._needed(level + 1)
        standing = {c.name for c in self.columns.values() if c.level < level}
        standing |= {*self.inputs, *self.guarded}
        carried = [name for name in dict.fromkeys([*later, *self.document.margins]) if name in standing]
        columns = [*keys, *(column(name) for name in carried)]
        columns += [f"{c.text(column)} as {column(c.name)}" for c in here]
        if len(columns) > MAX_COLUMNS:
            raise DocumentError(
                f"the SQL of {self.document.name} needs {len(columns)} columns at once; allowed: "
                f"{MAX_COLUMNS}. Score it by the streamed path."
            )
        return self._subselect(columns, f"(\n{_indent(below)}\n) as l{level - 1}")

    def _subselect(self, columns: Sequence[str], source: str) -> str:
        listed = ",\n".join(_indent(column) for column in columns)
        fence = f"\n{self.dialect.fence}" if self.dialect.fence else ""
        return f"select\n{listed}\nfrom {source}{fence}"

    def _head_level(self, below: str, keys: list[str]) -> str:
        margins = [self.dialect.name_of(name) for name in self.document.margins]
        scores, decision = head_sql(self.document.head, margins, self.dialect)
        named = [
            *zip(margins, scores_named(len(margins), "margin"), strict=True),
            *zip(scores, scores_named(len(scores)), strict=True),
            (decision, "decision"),
        ]
        columns = [*keys, *(f"{text} as {self.dialect.name_of(name)}" for text, name in named)]
        listed = ",\n".join(_indent(column) for column in columns)
        return f"select\n{listed}\nfrom (\n{_indent(below)}\n) as answered"


def _parts(node: Node) -> list[Callable[[list[str], str | None, Dialect], str]]:
    """A node's expression, cut into sums that continue one another where it is too long for one."""
    operation = OPS[node.op]
    pieces = operation.pieces(node) if hasattr(operation, "pieces") else []
    if len(pieces) < 2:
        return [lambda operands, start, dialect: operation.sql(node, operands, dialect)]

    def piece(number: int) -> Callable[[list[str], str | None, Dialect], str]:
        first, last = pieces[number]
        return lambda operands, start, dialect: operation.sql_piece(
            node, start, first, last, operands, dialect
        )

    return [piece(number) for number in range(len(pieces))]


def _indent(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.split("\n"))
