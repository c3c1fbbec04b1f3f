"""Which column of a document is computed at which level of its SQL, and where one statement must end.

Level 1 holds the inputs; a column stands above everything it reads. Belongs here: the order of the columns,
and the limits of what one expression, level and statement may hold. Does not belong here: text
(`ml.document.sql`), running it (`ml.document.passes`).

The limits were found on stock Postgres 18 with its stack of 2 MB. Its grammar fails above about 2,000 nested
CASEs. Sums of 4,000 trees in one expression still plan, in parallel too. A backend needs about 2.6 kB a tree
node (100 trees of 500 leaves: 260 MB), and 500 levels of subselects take half a minute to plan.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ml.document.ops import OPS
from ml.document.schema import DocumentError

if TYPE_CHECKING:
    from ml.document.schema import Document, Node

INLINE = {"affine", "product", "impute", "is_missing", "weighted"}
"""Operations that name each operand once, so that an operand may stand in them as an expression."""

STATEMENT_SIZE, PASS_SIZE = 100_000, 50_000
"""Tree nodes, or as many other constants and carried columns, that a SELECT by itself and one of several
passes may hold. Measured: 270 and 140 MB of a backend alone; 410 and 190 MB of one that plans for parallel
workers, and 110 and 60 MB of each of these."""

BIGQUERY_SIZE = 6_000
"""The same for BigQuery, whose text may have a megabyte: up to 160 bytes a tree node."""

MAX_LEVELS = 40
MAX_TREE_DEPTH = 1_500
CARRIED_SIZE = 0.25
"""What carrying a column through a level counts, in tree nodes."""


@dataclass(frozen=True)
class Column:
    """One computed column: a node, or of a sum too long for one expression the terms from `first` up to
    `last`, which go on from the column `previous`.
    """

    name: str
    node: Node
    level: int
    reads: tuple[str, ...]
    size: int
    first: int | None = None
    last: int | None = None
    previous: str | None = None


class Layout:
    """The columns of a document by level. Numbers that are bounded as they come in (`guarded`) stand at level
    1 beside the inputs. `dialect` says which engine's limits hold.

    Raises:
        DocumentError: a tree is deeper than the grammar of SQL takes.
    """

    def __init__(self, document: Document, dialect: str = "postgres") -> None:
        self.document = document
        self._most = PASS_SIZE if dialect == "postgres" else BIGQUERY_SIZE
        self.inputs = {item.name: item for item in document.inputs}
        self.nodes = {node.id: node for node in document.nodes}
        self.guarded = {n.id: n for n in document.nodes if n.op == "bound" and n.inputs[0] in self.inputs}
        self.columns: dict[str, Column] = {}
        self._sizes: dict[int, int] = {}
        self._taken = {*self.inputs, *self.nodes}
        self._place_all()
        self.last = max((column.level for column in self.columns.values()), default=1)
        self._readers = self._last_readers()

    def at(self, level: int) -> list[Column]:
        """The columns computed at a level."""
        return [column for column in self.columns.values() if column.level == level]

    def carried(self, level: int) -> list[str]:
        """Names from below that something above `level` reads, or `level` 1 hands on."""
        margins = set(self.document.margins)
        standing = {column.name for column in self.columns.values() if column.level < level}
        standing |= {*self.inputs, *self.guarded}
        return [n for n, top in self._readers.items() if n in standing and (top > level or n in margins)]

    def stands_alone(self, name: str) -> bool:
        """Whether a name is a column, not an expression inside its user's."""
        return name in self.inputs or name in self.guarded or name in self.columns

    def is_one_statement(self) -> bool:
        """Whether a SELECT by itself may hold the whole document."""
        return len(self.runs(STATEMENT_SIZE)) == 1

    def runs(self, most: int | None = None) -> list[tuple[int, int]]:
        """The levels of each statement, first and last, so that none is larger than `most`, or a pass."""
        most = self._most if most is None else most
        found: list[tuple[int, int]] = []
        first, size = 2, 0.0
        for level in range(2, self.last + 1):
            here = self._sizes.get(level, 0) + CARRIED_SIZE * len(self.carried(level))
            if level > first and (size + here > most or level - first >= MAX_LEVELS):
                found.append((first, level - 1))
                first, size = level, 0.0
            size += here
        return [*found, (first, max(self.last, 1))]

    def _computed(self) -> set[str]:
        """Nodes that get a column of their own; the others stand inside their only user's expression."""
        uses: dict[str, int] = dict.fromkeys(self.document.margins, 2)
        for node in self.document.nodes:
            for name in node.inputs:
                uses[name] = uses.get(name, 0) + (1 if node.op in INLINE else 2)
        nodes = [node for node in self.document.nodes if node.id not in self.guarded]
        return {node.id for node in nodes if uses.get(node.id, 0) > 1}

    def _place_all(self) -> None:
        computed = self._computed()
        levels: dict[str, int] = dict.fromkeys([*self.inputs, *self.guarded], 1)
        reads: dict[str, tuple[str, ...]] = {name: (name,) for name in levels}
        for node in self.document.nodes:
            if node.id in self.guarded:
                continue
            below = tuple(dict.fromkeys(name for operand in node.inputs for name in reads[operand]))
            if node.id in computed:
                levels[node.id] = self._place(node, max((levels[name] for name in below), default=1), below)
                reads[node.id] = (node.id,)
            else:
                reads[node.id] = below

    def _place(self, node: Node, level: int, below: tuple[str, ...]) -> int:
        """Put a node above `level`, a long sum at several; the level at which it is there."""
        if node.op == "trees":
            _check_depths(node)
        operation = OPS[node.op]
        pieces = operation.pieces(node, self._most) if hasattr(operation, "pieces") else []
        spans = pieces if len(pieces) > 1 else [(None, None)]
        previous: str | None = None
        for number, (first, last) in enumerate(spans):
            name = node.id if number == len(spans) - 1 else self._free(f"{node.id}__{number}")
            size = _size(node, first, last)
            level = self._with_room(level + 1, size)
            reads = (*below, previous) if previous else below
            self.columns[name] = Column(name, node, level, reads, size, first, last, previous)
            previous = name
        return level

    def _with_room(self, level: int, size: int) -> int:
        while self._sizes.get(level) and self._sizes[level] + size > self._most:
            level += 1
        self._sizes[level] = self._sizes.get(level, 0) + size
        return level

    def _free(self, wanted: str) -> str:
        name = wanted = wanted.encode()[-60:].decode(errors="ignore")
        number = 1
        while name in self._taken:
            number += 1
            name = f"{number}_{wanted}"
        self._taken.add(name)
        return name

    def _last_readers(self) -> dict[str, int]:
        """By name: the highest level that reads it; margins are read by the answer."""
        found: dict[str, int] = dict.fromkeys(self.document.margins, 0)
        for column in self.columns.values():
            for name in column.reads:
                found[name] = max(found.get(name, 0), column.level)
        return found


def _size(node: Node, first: int | None, last: int | None) -> int:
    """Constants that the SQL of a node, or of some of its terms, writes out."""
    if node.op == "trees":
        sets = node.params.get("sets", [])
        return sum(_tree_size(tree, sets) for tree in node.params["trees"][first:last])
    lists = [len(value) for value in node.params.values() if isinstance(value, (list, tuple))]
    return 1 + (max(lists, default=0) if first is None else last - first)


def _tree_size(tree: Mapping[str, Any], sets: list[list[float]]) -> int:
    members = (
        len(sets[int(threshold)])
        for test, threshold, feature in zip(tree["test"], tree["threshold"], tree["feature"], strict=True)
        if test == "in" and feature != -1
    )
    return len(tree["feature"]) + (sum(members) if sets else 0)


def _check_depths(node: Node) -> None:
    for number, tree in enumerate(node.params["trees"]):
        depth = max(_depths(tree))
        if depth > MAX_TREE_DEPTH:
            raise DocumentError(
                f"node {node.id!r}: tree {number} is {depth} tests deep; allowed in SQL: {MAX_TREE_DEPTH}. "
                "Limit the depth when fitting, or score by the streamed path."
            )


def _depths(tree: Mapping[str, Any]) -> Iterable[int]:
    depths = [0] * len(tree["feature"])
    for place, feature in enumerate(tree["feature"]):
        if feature != -1:
            depths[tree["left"][place]] = depths[tree["right"][place]] = depths[place] + 1
    return depths
