"""Trees in bulk and by the row: every form gives the bits of the plain walk, on values made to tell."""

from __future__ import annotations

import builtins
import gc
import math
import random
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from ml.document import tree_engine
from ml.document.bit_tables import bit_trees
from ml.document.ops import tree_code
from ml.document.ops.missing import ZERO
from ml.document.ops.trees import LISTS, TESTS, Trees, _walked
from ml.document.schema import Node
from ml.document.tree_engine import ensemble_sum, numpy_sum
from ml.document.tree_text import plan_of

LARGEST = float(np.finfo(float).max)
SPECIAL = [
    0.0, -0.0, 5e-324, -5e-324, 1e-310, ZERO, -ZERO, 1e-35, -1e-35, math.nextafter(ZERO, 1.0), 1e-40, -1e-40,
    1e308, -1e308, LARGEST, -LARGEST, 1.0, 0.1, -2.5, 2.0**24 + 1, 1e300, 3e9,
]  # fmt: skip
CODES = [0.0, 1.0, 2.0, 5.0, -3.0, 40.0, 1e6, 0.5, 1e-40, 1e308]


def a_tree(draw: random.Random, leaves: int, features: int, tests: tuple[str, ...], sets: int) -> dict:
    tree: dict = {name: [] for name in LISTS}

    def add(count: int) -> int:
        place = len(tree["feature"])
        for name, value in zip(LISTS, (-1, "<=", 0.0, 0, 0, False, 0.0, 1.0), strict=True):
            tree[name].append(value)
        if count == 1:
            tree["value"][place] = draw.choice([0.0, -0.0, 0.1, draw.gauss(0, 1), draw.gauss(0, 1e-9)])
            return place
        test, size = draw.choice(tests), draw.randint(1, count - 1)
        threshold = draw.choice(SPECIAL) if draw.random() < 0.5 else draw.gauss(0, 1)
        tree["feature"][place], tree["test"][place] = draw.randrange(features), test
        tree["threshold"][place] = float(draw.randrange(sets)) if test == "in" else threshold
        tree["missing_left"][place] = draw.random() < 0.5
        tree["left"][place], tree["right"][place] = add(size), add(count - size)
        return place

    add(leaves)
    return tree


def a_node(seed: int, tests: tuple[str, ...] = TESTS, start: float | None = None) -> Node:
    draw = random.Random(seed)
    features = draw.randint(1, 5)
    sets = [sorted(set(draw.sample(CODES, draw.randint(1, 6)))) for _ in range(3)]
    trees = [a_tree(draw, draw.choice([1, 2, 5, 12]), features, tests, 3) for _ in range(draw.randint(1, 12))]
    begin = draw.choice([0.0, 1.5, -0.3]) if start is None else start
    params = {"start": begin, "trees": trees, "sets": sets}
    node = Node("t", "trees", tuple(f"x{place}" for place in range(features)), params)
    Trees().check(node)
    return node


def rows_for(node: Node, seed: int, count: int = 250) -> list[np.ndarray]:
    draw, pool = random.Random(seed), [*SPECIAL, *CODES, math.nan, math.inf, -math.inf, -0.5, 2.7, -1.0]
    for tree in node.params["trees"]:
        for value in tree["threshold"]:
            pool += [value, math.nextafter(value, math.inf), math.nextafter(value, -math.inf)]
    return [np.array([draw.choice(pool) for _ in range(count)]) for _ in node.inputs]


def assert_all_forms_agree(node: Node, seed: int = 0) -> None:
    columns = rows_for(node, seed)
    rows = list(zip(*(column.tolist() for column in columns), strict=True))
    walked = _walked(node.params)
    expected = np.array([walked(*row) for row in rows]).view(np.uint64)
    quick = tree_code.compiled(node.params, len(node.inputs))
    bits = bit_trees(node.params)
    with np.errstate(invalid="ignore"):
        found = [numpy_sum(node, columns), ensemble_sum(node, columns), [quick(*row) for row in rows]]
        found += [bits.total(columns)] if bits is not None else []
        for sums in found:
            np.testing.assert_array_equal(np.asarray(sums).view(np.uint64), expected)


@pytest.mark.parametrize("tests", [("<=",), ("<",), ("in",), ("known",), TESTS], ids="".join)
def test_every_form_gives_the_same_bits(tests):
    for seed in range(20):
        assert plan_of(a_node(seed, tests)) is not None
        assert_all_forms_agree(a_node(seed, tests), seed)


def test_negative_zero_as_a_start_keeps_its_sign():
    node = a_node(1, start=-0.0)
    assert plan_of(node) is None
    assert_all_forms_agree(node)


def test_numpy_answers_without_lightgbm_and_with_very_many_categories(monkeypatch):
    node = a_node(3, ("in", "<"))
    assert plan_of(Node("t", "trees", node.inputs, {**node.params, "trees": []})) is None
    many = {**node.params, "sets": [[float(code) for code in range(20_000)]] * 3}
    assert plan_of(Node("t", "trees", node.inputs, many)) is None
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name == "lightgbm":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    assert tree_engine._engine_of(node, tree_engine._lightgbm) is None
    assert_all_forms_agree(node)


@pytest.mark.parametrize("maker", ["_lightgbm", "_bits"])
def test_one_engine_a_node_for_all_threads_and_none_after_it(monkeypatch, maker):
    made = []
    real = getattr(tree_engine, maker)
    make = lambda node: made.append(1) or real(node)  # noqa: E731
    monkeypatch.setattr(tree_engine, maker, make)
    node = a_node(5)
    columns = rows_for(node, 5, 250 if maker == "_lightgbm" else 10_000)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ensemble_sum, [node] * 16, [columns] * 16))
    assert all(np.array_equal(answer, answers[0]) for answer in answers)
    np.testing.assert_array_equal(answers[0], numpy_sum(node, columns))
    assert len(made) == 1
    key = (id(node), make)
    assert key in tree_engine._engines
    del node
    gc.collect()
    assert key not in tree_engine._engines


def test_no_rows_give_no_sums():
    node = a_node(6)
    assert ensemble_sum(node, [np.empty(0) for _ in node.inputs]).shape == (0,)


def test_trees_too_deep_to_compile_are_walked():
    depth = tree_code.MAX_DEPTH + 1
    tree = {name: [] for name in LISTS}
    for level in range(depth):
        for row in ((0, "<=", float(level), 2 * level + 1, 2 * level + 2, False, 0.0, 1.0),
                    (-1, "<=", 0.0, 0, 0, False, 1.0 + level, 1.0)):  # fmt: skip
            for name, value in zip(LISTS, row, strict=True):
                tree[name].append(value)
    for name, value in zip(LISTS, (-1, "<=", 0.0, 0, 0, False, 0.0, 1.0), strict=True):
        tree[name].append(value)
    node = Node("t", "trees", ("x0",), {"start": 0.0, "trees": [tree]})
    Trees().check(node)
    assert tree_code.compiled(node.params, 1) is None
    assert [Trees().row(node)(x) for x in (-1.0, 3.5, 1e9, math.nan)] == [1.0, 5.0, 0.0, 0.0]
    assert ensemble_sum(node, [np.array([-1.0, 3.5, 1e9, math.nan])]).tolist() == [1.0, 5.0, 0.0, 0.0]


def test_a_divided_sum_is_divided_in_every_form():
    node = a_node(7)
    halved = Node("t", "trees", node.inputs, {**node.params, "divide": 3.0})
    columns = rows_for(node, 7, 50)
    with np.errstate(invalid="ignore"):
        whole, part = Trees().batch(node, columns), Trees().batch(halved, columns)
    np.testing.assert_array_equal(part, whole / 3.0)
    row = [column[0] for column in columns]
    assert Trees().row(halved)(*row) == _walked(halved.params)(*row) == part[0]
