"""The SQL evaluator: a document as one SELECT on stock Postgres or BigQuery.

Belongs here: writing the levels of subselects, and formatting. Does not belong here: an operation's
expression (`ml.document.ops`), which column stands at which level (`ml.document.layout`), running the text
(`ml.document.passes`).

A column that is used more than once is computed once, in a subselect below its users, closed by `limit all`
in Postgres, which keeps the planner from copying the expression and does not hinder parallel scans. Sums too
long for one expression go on in the next level, added from the left all the same: their bits do not change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml.document.heads import head_sql, scores_named
from ml.document.layout import MAX_LEVELS, STATEMENT_SIZE, Layout
from ml.document.ops import OPS
from ml.document.ops.constants import LIMIT
from ml.document.schema import DocumentError
from warehouse.client.dialect import DIALECTS

if TYPE_CHECKING:
    from ml.document.layout import Column
    from ml.document.schema import Document, Input, Node

PLAIN = "__is_plain"

MAX_COLUMNS = 1_500
"""Postgres takes 1,664 columns in one SELECT."""

BIGQUERY_BYTES = 1_000_000
"""BigQuery takes a query text of one megabyte."""

DEEPEST_PAD = 12
"""Levels further in are not indented further: in a long chain the blanks would outgrow the text."""


def scoring_sql(
    document: Document,
    relation: str,
    keys: Sequence[str] = (),
    *,
    dialect: str = "postgres",
    title: str | None = None,
) -> str:
    """A SELECT of `keys`, `margin`, `score` and `decision` (several: `margin_0`, …) by row of `relation`.

    `relation` is what may stand after FROM: a quoted table, or a parenthesised SELECT; it holds the inputs by
    name, numbers as double precision, booleans as boolean, categories as text. `decision` is the class by
    position, NULL where there is none. Documents of any size are scored by `ml.document.passes`.

    Raises:
        DocumentError: the document is too large for one statement of the engine, a key has the name of an
            answer, a level would have more columns than the engine takes, or a tree is too deep for SQL.
    """
    layout = Layout(document)
    if not layout.is_one_statement():
        raise DocumentError(
            f"{document.name} is too large for one statement; allowed: {STATEMENT_SIZE:,} tree nodes and "
            f"{MAX_LEVELS} levels. Score a table by ml.document.passes, or by the streamed path."
        )
    writer = Writer(layout, keys, dialect)
    text = comment(document, title) + writer.text([writer.head(), *writer.levels()], relation)
    if dialect == "bigquery" and len(text.encode()) > BIGQUERY_BYTES:
        raise DocumentError(
            f"the SQL of {document.name} has {len(text.encode()):,} bytes; allowed on BigQuery: "
            f"{BIGQUERY_BYTES:,}. Score it by the streamed path, or prune it."
        )
    return text


def comment(document: Document, title: str | None = None) -> str:
    """The lines that say which model this is."""
    source = ", ".join(f"{key} {value}" for key, value in sorted(document.source.items()))
    lines = [
        title or document.name,
        f"document {document.sha256}",
        f"from {source}" if source else "",
        "A missing number is NULL; a comparison with it is not true, so it takes the ELSE branch.",
    ]
    return "".join(f"-- {' '.join(line.split())}\n" for line in lines if line)


@dataclass(frozen=True)
class Block:
    """One SELECT: its columns, the name of what it selects from, and whether its rows are computed before
    those around it.
    """

    columns: list[str]
    source_name: str
    is_fenced: bool = True


class Writer:
    """The text of a layout's levels, in one engine's SQL."""

    def __init__(self, layout: Layout, keys: Sequence[str], dialect: str = "postgres") -> None:
        self.layout, self.dialect = layout, DIALECTS[dialect]
        self.document = layout.document
        self._keys = self._key_names(keys)

    def text(self, blocks: Sequence[Block], source: str) -> str:
        """The blocks, the outermost first, the last one over `source`."""
        opened, closed = [], []
        for depth, block in enumerate(blocks):
            pad = "  " * min(depth, DEEPEST_PAD)
            listed = f",\n{pad}  ".join(column.replace("\n", f"\n{pad}  ") for column in block.columns)
            fence = f"\n{pad}{self.dialect.fence}" if block.is_fenced and self.dialect.fence else ""
            is_last = depth == len(blocks) - 1
            opened.append(f"{pad}select\n{pad}  {listed}\n{pad}from {source if is_last else '('}")
            closed.append(f"{'' if is_last else f'{chr(10)}{pad})'} as {block.source_name}{fence}")
        return "\n".join(opened) + "".join(reversed(closed))

    def head(self) -> Block:
        """Margins, scores and the decision under the names a caller sees."""
        margins = [self._name(name) for name in self.document.margins]
        scores, decision = head_sql(self.document.head, margins, self.dialect)
        named = [
            *zip(margins, scores_named(len(margins), "margin"), strict=True),
            *zip(scores, scores_named(len(scores)), strict=True),
            (decision, "decision"),
        ]
        clash = sorted({name for _, name in named} & set(self._keys))
        if clash:
            raise DocumentError(f"keys {clash} have names of answers; allowed: others. Rename the columns.")
        columns = [self._as(self._name(inside), key) for key, inside in self._keys.items()]
        columns += [self._as(text, name) for text, name in named]
        return Block(columns, "answered", is_fenced=False)

    def levels(self, first: int = 1, last: int | None = None) -> list[Block]:
        """The levels from `last` down to `first`; the input level is two where numbers are bounded in it."""
        top = self.layout.last if last is None else last
        blocks = [self._level(level) for level in range(top, max(first, 2) - 1, -1)]
        if first > 1:
            return blocks
        if self._is_one_sum():
            return [*blocks[:-1], *self._sum_of_inputs()]
        return [*blocks, *self._input_level()]

    def _key_names(self, keys: Sequence[str]) -> dict[str, str]:
        """By key its name inside: another one where the document uses the name itself."""
        taken = {*self.layout.inputs, *self.layout.nodes, *self.layout.columns}
        return {key: f"__key_{place}" if key in taken else key for place, key in enumerate(keys)}

    def _name(self, name: str) -> str:
        return self.dialect.name_of(name)

    def _as(self, text: str, name: str) -> str:
        quoted = self._name(name)
        return text if text == quoted else f"{text} as {quoted}"

    def _input_level(self) -> list[Block]:
        """The inputs as the document means them, and those that enter arithmetic within their bounds."""
        needed = [name for name in self.layout.carried(1) if name in self.layout.inputs]
        columns = [self._as(self._name(key), inside) for key, inside in self._keys.items()]
        columns += [self._as(self._input(self.layout.inputs[name]), name) for name in needed]
        columns += [self._bounded(self.layout.guarded[n]) for n in self.layout.carried(1) if n not in needed]
        block = Block(columns or ["1 as one"], "l0")
        if not self.layout.guarded:
            return [block]
        return [block, Block([f"r.*, {self._is_plain()} as {self._name(PLAIN)}"], "r")]

    def _is_one_sum(self) -> bool:
        """Whether one weighted sum alone reads the inputs, as in a linear model."""
        columns = self.layout.at(2)
        is_one = len(columns) == 1 and columns[0].node.op == "weighted" and columns[0].first is None
        inputs = {*self.layout.inputs, *self.layout.guarded}
        return is_one and bool(self.layout.guarded) and not inputs & {*self.layout.carried(2)}

    def _sum_of_inputs(self) -> list[Block]:
        """The sum over the inputs as they are where the row is plain, else over their bounded forms. A plain
        row, the usual one, so meets one test and no bound. Fenced below: else the planner would multiply a
        constant of the relation itself, however large, and raise.
        """
        column, guarded = self.layout.at(2)[0], self.layout.guarded.values()
        texts = {item.name: self._input(item) for item in self.layout.inputs.values()}
        bounded = {n.id: self._bound(n, texts[n.inputs[0]]) for n in guarded}
        bare = {name: self._name(n.inputs[0]) for n in guarded for name in (n.id, n.inputs[0])}
        plain, other = (self._expression(column, texts | more) for more in (bare, bounded))
        text = f"case when {self._is_plain()}\nthen {plain}\nelse {other} end"
        keys = [self._as(self._name(key), inside) for key, inside in self._keys.items()]
        return [Block([*keys, self._as(text, column.name)], "l1"), Block(["*"], "l0")]

    def _bounded(self, node: Node) -> str:
        x = self._name(node.inputs[0])
        whole = self._bound(node, self.dialect.known(x)).removeprefix("case ")
        return self._as(f"case when {self._name(PLAIN)} then {x} {whole}", node.id)

    def _bound(self, node: Node, x: str) -> str:
        return OPS["bound"].sql(node, [x], self.dialect)

    def _input(self, item: Input) -> str:
        """An input as the document means it."""
        x = self._name(item.name)
        if item.kind == "category":
            return x
        one, zero = self.dialect.number(1.0), self.dialect.number(0.0)
        if item.kind == "boolean":
            return f"case when {x} then {one} when not {x} then {zero} end"
        return self.dialect.known(x)

    def _is_plain(self) -> str:
        """True where every number that enters arithmetic is itself after bounding: the usual case, tested
        once a row. NaN sorts above all numbers in Postgres and makes it false; NULLs are passed over.
        """
        guarded = self.layout.guarded.values()
        x = [self._name(name) for name in dict.fromkeys(n.inputs[0] for n in guarded)]
        high, low = self.dialect.number(LIMIT), self.dialect.number(-LIMIT)
        if self.dialect.name == "postgres":
            sizes = ", ".join(f"abs({name})" for name in x)
            tests = [f"greatest({sizes}) <= {high}"]
        else:
            tests = [f"({name} between {low} and {high} or {name} is null)" for name in x]
        for node in guarded:
            tiny = OPS["bound"].is_plain(node, self._name(node.inputs[0]), self.dialect)
            tests += [tiny] if tiny else []
        return " and ".join(tests)

    def _level(self, level: int) -> Block:
        carried = self.layout.carried(level)
        columns = [self._name(name) for name in (*self._keys.values(), *carried)]
        columns += [self._as(self._expression(column), column.name) for column in self.layout.at(level)]
        if len(columns) > MAX_COLUMNS:
            raise DocumentError(
                f"the SQL of {self.document.name} needs {len(columns)} columns at once; allowed: "
                f"{MAX_COLUMNS}. Score it by the streamed path."
            )
        return Block(columns, f"l{level - 1}")

    def _expression(self, column: Column, texts: Mapping[str, str] | None = None) -> str:
        """A column's expression; `texts` says how to write names of the input level that is left out."""
        node, operation = column.node, OPS[column.node.op]
        operands = [self._operand(name, texts or {}) for name in node.inputs]
        if column.first is None:
            return operation.sql(node, operands, self.dialect)
        before = None if column.previous is None else self._name(column.previous)
        return operation.sql_piece(node, before, column.first, column.last, operands, self.dialect)

    def _operand(self, name: str, texts: Mapping[str, str]) -> str:
        """A column's name, or the expression of a node that has no column of its own."""
        if name in texts or self.layout.stands_alone(name):
            return texts.get(name) or self._name(name)
        node = self.layout.nodes[name]
        operands = [self._operand(operand, texts) for operand in node.inputs]
        return OPS[node.op].sql(node, operands, self.dialect)
