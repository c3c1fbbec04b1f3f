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
from ml.document.importers.tree_lists import Leaf, Sets, Split, Tree, ensemble, laid_out, margin_names
from ml.document.schema import Document, Head
from ml.indb.bins import Bins
from ml.indb.labels import Label
from ml.indb.tree_nodes import GrownTree

Margin = tuple[Sequence[tuple[GrownTree, int]], int, float | None]


def margin_of(trees: Sequence[tuple[GrownTree, int]], start: int, divide: float | None = None) -> Margin:
    """One margin: trees, each with the place of the value that counts in its leaves, what they are added to
    in steps, and what the sum is divided by.
    """
    return trees, start, divide


def tree_document(
    name: str, bins: Sequence[Bins], label: Label, margins: Sequence[Margin], head: str,
    source: Mapping[str, Any],
) -> Document:  # fmt: skip
    """The document of sums of trees, or of their means, one a margin."""
    builder, sets = Builder(name), Sets()
    columns = [_column(builder, one) for one in bins]
    laid = [[_laid(tree, bins, label.bits, sets, at) for tree, at in trees] for trees, _, _ in margins]
    named = [
        ensemble(
            builder, columns, trees, math.ldexp(start, -label.bits), label=node, divide=divide, sets=sets
        )
        for trees, (_, start, divide), node in zip(laid, margins, margin_names(len(margins)), strict=True)
    ]
    cut = {"sigmoid": 0.0, "probability": 0.5}.get(head) if len(margins) == 1 else None
    classes = () if head == "identity" else label.classes
    return builder.document(named, Head(head, classes, cut), source, order=[one.name for one in bins])


def _column(builder: Builder, one: Bins) -> str:
    """The operand of a feature: itself, or a category's code."""
    return category_code(builder, one) if one.kind == "category" else builder.input(one.name, one.kind)


def category_code(builder: Builder, one: Bins) -> str:
    """The code of a category's bin; one that training did not see is missing."""
    x = builder.input(one.name, one.kind)
    return builder.lookup(x, [(value, float(code)) for code, value in enumerate(one.values)], None, None)


def _laid(tree: GrownTree, bins: Sequence[Bins], bits: int, sets: Sets, output: int) -> Tree:
    def node_at(place: int) -> Leaf | Split:
        node = tree.nodes[place]
        split = node.split
        if split is None:
            return Leaf(math.ldexp(node.values[output], -bits), float(node.rows))
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
