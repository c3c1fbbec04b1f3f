"""Growing one tree from histograms: the leaf of the largest gain is split next, in few statements.

Splitting one leaf at a time would ask for one histogram at a time. Here the order is played through on the
splits that are known, the children of every node it reaches are measured in one statement, and it is played
again, until it reaches none that was not measured: the tree is the one that grows leaf by leaf, and a tree as
full as its depth allows takes one statement a level. Only the smaller child of a split is measured (the left
one of equals); the other's histogram is the parent's less that, exactly.

Belongs here: growth, leaves. Does not belong here: one node's choice (`ml.indb.splits`), several trees
(`ml.indb.boosting`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from fractions import Fraction

import numpy as np

from ml.indb.histograms import Engine
from ml.indb.splits import Chooser
from ml.indb.tree_nodes import GrownTree, Node, Split

Held = dict[int, np.ndarray]


def grow(
    engine: Engine, chooser: Chooser, rate: Fraction, features: Callable[[int], Iterable[int]]
) -> GrownTree:
    """One tree on the derivatives that the engine was aimed at; `features`: those that a node, by its number,
    may choose from.
    """
    tree = GrownTree([Node(())])
    held = engine.histograms(tree, [0])
    # Every row lies in one bin of the first feature.
    tree.nodes[0] = Node(tuple(held[0][:, : chooser.layout.starts[1]].sum(axis=1).tolist()))
    found, depth = _found(chooser, tree, held, features), {0: 0}
    while True:
        chosen = _best_first(tree, found, chooser.growth.max_leaves)
        fresh = [place for place in chosen if tree.nodes[place].split is None]
        for place in fresh:
            _divide(tree, place, found[place], chooser)
            node = tree.nodes[place]
            depth[node.left] = depth[node.right] = depth[place] + 1
        deeper = [place for place in fresh if depth[place] + 1 < chooser.growth.max_depth]
        if not deeper:
            break
        made = _children(engine, tree, held, deeper)
        held.update(made)
        found |= _found(chooser, tree, made, features)
    tree = _pruned(tree, set(chosen))
    for node in tree.nodes:
        if node.split is None:
            node.values = _values(chooser, node, rate)
    return tree


def _found(
    chooser: Chooser, tree: GrownTree, made: Held, features: Callable[[int], Iterable[int]]
) -> dict[int, Split | None]:
    """The best split of each node that was measured."""
    nodes = [tree.nodes[place] for place in made]
    splits = chooser.best(nodes, list(made.values()), [features(place) for place in made])
    return dict(zip(made, splits, strict=True))


def _best_first(tree: GrownTree, found: Mapping[int, Split | None], most: int) -> list[int]:
    """The nodes that are split, the largest gain first (the lower number of equals), as far as is known."""
    open_, chosen = [0], []
    while len(chosen) + 1 < most:
        known = [(found[place].rank, -place) for place in open_ if found.get(place) is not None]
        if not known:
            break
        place = -max(known)[1]
        chosen.append(place)
        open_.remove(place)
        node = tree.nodes[place]
        if node.split is not None:
            open_ += [node.left, node.right]
    return chosen


def _pruned(tree: GrownTree, chosen: set[int]) -> GrownTree:
    """The tree without splits that were measured but not reached, its nodes numbered anew."""
    kept, nodes = [0], []
    for place in kept:  # grows while it is read
        node = tree.nodes[place]
        if place in chosen:
            node = replace(node, left=len(kept), right=len(kept) + 1, origin=place)
            kept += [tree.nodes[place].left, tree.nodes[place].right]
        else:
            node = replace(node, split=None, left=-1, right=-1, origin=place)
        nodes.append(node)
    return GrownTree(nodes)


def _divide(tree: GrownTree, place: int, split: Split, chooser: Chooser) -> None:
    node = tree.nodes[place]
    left = Node(split.left, node.low, node.high)
    rest = (whole - part for whole, part in zip(node.sums, split.left, strict=True))
    right = Node(tuple(rest), node.low, node.high)
    way = chooser.ways.get(split.feature)
    if way is not None:  # what lies left may not pass the middle of both values, whatever is split below
        middle = sum(chooser.value(node, one.g, one.h) for one in (left, right)) / 2
        lower, upper = (left, right) if way == 1 else (right, left)
        lower.high = upper.low = middle
    node.split, node.left, node.right = split, len(tree.nodes), len(tree.nodes) + 1
    tree.nodes += [left, right]


def _values(chooser: Chooser, leaf: Node, rate: Fraction) -> tuple[int, ...]:
    if not leaf.h:
        return (0,) * len(leaf.g)
    return tuple(chooser.loss.shrunk(chooser.value(leaf, (g,), leaf.h), rate) for g in leaf.g)


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
        made[smaller], made[larger] = asked[smaller], held.pop(place) - asked[smaller]
    return {place: made[place] for place in sorted(made)}
