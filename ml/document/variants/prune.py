"""Documents with less in them: fewer trees, smaller trees, fewer terms.

Belongs here: pure functions from a document to a document. Does not belong here: fewer bits (`quantize`), and
whether the result is good enough (`non_inferiority`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ml.document.variants.derive import derived, with_params
from ml.document.variants.tree_edit import collapsed

if TYPE_CHECKING:
    from ml.document.schema import Document, Node

THROUGH = {"bound", "impute", "clip"}
"""Operations that leave a column on the scale it had."""

UNIT = {"lookup", "recode", "is_missing", "member"}
"""Operations whose result has a scale of its own: indicators and tables."""


def prune(document: Document, share: float) -> Document:
    """`first_trees` and `strongest_terms` with the same share."""
    return strongest_terms(first_trees(document, share), share)


def first_trees(document: Document, share: float) -> Document:
    """The first trees of each ensemble, `share` of them rounded up: boosting stopped at an earlier stage.

    A mean over all trees (a forest) becomes the mean over those that stay; a sum that is divided by anything
    else is left as it is.

    Raises:
        ValueError: share is not above 0 and at most 1.
    """
    _check_share(share)

    def change(node: Node) -> Node:
        if node.op != "trees" or not node.params["trees"]:
            return node
        trees = node.params["trees"]
        count, divide = _count(share, len(trees)), node.params.get("divide")
        if count == len(trees) or divide not in (None, float(len(trees))):
            return node
        divided = {} if divide is None else {"divide": float(count)}
        return with_params(node, trees=trees[:count], **divided)

    return derived(document, change, f"first {100 * share:g} % of the trees")


def collapse(document: Document, tolerance: float) -> Document:
    """Every subtree whose leaves differ by at most `tolerance` (in the margin's unit, before a division) as
    one leaf, their mean by cover. A sum of n trees changes by at most n · tolerance for any row.

    Raises:
        ValueError: tolerance is negative or not finite.
    """
    if not (math.isfinite(tolerance) and tolerance >= 0.0):
        raise ValueError(f"tolerance {tolerance!r}; allowed: a finite number from 0.")

    def change(node: Node) -> Node:
        if node.op != "trees":
            return node
        trees = [collapsed(tree, tolerance) for tree in node.params["trees"]]
        unchanged = all(new is old for new, old in zip(trees, node.params["trees"], strict=True))
        return node if unchanged else with_params(node, trees=trees)

    return derived(document, change, f"leaves within {tolerance:g} as one")


def leaf_spread(document: Document) -> float:
    """The largest leaf less the smallest, over the ensemble where that is most; 0 without trees."""
    return max((spread_of(node) for node in document.nodes if node.op == "trees"), default=0.0)


def spread_of(node: Node) -> float:
    """The largest leaf of one ensemble less the smallest."""
    leaves = [
        value
        for tree in node.params["trees"]
        for feature, value in zip(tree["feature"], tree["value"], strict=True)
        if feature == -1
    ]
    return max(leaves) - min(leaves) if leaves else 0.0


def strongest_terms(document: Document, share: float) -> Document:
    """The weighted sums that give a margin, with `share` (rounded up) of their comparable terms: those with
    the largest |weight| · scale.

    A term can be compared where its column has a known scale: 1 for a column that was divided by its spread,
    an indicator, a boolean, the largest size in its table for a lookup. Others are never left out, since a
    small weight may belong to a column of large numbers.

    Raises:
        ValueError: share is not above 0 and at most 1.
    """
    _check_share(share)
    made = {node.id: node for node in document.nodes}
    booleans = {item.name for item in document.inputs if item.kind == "boolean"}
    sums = {made[n].inputs[0] if made[n].op == "unshift" else n for n in document.margins if n in made}

    def scale(column: str) -> float | None:
        while column in made and made[column].op in THROUGH:
            column = made[column].inputs[0]
        node = made.get(column)
        if node is None:
            return 1.0 if column in booleans else None
        if node.op in UNIT:
            return _largest(node)
        if node.op == "product":
            one, two = (scale(operand) for operand in node.inputs)
            return None if one is None or two is None else one * two
        return 1.0 if node.op == "affine" and "divide" in node.params else None

    def change(node: Node) -> Node:
        if node.op != "weighted" or node.id not in sums:
            return node
        strengths = [
            None if (size := scale(name)) is None else abs(weight) * size
            for name, weight in zip(node.inputs, node.params["weights"], strict=True)
        ]
        return _with_terms(node, _strongest(strengths, share))

    return derived(document, change, f"strongest {100 * share:g} % of the terms")


def _largest(node: Node) -> float:
    if "unknown" not in node.params:
        return 1.0
    numbers = [number for _, number in node.params["values"]]
    numbers += [node.params["unknown"], node.params["missing"]]
    return max((abs(number) for number in numbers if number is not None), default=0.0)


def _strongest(strengths: Sequence[float | None], share: float) -> list[int]:
    """The places to keep, in their order; of equal strengths the earlier stays."""
    known = [place for place, strength in enumerate(strengths) if strength is not None]
    known.sort(key=lambda place: -(strengths[place] or 0.0))
    dropped = set(known[_count(share, len(known)) :])
    return [place for place in range(len(strengths)) if place not in dropped]


def _with_terms(node: Node, places: list[int]) -> Node:
    if len(places) == len(node.inputs):
        return node
    weights = [node.params["weights"][place] for place in places]
    return replace(with_params(node, weights=weights), inputs=tuple(node.inputs[place] for place in places))


def _count(share: float, of: int) -> int:
    """`share` of a number, rounded up; a product a hair above a whole number is that number."""
    return math.ceil(share * of - 1e-9)


def _check_share(share: float) -> None:
    if not 0.0 < share <= 1.0:
        raise ValueError(f"share {share!r}; allowed: above 0, at most 1.")
