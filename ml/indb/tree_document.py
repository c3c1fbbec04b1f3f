"""Grown trees as a model document: edges as thresholds, steps as doubles.

A step is a power of two and every partial sum of leaves is a whole number of steps below 2**53, so a
document's margin is exactly the score that training had. Belongs here: this translation. Does not belong
here: what a document is (`ml.document`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ml.document.build import Builder
from ml.document.importers.tree_lists import Leaf, Sets, Split, Tree, ensemble, laid_out
from ml.document.schema import Document, Head
from ml.indb.bins import Bins
from ml.indb.labels import Label
from ml.indb.tree_nodes import GrownTree


def tree_document(
    name: str, bins: Sequence[Bins], label: Label, trees: Sequence[GrownTree], start: int, head: str,
    source: Mapping[str, Any], divide: float | None = None,
) -> Document:  # fmt: skip
    """The document of a sum of trees, or of their mean where `divide` is their number. `start` in steps."""
    builder, sets = Builder(name), Sets()
    columns = [_column(builder, one) for one in bins]
    laid = [_laid(tree, bins, label.bits, sets) for tree in trees]
    margin = ensemble(builder, columns, laid, math.ldexp(start, -label.bits), divide=divide, sets=sets)
    cut = {"sigmoid": 0.0, "probability": 0.5}.get(head)
    made = Head(head, label.classes if cut is not None else (), cut)
    return builder.document([margin], made, source, order=[one.name for one in bins])


def _column(builder: Builder, one: Bins) -> str:
    """The operand of a feature: itself, or a category's code."""
    return category_code(builder, one) if one.kind == "category" else builder.input(one.name, one.kind)


def category_code(builder: Builder, one: Bins) -> str:
    """The code of a category's bin; one that training did not see is missing."""
    x = builder.input(one.name, one.kind)
    return builder.lookup(x, [(value, float(code)) for code, value in enumerate(one.values)], None, None)


def _laid(tree: GrownTree, bins: Sequence[Bins], bits: int, sets: Sets) -> Tree:
    def node_at(place: int) -> Leaf | Split:
        node = tree.nodes[place]
        split = node.split
        if split is None:
            return Leaf(math.ldexp(node.value, -bits), float(node.rows))
        edges = bins[split.feature].edges
        if split.members is not None:
            test, threshold = "in", sets.place(split.members)
        elif split.upto < len(edges):
            test, threshold = "<=", edges[split.upto]
        else:
            test, threshold = "known", 0.0
        ways = (node.left, node.right, split.missing_left, float(node.rows))
        return Split(split.feature, test, threshold, *ways)

    return laid_out(0, node_at)
