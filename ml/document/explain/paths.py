"""The leaves of an ensemble with the conditions that lead to each: what the Shapley values are computed from.

Belongs here: reading trees into arrays. Does not belong here: rows (`ml.document.explain.tree_shap`), SQL.

A leaf's conditions on one column come to one: a closed interval, a set of codes, and whether a missing value
passes. x < t is the interval up to the double below t, so an interval says exactly what the test said. The
share of a column on a path is the product of the cover fractions of its splits there.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ml.document.schema import DocumentError

if TYPE_CHECKING:
    from ml.document.schema import Node

COVER_TOLERANCE = 0.01
"""How far, as a share, the covers of two children may miss their parent's: libraries sum them in float32."""

MAX_ENTRIES = 50_000
"""Conditions in one group: what is read of the trees becomes arrays, ten times smaller, before it is much."""


class Condition(NamedTuple):
    """What a path asks of one column; `allowed` None: every code but those `forbidden`."""

    low: float = -math.inf
    high: float = math.inf
    missing: bool = True
    share: float = 1.0
    allowed: frozenset[float] | None = None
    forbidden: frozenset[float] = frozenset()


Leaf = tuple[float, dict[int, Condition]]
"""A leaf's value, and its conditions by operand."""


@dataclass(frozen=True)
class Group:
    """Leaves with at most `width` columns on their paths, an even number. `value` (leaves,) is what a leaf
    adds to the margin; the others are of shape (width, leaves): the operand, the closed interval, whether a
    missing value passes, the share, and the row of the ensemble's `masks`. A place that no column needs holds
    a condition that everything passes, with share 1: it changes no product, and its own value is 0.
    """

    value: np.ndarray
    operand: np.ndarray
    low: np.ndarray
    high: np.ndarray
    missing: np.ndarray
    share: np.ndarray
    mask: np.ndarray

    @property
    def width(self) -> int:
        return len(self.operand)


@dataclass(frozen=True)
class Paths:
    """An ensemble's leaves in groups. `expected`: the mean margin by cover, without `start`. `codes`: by
    operand the sorted codes that its sets name; `masks` (n, most codes + 1): whether a code passes, the
    operand's last place standing for every other code; row 0 lets all pass.
    """

    groups: tuple[Group, ...]
    expected: float
    codes: tuple[np.ndarray, ...]
    masks: np.ndarray


def paths_of(node: Node, weight: float = 1.0) -> Paths:
    """The paths of a `trees` node whose leaves count `weight` times their value; its `divide` is not applied.

    Raises:
        DocumentError: the covers of a tree do not add up, so there is no mean to explain from.
    """
    sets = [frozenset(map(float, codes)) for codes in node.params.get("sets", [])]
    codes, expected, groups = _codes(node), [], []
    table = _Masks(codes)
    waiting: dict[int, list[Leaf]] = {}
    for number, tree in enumerate(node.params["trees"]):
        for value, path in _leaves(node, number, tree, sets):
            expected.append(value * math.prod(condition.share for condition in path.values()))
            if not path or not value:
                continue
            width = len(path) + len(path) % 2
            chosen = waiting.setdefault(width, [])
            chosen.append((value, path))
            if len(chosen) * width >= MAX_ENTRIES:
                groups.append(_group(waiting.pop(width), width, weight, table))
    groups += [_group(chosen, width, weight, table) for width, chosen in sorted(waiting.items())]
    return Paths(tuple(groups), weight * math.fsum(expected), codes, table.matrix())


def _leaves(node: Node, number: int, tree: Mapping[str, Any], sets: list[frozenset[float]]) -> Iterator[Leaf]:
    waiting: list[tuple[int, dict[int, Condition]]] = [(0, {})]
    while waiting:
        place, path = waiting.pop()
        operand = tree["feature"][place]
        if operand == -1:
            yield float(tree["value"][place]), path
            continue
        parts = _shares(node, number, tree, place)
        for child, is_left, share in zip((tree["right"], tree["left"]), (False, True), parts, strict=True):
            before = path.get(operand, Condition())
            after = _narrowed(before, tree, place, is_left, share, sets)
            waiting.append((child[place], {**path, operand: after}))


def _shares(node: Node, number: int, tree: Mapping[str, Any], place: int) -> tuple[float, float]:
    """The parts of a node's cover that go right and left."""
    cover = float(tree["cover"][place])
    right, left = (float(tree["cover"][tree[side][place]]) for side in ("right", "left"))
    apart = abs(left + right - cover)
    if not (cover > 0.0 and left >= 0.0 and right >= 0.0 and apart <= COVER_TOLERANCE * cover):
        raise DocumentError(
            f"node {node.id!r}: in tree {number} node {place} has cover {cover!r}, its children {left!r} "
            f"and {right!r}; allowed: above 0, and the sum of the children. Import the model with its covers."
        )
    return right / cover, left / cover


def _narrowed(
    before: Condition, tree: Mapping[str, Any], place: int, is_left: bool, share: float, sets: list[frozenset]
) -> Condition:
    """A condition together with one more test, which the path passes to the left or to the right."""
    low, high, missing, before_share, allowed, forbidden = before
    test, threshold = tree["test"][place], float(tree["threshold"][place])
    if test == "known":
        low, high = (low, high) if is_left else (math.inf, -math.inf)
    elif test == "in" and is_left:
        codes = sets[int(threshold)]
        allowed = codes if allowed is None else allowed & codes
    elif test == "in":
        forbidden = forbidden | sets[int(threshold)]
    elif is_left:
        high = min(high, threshold if test == "<=" else math.nextafter(threshold, -math.inf))
    else:
        low = max(low, math.nextafter(threshold, math.inf) if test == "<=" else threshold)
    missing = missing and bool(tree["missing_left"][place]) is is_left
    return Condition(low, high, missing, before_share * share, allowed, forbidden)


def _codes(node: Node) -> tuple[np.ndarray, ...]:
    found: list[set[float]] = [set() for _ in node.inputs]
    for tree in node.params["trees"]:
        for operand, test, threshold in zip(tree["feature"], tree["test"], tree["threshold"], strict=True):
            if operand != -1 and test == "in":
                found[operand].update(map(float, node.params["sets"][int(threshold)]))
    return tuple(np.array(sorted(codes), dtype=np.float64) for codes in found)


class _Masks:
    """Collects the distinct masks of an ensemble."""

    def __init__(self, codes: tuple[np.ndarray, ...]) -> None:
        self._codes = codes
        self._width = max((len(one) for one in codes), default=0) + 1
        self._rows: dict[bytes, int] = {np.ones(self._width, dtype=bool).tobytes(): 0}

    def place(self, operand: int, condition: Condition) -> int:
        if condition.allowed is None and not condition.forbidden:
            return 0
        row = np.full(self._width, condition.allowed is None)
        for place, code in enumerate(self._codes[operand].tolist()):
            row[place] = code not in condition.forbidden and (
                condition.allowed is None or code in condition.allowed
            )
        return self._rows.setdefault(row.tobytes(), len(self._rows))

    def matrix(self) -> np.ndarray:
        return np.frombuffer(b"".join(self._rows), dtype=bool).reshape(len(self._rows), self._width)


def _group(leaves: list[Leaf], width: int, weight: float, table: _Masks) -> Group:
    free = (0, Condition())
    entries = [entry for _, path in leaves for entry in (*path.items(), *[free] * (width - len(path)))]

    def array(values: Any, kind: Any) -> np.ndarray:
        return np.ascontiguousarray(np.array(values, dtype=kind).reshape(len(leaves), width).T)

    low, high, missing, share, _, _ = zip(*(condition for _, condition in entries), strict=True)
    return Group(
        value=weight * np.array([value for value, _ in leaves]),
        operand=array([operand for operand, _ in entries], np.int32),
        low=array(low, np.float64),
        high=array(high, np.float64),
        missing=array(missing, bool),
        share=array(share, np.float64),
        mask=array([table.place(operand, condition) for operand, condition in entries], np.int32),
    )
