"""Shapley values by their definition: every subset of columns, on trees small enough for it; and such trees.

Belongs here: the slow, plain computation that the quick one is held against. Does not belong here: fitted
models.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from ml.document import Builder, Document, Head
from ml.document.ops.trees import LISTS

SETS = [[0.0, 2.0], [1.0, 2.0, 5.0], [-1.0]]
TESTS = ("<=", "<", "in", "known")


def shapley_values(params: Mapping[str, Any], row: Sequence[float]) -> list[float]:
    """By operand, summed over the trees: the mean over all orders of what the operand adds to the expectation
    of the sum when those before it are known.
    """
    count, total = len(row), math.factorial(len(row))
    values = []
    for one in range(count):
        others = [place for place in range(count) if place != one]
        value = 0.0
        for size in range(count):
            share = math.factorial(size) * math.factorial(count - size - 1) / total
            for known in combinations(others, size):
                value += share * (expected(params, row, {*known, one}) - expected(params, row, set(known)))
        values.append(value)
    return values


def expected(params: Mapping[str, Any], row: Sequence[float], known: set[int]) -> float:
    """The ensemble's value where the operands in `known` are the row's, and all others go by cover."""
    found = sum(_expected(params, tree, row, known, 0) for tree in params["trees"])
    return (params["start"] + found) / params.get("divide", 1.0)


def _expected(params: Mapping[str, Any], tree: Mapping[str, Any], row: Any, known: set, at: int) -> float:
    operand = tree["feature"][at]
    if operand == -1:
        return tree["value"][at]
    left, right = tree["left"][at], tree["right"][at]
    if operand in known:
        return _expected(params, tree, row, known, left if _goes_left(params, tree, row, at) else right)
    parts = [tree["cover"][child] * _expected(params, tree, row, known, child) for child in (left, right)]
    return sum(parts) / tree["cover"][at]


def _goes_left(params: Mapping[str, Any], tree: Mapping[str, Any], row: Any, at: int) -> bool:
    x, test, threshold = row[tree["feature"][at]], tree["test"][at], tree["threshold"][at]
    if math.isnan(x):
        return tree["missing_left"][at]
    if test == "in":
        return x in params["sets"][int(threshold)]
    return test == "known" or (x <= threshold if test == "<=" else x < threshold)


def random_tree(random: Any, operands: int, depth: int) -> dict[str, list[Any]]:
    """A tree with all kinds of tests, and covers that add up; thresholds repeat, so paths contradict too."""
    tree: dict[str, list[Any]] = {name: [] for name in LISTS}

    def grow(left: int, cover: int) -> int:
        place, is_leaf = len(tree["feature"]), left == 0 or cover < 2
        test = TESTS[int(random.choice(4, p=[0.4, 0.3, 0.2, 0.1]))]
        row = {
            "feature": -1 if is_leaf else int(random.integers(operands)),
            "test": test,
            "threshold": float(random.integers(3) if test == "in" else random.integers(-2, 3)),
            "left": 0,
            "right": 0,
            "missing_left": not is_leaf and bool(random.integers(2)),
            "value": float(random.normal()) if is_leaf else 0.0,
            "cover": float(cover),
        }
        for name, value in row.items():
            tree[name].append(value)
        if not is_leaf:
            part = int(random.integers(1, cover))
            tree["left"][place] = grow(left - 1, part)
            tree["right"][place] = grow(left - 1, cover - part)
        return place

    grow(depth, 1000)
    return tree


def random_document(seed: int, operands: int, depth: int, trees: int) -> Document:
    """A document whose margin is a sum of random trees over numbers x0, x1, …"""
    random = np.random.default_rng(seed)
    b = Builder("random_trees")
    columns = [b.input(f"x{place}", "number") for place in range(operands)]
    made = [random_tree(random, operands, depth) for _ in range(trees)]
    params = {"start": 0.5, "divide": 4.0, "trees": made, "sets": SETS}
    return b.document([b.trees(columns, params, label="margin")], Head("identity"), {"library": "hand-made"})


def random_matrix(seed: int, rows: int, operands: int) -> np.ndarray:
    """Values on and beside the thresholds, codes of the sets and others, missing values, infinities."""
    random = np.random.default_rng([seed, 1])
    values = [-2.0, -1.0, 0.0, 1.0, 2.0, 5.0, 0.5, np.nextafter(1.0, 2.0), np.nextafter(1.0, 0.0), -0.0]
    return random.choice([*values, math.nan, math.inf, -math.inf], (rows, operands))
