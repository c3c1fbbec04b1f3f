"""One row of a large forest by LightGBM's own call: the bits of the plain walk, from several threads too.

Belongs here: that call. Does not belong here: the other forms of trees (`test_tree_engine`).
"""

from __future__ import annotations

import builtins
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from ml.document.ops import tree_code
from ml.document.ops.missing import ZERO
from ml.document.ops.trees import TESTS, Trees, _walked
from ml.document.schema import Node
from ml.document.tree_row import single_row
from tests.ml.document.test_tree_engine import a_node, rows_for


def bits(values: list[float]) -> np.ndarray:
    return np.array(values).view(np.uint64)


@pytest.mark.parametrize("tests", [("<=",), ("<",), ("in",), ("known",), TESTS], ids="".join)
def test_a_row_has_the_bits_of_the_walk(tests):
    asked = []
    for seed in range(10):
        node = a_node(seed, tests)
        walked = _walked(node.params)
        total = single_row(node, lambda walked=walked: asked.append(1) or walked)
        rows = list(zip(*(column.tolist() for column in rows_for(node, seed)), strict=True))
        np.testing.assert_array_equal(
            bits([total(*row) for row in rows]), bits([walked(*row) for row in rows])
        )
    # Sizes that LightGBM takes for zero matter only beside a threshold among them.
    assert bool(asked) is any(test in tests for test in ("<=", "<"))


def test_an_ensemble_too_large_to_compile_is_answered_and_divided(monkeypatch):
    monkeypatch.setattr(tree_code, "MAX_NODES", 3)
    for divide in ({}, {"divide": 3.0}):
        made = a_node(8)
        node = Node("t", "trees", made.inputs, {**made.params, **divide})
        walked, row = _walked(node.params), Trees().row(node)
        for values in (*zip(*(column.tolist() for column in rows_for(node, 8)), strict=True), [ZERO / 2] * 5):
            values = values[: len(node.inputs)]
            assert bits([row(*values)])[0] == bits([walked(*values)])[0]


def test_threads_do_not_disturb_one_another():
    node = a_node(9)
    walked, total = _walked(node.params), single_row(node, lambda: _walked(node.params))
    rows = list(zip(*(column.tolist() for column in rows_for(node, 9, 2_000)), strict=True))
    with ThreadPoolExecutor(8) as pool:
        given = list(pool.map(lambda row: total(*row), rows))
    np.testing.assert_array_equal(bits(given), bits([walked(*row) for row in rows]))


def test_without_lightgbm_the_walk_answers(monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.startswith("lightgbm"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    monkeypatch.setattr(tree_code, "MAX_NODES", 3)
    node = a_node(8)
    row = [1.0] * len(node.inputs)
    assert single_row(node, lambda: _walked(node.params)) is None
    assert Trees().row(node)(*row) == _walked(node.params)(*row)
