"""What a document's margins are sums of: a constant, columns of one input each, and sums of trees.

Belongs here: walking back from the margins. Does not belong here: any row, or the values of trees
(`ml.document.explain.tree_shap`).

The columns that an explanation reads are made the margins of a second document over the same nodes, so that
both engines compute them by the one evaluator there is.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ml.document.schema import Document, DocumentError, Head, Input, Node

OPENED = ("weighted", "unshift", "gaussian", "squared_distance", "trees")
"""Operations that are always taken apart into their operands."""

PASSED = ("affine", "bound")
"""Operations that are taken apart where their operand is; on a plain column they belong to it: the
contribution of a scaled input is measured from the mean that scaling took off."""


@dataclass(frozen=True)
class Term:
    """weight · column: `column` by position among the plan's columns, `input` among the document's inputs."""

    column: int
    input: int
    weight: float


@dataclass(frozen=True)
class Ensemble:
    """weight · (sum of trees): by operand the plan's column, and the document's input it comes from."""

    node: Node
    weight: float
    columns: tuple[int, ...]
    inputs: tuple[int, ...]


@dataclass
class Part:
    """One margin: start + terms + ensembles. `passed`: columns that went through a `bound`; where one is
    outside it, the margin is no longer this sum.
    """

    start: float = 0.0
    terms: list[Term] = field(default_factory=list)
    ensembles: list[Ensemble] = field(default_factory=list)
    passed: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Plan:
    """The explanation of a document before any row: `columns` is a document whose margins are the columns
    that the parts read; the first of them are the margins of the document that is explained.
    """

    inputs: tuple[Input, ...]
    columns: Document
    parts: tuple[Part, ...]


def plan_of(document: Document) -> Plan:
    """The plan of a document.

    Raises:
        DocumentError: a margin is not such a sum; names the node and the inputs that meet in it.
    """
    walk = _Walk(document)
    parts = tuple(walk.margin(name) for name in document.margins)
    return Plan(document.inputs, walk.document(), parts)


class _Walk:
    def __init__(self, document: Document) -> None:
        self._document = document
        self._nodes = {node.id: node for node in document.nodes}
        self._places = {item.name: place for place, item in enumerate(document.inputs)}
        self._sources: dict[str, frozenset[str]] = {name: frozenset([name]) for name in self._places}
        self._above_trees: set[str] = set()
        for node in document.nodes:
            self._sources[node.id] = frozenset().union(*(self._sources[name] for name in node.inputs))
            if node.op == "trees" or self._above_trees.intersection(node.inputs):
                self._above_trees.add(node.id)
        self._columns = {name: place for place, name in enumerate(dict.fromkeys(document.margins))}
        self._made: list[Node] = []
        self._prefix = "explained"
        while any(name.startswith(self._prefix) for name in self._sources):
            self._prefix = f"_{self._prefix}"

    def margin(self, name: str) -> Part:
        part = Part()
        self._walk(name, 1.0, part)
        return part

    def document(self) -> Document:
        """The columns asked for, each behind a node that changes nothing: an input can then be one too."""
        nodes = [*self._document.nodes, *self._made]
        shown = [Node(f"{self._prefix}_{place}", "affine", (name,)) for name, place in self._columns.items()]
        wanted, kept = set(self._columns), []
        for node in reversed(nodes):
            if node.id in wanted:
                wanted.update(node.inputs)
                kept.append(node)
        return Document(
            name=f"{self._document.name}: columns of its explanation",
            inputs=self._document.inputs,
            nodes=(*reversed(kept), *shown),
            margins=tuple(node.id for node in shown),
            head=Head("identity"),
            source=self._document.source,
        )

    def _walk(self, name: str, weight: float, part: Part) -> None:
        """Add weight · (the column `name`) to the part."""
        node = self._nodes.get(name)
        if node is None or not self._opens(node):
            self._term(name, weight, part)
        else:
            getattr(self, f"_{node.op}")(node, weight, part)

    def _opens(self, node: Node) -> bool:
        if node.op in OPENED:
            return True
        if node.op not in PASSED:
            return False
        below = self._nodes.get(node.inputs[0])
        return node.params.get("multiply") == 0.0 or (below is not None and self._opens(below))

    def _weighted(self, node: Node, weight: float, part: Part) -> None:
        scale = weight * 2.0 ** node.params.get("shift", 0)
        part.start += scale * node.params["start"]
        for name, own in zip(node.inputs, node.params["weights"], strict=True):
            self._walk(name, scale * own, part)

    def _unshift(self, node: Node, weight: float, part: Part) -> None:
        self._walk(node.inputs[0], weight * 2.0 ** -node.params["shift"], part)

    def _affine(self, node: Node, weight: float, part: Part) -> None:
        params = node.params
        slope = params.get("multiply", 1.0) / params.get("divide", 1.0)
        part.start += weight * (params.get("add", 0.0) - params.get("subtract", 0.0) * slope)
        self._walk(node.inputs[0], weight * slope, part)

    def _bound(self, node: Node, weight: float, part: Part) -> None:
        part.passed.append(self._column(node.inputs[0]))
        self._walk(node.inputs[0], weight, part)

    def _gaussian(self, node: Node, weight: float, part: Part) -> None:
        part.start += weight * node.params["start"]
        for name, mean, half in zip(node.inputs, node.params["means"], node.params["halves"], strict=True):
            self._single(node, name, {"start": 0.0, "means": [mean], "halves": [half]}, weight, part)

    def _squared_distance(self, node: Node, weight: float, part: Part) -> None:
        for name, center in zip(node.inputs, node.params["center"], strict=True):
            self._single(node, name, {"center": [center]}, weight, part)

    def _single(self, node: Node, name: str, params: dict, weight: float, part: Part) -> None:
        """The node's own sum over one of its operands, as a column."""
        self._source(name, node)
        made = Node(f"{self._prefix}_part_{len(self._made)}", node.op, (name,), params)
        self._made.append(made)
        self._sources[made.id] = self._sources[name]
        self._term(made.id, weight, part)

    def _trees(self, node: Node, weight: float, part: Part) -> None:
        weight = weight / node.params.get("divide", 1.0)
        part.start += weight * node.params["start"]
        inputs = tuple(self._source(name, node) for name in node.inputs)
        columns = tuple(self._column(name) for name in node.inputs)
        part.ensembles.append(Ensemble(node, weight, columns, inputs))

    def _term(self, name: str, weight: float, part: Part) -> None:
        part.terms.append(Term(self._column(name), self._source(name), weight))

    def _column(self, name: str) -> int:
        return self._columns.setdefault(name, len(self._columns))

    def _source(self, name: str, reader: Node | None = None) -> int:
        """The position of the one input that a column is computed of."""
        sources = self._sources[name]
        if len(sources) == 1 and name not in self._above_trees:
            return self._places[next(iter(sources))]
        node = self._nodes[name]
        while node.op in PASSED and self._sources[node.inputs[0]] == sources:
            node = self._nodes[node.inputs[0]]
        read = f", read by node {reader.id!r} ({reader.op})," if reader else ""
        why = "changes a sum of trees"
        if len(sources) > 1:
            why = f"mixes the inputs {', '.join(sorted(sources))}"
        raise DocumentError(
            f"node {node.id!r} ({node.op}){read} {why}, which gives no sum of one number an input; allowed: "
            f"{', '.join(OPENED)}, {' and '.join(PASSED)} of them, and any operation on one input below. "
            "Explain a model without this step."
        )
