"""Many rows through many trees: the sum of an ensemble, by LightGBM's predictor or NumPy, to the same bits.

Belongs here: the batch form of `trees`. Does not belong here: its row and SQL forms (`ops.trees`), trees as
LightGBM's model text (`tree_text`).

A node's trees become a LightGBM model once, kept as long as the node lives. The predictor compares doubles
and adds leaves from the left, as the document says; what it does otherwise is taken out beforehand:
categories are numbered anew, and rows with sizes up to 1e-35, which it takes for zero, go to NumPy where a
threshold lies among them.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ml.document.ops.missing import ZERO
from ml.document.tree_text import Plan, plan_of

MOST_THREADS = 4
ROWS_A_THREAD = 256
"""Fewer rows than this are quicker in one thread than threads are to wake."""


def ensemble_sum(node: Any, columns: list[np.ndarray]) -> np.ndarray:
    """start + tree 1 + tree 2 + … of every row, added from the left; float64 of shape (rows,)."""
    engine = _engine_of(node)
    if engine is None or not len(columns[0]):
        return numpy_sum(node, columns)
    return engine.total(node, columns)


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
_engines: dict[int, tuple[weakref.ref, _Engine | None]] = {}


def _engine_of(node: Any) -> _Engine | None:
    """The node's engine, made at its first use; None where LightGBM cannot say what the node says."""
    kept = _engines.get(id(node))
    if kept is None or kept[0]() is not node:
        with _lock:
            kept = _engines.get(id(node))
            if kept is None or kept[0]() is not node:
                key = id(node)
                gone = weakref.ref(node, lambda ref: _forget(key, ref))
                kept = _engines[key] = (gone, _made(node))
    return kept[1]


def _forget(key: int, ref: weakref.ref) -> None:
    # The number may already name another node, made since.
    if _engines.get(key, (None,))[0] is ref:
        _engines.pop(key, None)


def _made(node: Any) -> _Engine | None:
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
