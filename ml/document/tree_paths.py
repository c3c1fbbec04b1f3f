"""Rows that lead to one chosen node of a tree and stand at its threshold.

Random rows seldom reach the deep nodes of a tree; these are built from the conditions on the way. Belongs
here: solving those conditions. Does not belong here: any other special row (`ml.document.adversarial`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from ml.document.schema import Document, Node

THROUGH = {"bound", "impute", "clip"}
"""Operations through which an ordinary value passes unchanged."""


def path_rows(document: Document, random: Any, count: int) -> list[dict[str, float | None]]:
    """At most `count` changes of an ordinary row (input to value), each leading to an inner node of a tree:
    its feature at the threshold, one double beside it, or missing. Where there are more, `random` chooses.

    A feature that is computed otherwise than by passing a number input on is left as it is.
    """
    goals = [
        (node, tree, goal, position)
        for node in document.nodes
        if node.op == "trees"
        for tree in node.params["trees"]
        for goal, feature in enumerate(tree["feature"])
        if feature != -1
        for position in (0.0, 1.0, -1.0, None)
    ]
    sources = {node.id: _sources(document, node) for node in document.nodes if node.op == "trees"}
    found = []
    for place in random.permutation(len(goals))[:count]:
        node, tree, goal, position = goals[int(place)]
        sets = node.params.get("sets", [])
        row = _leading(tree, goal, sets)
        row[tree["feature"][goal]] = _at(tree, goal, sets, position)
        names = sources[node.id]
        found.append({names[at]: value for at, value in row.items() if names[at] is not None})
    return found


def _at(tree: Mapping[str, Any], goal: int, sets: list[list[float]], position: float | None) -> float | None:
    threshold = tree["threshold"][goal]
    if tree["test"][goal] == "in":
        threshold = sets[int(threshold)][0]
    if not position:
        return position if position is None else float(threshold)
    return float(np.nextafter(threshold, math.copysign(math.inf, position)))


def _leading(tree: Mapping[str, Any], goal: int, sets: list[list[float]]) -> dict[int, float | None]:
    """Operand values that satisfy the tests from the root to `goal`."""
    parents = {}
    for place, feature in enumerate(tree["feature"]):
        if feature != -1:
            parents[tree["left"][place]], parents[tree["right"][place]] = (place, True), (place, False)
    low, high, exact = {}, {}, {}
    while goal in parents:
        goal, is_left = parents[goal]
        feature, test, threshold = tree["feature"][goal], tree["test"][goal], tree["threshold"][goal]
        if test == "in":
            exact.setdefault(feature, sets[int(threshold)][0] if is_left else -1.0)
        elif test == "known":
            exact.setdefault(feature, 0.0 if is_left else None)
        elif is_left:
            high[feature] = min(high.get(feature, math.inf), threshold if test == "<=" else _below(threshold))
        else:
            low[feature] = max(low.get(feature, -math.inf), threshold if test == "<" else _above(threshold))
    return {**{f: _between(low.get(f), high.get(f)) for f in {*low, *high}}, **exact}


def _between(low: float | None, high: float | None) -> float:
    if low is None or high is None:
        return float(low if high is None else high)
    middle = low / 2 + high / 2
    return float(middle if low <= middle <= high else low)


def _above(value: float) -> float:
    return float(np.nextafter(value, math.inf))


def _below(value: float) -> float:
    return float(np.nextafter(value, -math.inf))


def _sources(document: Document, node: Node) -> list[str | None]:
    """By operand: the number input it passes on, or None."""
    made = {one.id: one for one in document.nodes}
    numbers = {item.name for item in document.inputs if item.kind == "number"}
    found: list[str | None] = []
    for name in node.inputs:
        while name in made and made[name].op in THROUGH:
            name = made[name].inputs[0]
        found.append(name if name in numbers else None)
    return found
