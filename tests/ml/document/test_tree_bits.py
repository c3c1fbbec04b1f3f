"""Trees as sets of bits: the bits of the plain walk whatever the size, the constants and the values.

Belongs here: intervals, tables and their evaluation. Does not belong here: which engine is chosen
(`test_tree_engine`).
"""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

from ml.document import bit_tables
from ml.document.bit_tables import bit_trees
from ml.document.intervals import CELLS, Intervals, columns_of
from ml.document.ops.trees import TESTS
from ml.document.schema import Node
from ml.document.tree_engine import numpy_sum
from tests.ml.document.test_tree_engine import SPECIAL, a_node, a_tree, rows_for


def agree(node: Node, columns: list[np.ndarray]) -> None:
    with np.errstate(invalid="ignore"):
        want = numpy_sum(node, columns)
    given = bit_trees(node.params).total(columns)
    np.testing.assert_array_equal(given.view(np.uint64), want.view(np.uint64))


@pytest.mark.parametrize("leaves", [1, 31, 32, 33, 64, 65, 129, 256])
def test_trees_of_any_number_of_leaves(leaves):
    draw = random.Random(leaves)
    sets = [[0.0, 2.0], [5.0, 40.0, 1e6], [0.5]]
    trees = [a_tree(draw, leaves, 4, TESTS, 3) for _ in range(5)] + [a_tree(draw, 3, 4, TESTS, 3)]
    node = Node("t", "trees", ("a", "b", "c", "d"), {"start": 0.25, "trees": trees, "sets": sets})
    agree(node, rows_for(node, leaves, 400))


def test_more_trees_and_rows_than_are_worked_on_at_once():
    draw = random.Random(1)
    trees = [a_tree(draw, 8, 3, ("<=", "<"), 1) for _ in range(2 * bit_tables.RUN_TREES + 1)]
    node = Node("t", "trees", ("a", "b", "c"), {"start": -0.0, "trees": trees})
    agree(node, rows_for(node, 1, 10_000))


def test_what_gains_nothing_is_left_to_others():
    draw = random.Random(2)
    large = {"start": 0.0, "trees": [a_tree(draw, bit_tables.MOST_LEAVES + 1, 3, ("<=",), 1)]}
    wide = {"start": 0.0, "trees": [a_tree(draw, 200, 150, ("<=",), 1)]}
    coded = {
        "start": 0.0,
        "trees": [a_tree(draw, 9, 3, ("in",), 1)],
        "sets": [list(map(float, range(2_000)))],
    }
    assert [bit_trees(params) for params in (large, wide, coded, {"start": 0.0, "trees": []})] == [None] * 4


@pytest.mark.parametrize(
    "thresholds",
    [[0.0], [1.0, 1.0 + 2**-52], SPECIAL, [math.exp(x) for x in range(-700, 700, 7)], list(range(-50, 50)),
     [1.6e9 + x for x in range(300)], [-1e308, 0.0, 1e308]],
    ids=["one", "neighbours", "special", "uneven", "whole", "seconds", "wide"],
)  # fmt: skip
def test_a_value_lies_above_as_many_thresholds_as_a_search_says(thresholds):
    count = len(thresholds)
    tree = {"feature": [0] * count, "test": ["<="] * count, "threshold": thresholds}
    (column,) = columns_of([tree], [])
    assert isinstance(column, Intervals)
    near = np.array([*thresholds, *SPECIAL], dtype=float)
    with np.errstate(over="ignore"):  # of the largest double
        beside = [np.nextafter(near, way) for way in (np.inf, -np.inf)]
    between = np.random.default_rng(1).uniform(min(thresholds) / 4, max(thresholds) / 4 + 1.0, 500)
    x = np.concatenate([near, *beside, between, [np.inf, -np.inf]])
    np.testing.assert_array_equal(column.places(x), np.sort(np.unique(thresholds)).searchsorted(x))
    assert column.places(np.array([np.nan])).tolist() == [len(column.thresholds) + 1]


def test_even_thresholds_are_found_by_cells():
    (column,) = columns_of([{"feature": [0] * 99, "test": ["<"] * 99, "threshold": list(range(99))}], [])
    assert column.grid is not None and column.grid.rounds == 1 and len(column.grid.starts) == CELLS + 2


def test_a_node_is_taken_whole():
    for seed in range(30):
        node = a_node(seed)
        agree(node, rows_for(node, seed))
