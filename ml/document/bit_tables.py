"""The trees of a document as tables of bits, for `tree_bits` to evaluate.

Belongs here: numbering the leaves, and which of them each interval of a column leaves. Does not belong here:
evaluating.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ml.document.intervals import Codes, Intervals, at_most, columns_of
from ml.document.tree_bits import WORD_BITS, BitTrees, Run

RUN_TREES = 32
"""Trees at once. Measured: from here on more are no quicker."""

MOST_LEAVES, MOST_BYTES, MOST_CODES = 256, 800, 1_000
"""Leaves of a tree, bytes of bits that it costs a row, and categories of a column. Measured on one core
beside LightGBM's predictor, a tree and row: 5 ns against 50 for 31 leaves and 20 columns (80 bytes), 40
against 74 for 255 leaves (640 bytes)."""


@dataclass(frozen=True)
class _Test:
    """One inner node: its tree's number in the run, its comparison, and the bits that it leaves if it
    fails.
    """

    tree: int
    test: str
    threshold: float
    missing_left: bool
    leaves: np.ndarray


def bit_trees(params: Mapping[str, Any]) -> BitTrees | None:
    """The tables of a `trees` node; None where there is nothing to gain by them: no trees, too many leaves,
    columns or categories.
    """
    trees, sets = params["trees"], [[float(code) for code in codes] for codes in params.get("sets", [])]
    if not trees or max(tree["feature"].count(-1) for tree in trees) > MOST_LEAVES:
        return None
    columns = columns_of(trees, sets)
    if any(isinstance(column, Codes) and len(column.codes) > MOST_CODES for column in columns):
        return None
    runs = [trees[first : first + RUN_TREES] for first in range(0, len(trees), RUN_TREES)]
    if sum(map(_bytes, runs)) > MOST_BYTES * len(trees):
        return None
    return BitTrees(float(params["start"]), columns, tuple(_run(run, columns, sets) for run in runs))


def _bytes(trees: Sequence[Mapping[str, Any]]) -> int:
    """Bytes of bits that the trees of a run cost a row."""
    width, words = _words(trees)
    columns = {feature for tree in trees for feature in tree["feature"] if feature != -1}
    return len(columns) * len(trees) * words * width // 8


def _words(trees: Sequence[Mapping[str, Any]]) -> tuple[int, int]:
    """Bits of a word, and words of a tree."""
    most = max(tree["feature"].count(-1) for tree in trees)
    return (32, 1) if most <= 32 else (WORD_BITS, -(-most // WORD_BITS))


def _run(
    trees: Sequence[Mapping[str, Any]], columns: Sequence[Intervals | Codes], sets: list[list[float]]
) -> Run:
    width, words = _words(trees)
    leaves = np.zeros((len(trees), words * width))
    tests: dict[tuple[int, bool], list[_Test]] = {}
    for number, tree in enumerate(trees):
        _read(number, tree, (width, words), leaves[number], tests)
    numbers, places, tables = [], [], []
    for number, column in enumerate(columns):
        own = tests.get(column.key, [])
        if own:
            made = _code_rows if isinstance(column, Codes) else _interval_rows
            inner, table = made(column, own, (len(trees), words, width), sets)
            numbers.append(number)
            places.append(inner)
            tables.append(table.reshape(len(table), -1))
    return Run(tuple(numbers), tuple(places), tuple(tables), leaves, words)


def _read(
    number: int, tree: Mapping[str, Any], word: tuple[int, int], leaves: np.ndarray,
    tests: dict[tuple[int, bool], list[_Test]],
) -> None:  # fmt: skip
    """Number a tree's leaves from the left, write their values, and gather its tests by column."""
    width, words = word
    features, left, right = tree["feature"], tree["left"], tree["right"]
    below, first = [1] * len(features), [0] * len(features)
    for place in reversed(range(len(features))):  # children stand behind their parents
        if features[place] != -1:
            below[place] = below[left[place]] + below[right[place]]
    for place, feature in enumerate(features):
        if feature == -1:
            leaves[first[place]] = tree["value"][place]
            continue
        under = below[left[place]]
        first[left[place]], first[right[place]] = first[place], first[place] + under
        kept = (1 << words * width) - 1 ^ ((1 << under) - 1) << first[place]
        bits = np.frombuffer(kept.to_bytes(words * width // 8, "little"), dtype=f"<u{width // 8}")
        test, threshold = tree["test"][place], float(tree["threshold"][place])
        found = _Test(number, test, threshold, tree["missing_left"][place], bits)
        tests.setdefault((feature, test == "in"), []).append(found)


def _interval_rows(
    column: Intervals, tests: Sequence[_Test], shape: tuple[int, int, int], _: Any
) -> tuple[np.ndarray, np.ndarray]:
    """The run's own intervals: by place among all thresholds the row, and the rows of bits."""
    own = np.array(sorted({at_most(t.test, t.threshold) for t in tests if t.test != "known"}))
    table, missing = _rows(len(own) + 2, shape), len(own) + 1
    for test in tests:
        if test.test != "known":
            above = int(np.searchsorted(own, at_most(test.test, test.threshold))) + 1
            table[above:missing, test.tree] &= test.leaves
        if not test.missing_left:
            table[missing, test.tree] &= test.leaves
    passed = np.searchsorted(own, column.thresholds, side="right")
    return np.concatenate([[0], passed, [missing]]).astype(np.intp), table


def _code_rows(
    column: Codes, tests: Sequence[_Test], shape: tuple[int, int, int], sets: list[list[float]]
) -> tuple[np.ndarray, np.ndarray]:
    """The same of categories; each keeps its place."""
    table, missing = _rows(column.size, shape), column.size - 1
    for test in tests:
        outside = np.append(~np.isin(column.codes, sets[int(test.threshold)]), [True, not test.missing_left])
        table[outside, test.tree] &= test.leaves
    return np.arange(missing + 1), table


def _rows(count: int, shape: tuple[int, int, int]) -> np.ndarray:
    """Rows of ones by tree and word."""
    trees, words, width = shape
    dtype = np.dtype(f"u{width // 8}")
    return np.full((count, trees, words), np.iinfo(dtype).max, dtype=dtype)
