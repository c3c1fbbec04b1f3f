"""From a document and a change of its nodes to the document of the variant.

Belongs here: replacing nodes, leaving out what nothing reads any more, the note of where the variant comes
from. Does not belong here: which change (`prune`, `quantize`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ml.document.ops.constants import LIMIT, TINY

if TYPE_CHECKING:
    from ml.document.schema import Document, Node


def derived(document: Document, change: Callable[[Node], Node], what: str) -> Document:
    """The document with `change` applied to every node; itself where every node came back as it was.

    The inputs stay, so whoever asks the full model can ask the variant. `source` gets `variant`, what was
    done so far, and `variant_of`, the sha256 of the full model at the beginning.

    Raises:
        DocumentError: a changed node has constants that its operation refuses.
    """
    changed = {node.id: change(node) for node in document.nodes}
    if all(changed[node.id] is node for node in document.nodes):
        return document
    nodes = [changed[n.id] if changed[n.id] is n else _tidied(changed[n.id]) for n in document.nodes]
    steps = [document.source["variant"]] if "variant" in document.source else []
    source = {
        **document.source,
        "variant": ", ".join([*steps, what]),
        "variant_of": document.source.get("variant_of", document.sha256),
    }
    return replace(document, nodes=_read(nodes, document.margins), source=source)


def with_params(node: Node, **params: Any) -> Node:
    """The node with these constants instead of its own."""
    return replace(node, params={**node.params, **params})


def flushed(value: float) -> float:
    """The value, or 0 where its size is under 1e-100: the sizes that trees and weights may have."""
    return value if abs(value) >= TINY else 0.0


def _read(nodes: list[Node], margins: tuple[str, ...]) -> tuple[Node, ...]:
    """The nodes that a margin reads, directly or through others."""
    wanted, kept = set(margins), []
    for node in reversed(nodes):
        if node.id in wanted:
            wanted.update(node.inputs)
            kept.append(node)
    return tuple(kept[::-1])


def _tidied(node: Node) -> Node:
    return _used_only(_folded(node)) if node.op == "trees" else node


def _folded(node: Node) -> Node:
    """Trees of one leaf are a constant: it is added to the start instead."""
    trees = node.params["trees"]
    start = float(node.params["start"])
    for tree in trees:
        start = start + (tree["value"][0] if tree["feature"][0] == -1 else 0.0)
    if abs(start) > LIMIT:
        return node
    return with_params(node, start=flushed(start), trees=[tree for tree in trees if tree["feature"][0] != -1])


def _used_only(node: Node) -> Node:
    """Operands and sets that some tree reads; the first operand stays where none does."""
    trees, sets = node.params["trees"], node.params.get("sets", [])
    read = sorted({feature for tree in trees for feature in tree["feature"] if feature != -1}) or [0]
    named = sorted({int(t) for tree in trees for f, test, t in _tests(tree) if f != -1 and test == "in"})
    operand = {-1: -1, **{old: new for new, old in enumerate(read)}}
    place = {old: float(new) for new, old in enumerate(named)}

    def moved(tree: dict[str, Any]) -> dict[str, Any]:
        thresholds = [place[int(t)] if f != -1 and test == "in" else t for f, test, t in _tests(tree)]
        return {**tree, "feature": [operand[f] for f in tree["feature"]], "threshold": thresholds}

    params = {**node.params, "trees": [moved(tree) for tree in trees]}
    if "sets" in params:
        params["sets"] = [sets[old] for old in named]
    return replace(node, inputs=tuple(node.inputs[old] for old in read), params=params)


def _tests(tree: dict[str, Any]) -> list[tuple[int, str, float]]:
    return list(zip(tree["feature"], tree["test"], tree["threshold"], strict=True))
