"""Growing one tree from histograms, level by level.

A level asks for the histograms of the smaller child of each split (the left one of equals); the other's is
the parent's less that, exactly. Belongs here: growth, leaves. Does not belong here: one node's choice
(`ml.indb.splits`), several trees (`ml.indb.boosting`, `ml.indb.forest`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction

import numpy as np

from ml.indb.histograms import Engine
from ml.indb.splits import Chooser, clipped
from ml.indb.tree_nodes import GrownTree, Node, Split

Held = dict[int, np.ndarray]


def grow(
    engine: Engine, chooser: Chooser, rate: Fraction, features: Callable[[int], Iterable[int]]
) -> GrownTree:
    """One tree on the engine's derivatives; `features`: those that a node, by its number, may choose from."""
    growth = chooser.growth
    tree = GrownTree([Node(0, 0, 0)])
    held = engine.histograms(tree, [0])
    first = chooser.layout.of(held[0], 0)  # every row lies in one bin of the first feature
    tree.nodes[0] = Node(*first.sum(axis=1).tolist())
    for depth in range(growth.max_depth):
        found = {place: chooser.best(tree.nodes[place], held[place], features(place)) for place in held}
        chosen = _largest(found, growth.max_leaves - tree.leaves)
        for place, split in chosen:
            _divide(tree, place, split, chooser)
        if not chosen or depth + 1 == growth.max_depth or tree.leaves == growth.max_leaves:
            break
        held = _children(engine, tree, held, [place for place, _ in chosen])
    for node in tree.nodes:
        if node.split is None and node.h:
            node.value = chooser.loss.shrunk(_value(chooser, node, node.g, node.h), rate)
    return tree


def _largest(found: dict[int, Split | None], room: int) -> list[tuple[int, Split]]:
    """The splits of the largest gains that there is room for, by node."""
    splits = [(place, split) for place, split in found.items() if split is not None]
    splits.sort(key=lambda one: (-one[1].gain, one[0]))
    return sorted(splits[:room], key=lambda one: one[0])


def _divide(tree: GrownTree, place: int, split: Split, chooser: Chooser) -> None:
    node = tree.nodes[place]
    rows, g, h = split.left
    left = Node(rows, g, h, node.low, node.high)
    right = Node(node.rows - rows, node.g - g, node.h - h, node.low, node.high)
    way = chooser.ways.get(split.feature)
    if way is not None:  # what lies left may not pass the middle of both values, whatever is split below
        middle = sum(_value(chooser, node, one.g, one.h) for one in (left, right)) / 2
        lower, upper = (left, right) if way == 1 else (right, left)
        lower.high = upper.low = middle
    node.split, node.left, node.right = split, len(tree.nodes), len(tree.nodes) + 1
    tree.nodes += [left, right]


def _value(chooser: Chooser, node: Node, g: int, h: int) -> Fraction:
    return clipped(chooser.loss.value(g, chooser.loss.curvature(h, chooser.growth.l2_steps)), node)


def _children(engine: Engine, tree: GrownTree, held: Held, places: list[int]) -> Held:
    """The histograms of the children of these nodes."""
    pairs = []
    for place in places:
        node = tree.nodes[place]
        is_left = tree.nodes[node.left].rows <= tree.nodes[node.right].rows
        pairs.append((place, *((node.left, node.right) if is_left else (node.right, node.left))))
    asked = engine.histograms(tree, [smaller for _, smaller, _ in pairs])
    made = {}
    for place, smaller, larger in pairs:
        made[smaller], made[larger] = asked[smaller], held[place] - asked[smaller]
    return {place: made[place] for place in sorted(made)}
