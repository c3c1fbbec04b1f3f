"""Cutting one tree of a document shorter.

Belongs here: which subtree becomes a leaf, and laying the rest out again. Does not belong here: which trees
(`prune`, `quantize`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ml.document.variants.derive import flushed

Tree = Mapping[str, Any]

LEAF: Mapping[str, Any] = {
    "feature": -1, "test": "<=", "threshold": 0.0, "left": 0, "right": 0, "missing_left": False,
}  # fmt: skip


def collapsed(tree: Tree, tolerance: float) -> Tree:
    """The tree with every highest subtree whose leaves lie within `tolerance` of one another as one leaf: the
    mean of its leaves by their cover, by their number where they have none. The tree itself where no subtree
    is like that.

    No row's value changes by more than `tolerance`; with 0 none changes.
    """
    means = _means(tree, tolerance)
    kept = _kept(tree, means)
    if len(kept) == len(tree["feature"]):
        return tree
    place = {old: new for new, old in enumerate(kept)}
    cut: dict[str, Any] = {name: [values[old] for old in kept] for name, values in tree.items()}
    for new, old in enumerate(kept):
        if tree["feature"][old] == -1:
            continue
        if old in means:
            for name, value in LEAF.items():
                cut[name][new] = value
            cut["value"][new] = means[old]
        else:
            cut["left"][new], cut["right"][new] = place[tree["left"][old]], place[tree["right"][old]]
    return cut


def _means(tree: Tree, tolerance: float) -> dict[int, float]:
    """By inner node whose leaves lie close enough: their mean. From the last node to the first, since
    children stand behind their parents.
    """
    count = len(tree["feature"])
    low, high = list(tree["value"]), list(tree["value"])
    cover, leaves = list(tree["cover"]), [1] * count
    by_cover = [value * weight for value, weight in zip(tree["value"], tree["cover"], strict=True)]
    by_number = list(tree["value"])
    means = {}
    for node in range(count - 1, -1, -1):
        if tree["feature"][node] == -1:
            continue
        left, right = tree["left"][node], tree["right"][node]
        low[node], high[node] = min(low[left], low[right]), max(high[left], high[right])
        for sums in (cover, leaves, by_cover, by_number):
            sums[node] = sums[left] + sums[right]
        if high[node] - low[node] <= tolerance:
            mean = by_cover[node] / cover[node] if cover[node] > 0.0 else by_number[node] / leaves[node]
            means[node] = flushed(min(max(mean, low[node]), high[node]))
    return means


def _kept(tree: Tree, means: Mapping[int, float]) -> list[int]:
    """The nodes that can still be reached, in their order, when the nodes of `means` are leaves."""
    reached = [False] * len(tree["feature"])
    reached[0] = True
    for node, feature in enumerate(tree["feature"]):
        if reached[node] and feature != -1 and node not in means:
            reached[tree["left"][node]] = reached[tree["right"][node]] = True
    return [node for node, is_reached in enumerate(reached) if is_reached]
