"""Many rows through many trees: the sum of an ensemble, by whichever engine is quickest, to the same bits.

Belongs here: the batch form of `trees`. Does not belong here: its row and SQL forms (`ops.trees`), trees as
sets of bits (`bit_tables`, `tree_bits`), trees as LightGBM's model text (`tree_text`).

Many rows of small trees are answered by sets of bits; few rows, and large trees, by LightGBM's predictor;
what neither takes by NumPy. An engine is made at a node's first use and kept as long as the node lives.
LightGBM's predictor compares doubles and adds leaves from the left, as the document says; what it does
otherwise is taken out beforehand: categories are numbered anew, and rows with sizes up to 1e-35, which it
takes for zero, go to NumPy where a threshold lies among them.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from ml.document.bit_tables import bit_trees
from ml.document.ops.missing import ZERO
from ml.document.tree_bits import ROWS, BitTrees
from ml.document.tree_text import Plan, plan_of

MOST_THREADS = 4
ROWS_A_THREAD = 256
"""Fewer rows than this are quicker in one thread than threads are to wake."""

BIT_ROWS = 512
"""From so many rows on sets of bits are quicker than LightGBM: their calls of NumPy cost a millisecond or two
whatever the rows."""


def ensemble_sum(node: Any, columns: list[np.ndarray]) -> np.ndarray:
    """start + tree 1 + tree 2 + … of every row, added from the left; float64 of shape (rows,)."""
    rows = len(columns[0])
    bits = _engine_of(node, _bits) if rows >= BIT_ROWS else None
    if bits is not None:
        return _in_threads(bits, columns)
    engine = _engine_of(node, _lightgbm) if rows else None
    return numpy_sum(node, columns) if engine is None else engine.total(node, columns)


def _in_threads(bits: BitTrees, columns: list[np.ndarray]) -> np.ndarray:
    """The sums by sets of bits; NumPy works on the parts of several threads at once."""
    rows = len(columns[0])
    threads = min(_threads(rows), -(-rows // ROWS))
    if threads == 1:
        return bits.total(columns)
    size = -(-rows // threads)
    parts = [[x[first : first + size] for x in columns] for first in range(0, rows, size)]
    with ThreadPoolExecutor(threads) as pool:  # made anew: one kept would not survive a fork
        return np.concatenate(list(pool.map(bits.total, parts)))


def numpy_sum(node: Any, columns: list[np.ndarray]) -> np.ndarray:
    """As `ensemble_sum`, by NumPy alone: all rows walk one tree together, a level at a time."""
    matrix = np.stack(columns, axis=1) if columns else np.empty((0, 0))
    total = np.full(len(matrix), float(node.params["start"]))
    for tree in node.params["trees"]:
        total = total + _leaves(tree, matrix, node.params.get("sets", []))
    return total


@dataclass(frozen=True)
class _Engine:
    """A node as a LightGBM model. Holds no state of a call: its predictor may run in several threads."""

    booster: Any
    plan: Plan

    def total(self, node: Any, columns: list[np.ndarray]) -> np.ndarray:
        """The sums of all rows."""
        matrix = np.empty((len(columns[0]), len(self.plan.slots)))
        odd = np.zeros(len(matrix), dtype=bool)
        for place, slot in enumerate(self.plan.slots):
            x = columns[slot.operand]
            matrix[:, place] = x if slot.codes is None else _numbered(x, slot.codes)
            if slot.splits_zero:
                odd |= (np.abs(x) <= ZERO) & (x != 0.0)
        total = self.booster.predict(matrix, raw_score=True, num_threads=_threads(len(matrix)))
        if odd.any():
            total[odd] = numpy_sum(node, [np.asarray(x)[odd] for x in columns])
        return total


def _numbered(x: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """The position of each x among the sorted `codes`; behind them a number for missing, one for the rest."""
    place = np.minimum(np.searchsorted(codes, x), len(codes) - 1)
    found = np.where(codes[place] == x, place, len(codes) + 1)
    return np.where(np.isnan(x), len(codes), found)


def _threads(rows: int) -> int:
    available = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    return min(len(available), MOST_THREADS, 1 + rows // ROWS_A_THREAD)


_lock = threading.Lock()
_engines: dict[tuple[int, Callable], tuple[weakref.ref, Any]] = {}


def _engine_of(node: Any, make: Callable[[Any], Any]) -> Any:
    """What `make` makes of the node, made at its first use; None where it cannot say what the node says."""
    key = (id(node), make)
    kept = _engines.get(key)
    if kept is None or kept[0]() is not node:
        with _lock:
            kept = _engines.get(key)
            if kept is None or kept[0]() is not node:
                gone = weakref.ref(node, lambda ref: _forget(key, ref))
                kept = _engines[key] = (gone, make(node))
    return kept[1]


def _forget(key: tuple[int, Callable], ref: weakref.ref) -> None:
    # The number may already name another node, made since.
    if _engines.get(key, (None,))[0] is ref:
        _engines.pop(key, None)


def _bits(node: Any) -> BitTrees | None:
    return bit_trees(node.params)


def _lightgbm(node: Any) -> _Engine | None:
    try:
        import lightgbm
    except ImportError:
        return None
    plan = plan_of(node)
    return None if plan is None else _Engine(lightgbm.Booster(model_str=plan.text), plan)


def _leaves(tree: Mapping[str, Any], matrix: np.ndarray, sets: list[list[float]]) -> np.ndarray:
    feature, left, right = (np.asarray(tree[key]) for key in ("feature", "left", "right"))
    threshold, missing_left = np.asarray(tree["threshold"], float), np.asarray(tree["missing_left"], bool)
    test = np.asarray(tree["test"])
    place = np.zeros(len(matrix), dtype=np.intp)
    moving = np.flatnonzero(feature[place] != -1)
    while len(moving):
        at = place[moving]
        x = matrix[moving, feature[at]]
        goes_left = np.where(test[at] == "<", x < threshold[at], x <= threshold[at])
        goes_left |= test[at] == "known"
        for number in np.unique(threshold[at][test[at] == "in"]):
            here = (test[at] == "in") & (threshold[at] == number)
            goes_left[here] = np.isin(x[here], sets[int(number)])
        goes_left = np.where(np.isnan(x), missing_left[at], goes_left)
        place[moving] = np.where(goes_left, left[at], right[at])
        moving = moving[feature[place[moving]] != -1]
    return np.asarray(tree["value"], float)[place]
