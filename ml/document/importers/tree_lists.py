"""What the importers of trees share: laying a tree out as a document's lists, and thresholds of float32.

Belongs here: the layout, the operands an ensemble really reads, the rewriting of comparisons. Does not belong
here: how a library stores its trees.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ml.document.build import Builder
from ml.document.ops.trees import LISTS

Tree = dict[str, list[Any]]

BEYOND_FLOAT32 = 2.0**128 - 2.0**103
"""Halfway between the largest float32 and the next power of two: from here on a double becomes infinity."""


class Leaf(NamedTuple):
    """An end of a tree."""

    value: float
    cover: float


class Split(NamedTuple):
    """An inner node; `left` and `right` are the library's own numbers of nodes."""

    feature: int
    test: str
    threshold: float
    left: int
    right: int
    missing_left: bool
    cover: float


class Sets:
    """Sets of numbers, each kept once; `place` is what a split on categories has as its threshold."""

    def __init__(self) -> None:
        self._places: dict[tuple[float, ...], int] = {}

    def place(self, numbers: Iterable[float]) -> float:
        key = tuple(sorted({float(number) for number in numbers}))
        return float(self._places.setdefault(key, len(self._places)))

    @property
    def lists(self) -> list[list[float]]:
        return [list(key) for key in self._places]


def laid_out(root: int, node_at: Callable[[int], Leaf | Split]) -> Tree:
    """A tree as a document's lists, the root first and every child behind its parent."""
    tree: Tree = {name: [] for name in LISTS}
    waiting: list[tuple[int, str, int]] = [(root, "", 0)]
    while waiting:
        number, side, parent = waiting.pop()
        place = len(tree["feature"])
        if side:
            tree[side][parent] = place
        node = node_at(number)
        if isinstance(node, Leaf):
            row = (-1, "<=", 0.0, 0, 0, False, float(node.value), float(node.cover))
        else:
            feature, test, threshold, _, _, missing_left, cover = node
            row = (int(feature), test, float(threshold), 0, 0, bool(missing_left), 0.0, float(cover))
            waiting += [(node.right, "right", place), (node.left, "left", place)]
        for name, value in zip(LISTS, row, strict=True):
            tree[name].append(value)
    return tree


def ensemble(
    builder: Builder,
    columns: Sequence[str],
    trees: Sequence[Tree],
    start: float,
    *,
    label: str = "margin",
    divide: float | None = None,
    sets: Sets | None = None,
) -> str:
    """A `trees` node over those of `columns` that some tree reads; its name."""
    used = sorted({feature for tree in trees for feature in tree["feature"] if feature != -1}) or [0]
    places = {feature: place for place, feature in enumerate(used)} | {-1: -1}
    moved = [{**tree, "feature": [places[feature] for feature in tree["feature"]]} for tree in trees]
    params: dict[str, Any] = {"start": float(start), "trees": moved}
    if divide is not None:
        params["divide"] = float(divide)
    if sets is not None and sets.lists:
        params["sets"] = sets.lists
    return builder.trees([columns[feature] for feature in used], params, label=label)


def margin_names(count: int) -> list[str]:
    """`margin`, or `margin_of_0`, `margin_of_1`, … by class."""
    return ["margin"] if count == 1 else [f"margin_of_{place}" for place in range(count)]


def float32_split(threshold: float) -> tuple[str, float]:
    """The test and threshold on a double x that hold exactly where `float32(x) <= threshold` does.

    With f the largest float32 that is at most the threshold, x rounds to f or below up to the middle between
    f and the next float32; the middle itself rounds to whichever of the two is even.
    """
    if threshold == math.inf:
        return "known", 0.0
    with np.errstate(over="ignore"):
        below = np.float32(threshold)
        if float(below) > threshold:
            below = np.nextafter(below, np.float32(-np.inf))
        above = np.nextafter(below, np.float32(np.inf))
        if np.isinf(below) or np.isinf(above):
            middle = math.copysign(BEYOND_FLOAT32, below)
        else:
            middle = (float(below) + float(above)) / 2.0
        return ("<=" if float(np.float32(middle)) <= threshold else "<"), middle


def float32_below(threshold: float) -> float:
    """The largest float32 below a float32: `x < threshold` is `x <= float32_below(threshold)` among them."""
    return float(np.nextafter(np.float32(threshold), np.float32(-np.inf)))
