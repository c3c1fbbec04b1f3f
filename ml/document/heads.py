"""From margins to an answer: probabilities, values, and the class, in the three forms that agree.

A score is missing where its own margin is (softmax: where one of them is), a decision where one margin is.
The class is decided on the margin, never on a rounded probability. Belongs here: the heads. Does not belong
here: the margins.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ml.document.ops.activation import each, exponential, exponential_sql, sigmoid, sigmoid_sql

if TYPE_CHECKING:
    from ml.document.schema import Head
    from warehouse.client.dialect import Dialect

LOWEST = -700.0
"""Log weights further than this below the largest count as this far: exp stays clear of underflow."""


def cut_of(threshold: float) -> float:
    """The smallest margin whose sigmoid is at least `threshold`, in (0, 1): deciding on either is one."""
    low, high = -750.0, 750.0
    while True:
        middle = low + (high - low) / 2
        if middle in (low, high):
            return high
        low, high = (low, middle) if sigmoid(middle) >= threshold else (middle, high)


def _softmax(margins: list[float]) -> list[float]:
    top = max(margins)
    weights = [math.exp(max(margin - top, LOWEST)) for margin in margins]
    total = 0.0
    for weight in weights:
        total = total + weight
    return [weight / total for weight in weights]


def _cut(head: Head) -> float:
    return DEFAULT_CUTS[head.kind] if head.cut is None else head.cut


def _decided(head: Head, margins: list[float]) -> int:
    """Decision of one row; -1 where a margin is missing, or the head has none."""
    if head.kind not in DECIDING or any(margin != margin for margin in margins):
        return -1
    if len(margins) == 1 and head.kind in DEFAULT_CUTS:
        return int(margins[0] >= _cut(head))
    return margins.index(min(margins) if head.kind == "nearest" else max(margins))


def _row_head(head: Head) -> Callable[[list[float]], tuple[list[float], int]]:
    def answer(margins: list[float]) -> tuple[list[float], int]:
        if head.kind == "softmax":
            missing = any(margin != margin for margin in margins)
            scores = [math.nan] * len(margins) if missing else _softmax(margins)
        elif head.kind in FUNCTIONS:
            scores = [FUNCTIONS[head.kind](margin) for margin in margins]
        else:
            scores = margins
        return scores, _decided(head, margins)

    return answer


FUNCTIONS = {"sigmoid": sigmoid, "exp": exponential}
DEFAULT_CUTS = {"sigmoid": 0.0, "margin": 0.0, "probability": 0.5}
DECIDING = ("sigmoid", "margin", "probability", "softmax", "nearest")
ROW_HEADS = dict.fromkeys(("identity", "exp", *DECIDING), _row_head)


def batch_head(head: Head, margins: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scores (rows, s) and decision (rows,) of margins (rows, k)."""
    decision = np.full(len(margins), -1, dtype=np.int64)
    whole = ~np.isnan(margins).any(axis=1)
    if head.kind in DEFAULT_CUTS and margins.shape[1] == 1:
        decision[whole] = margins[whole, 0] >= _cut(head)
    elif head.kind in DECIDING:
        best = np.argmin if head.kind == "nearest" else np.argmax
        decision[whole] = best(margins[whole], axis=1)
    scores = margins
    if head.kind == "softmax":
        scores = np.full(margins.shape, np.nan)
        for place in np.flatnonzero(whole):
            scores[place] = _softmax(margins[place].tolist())
    elif head.kind in FUNCTIONS:
        scores = np.stack([each(FUNCTIONS[head.kind], column) for column in margins.T], axis=1)
    return scores, decision


def head_sql(head: Head, margins: list[str], dialect: Dialect) -> tuple[list[str], str]:
    """Expressions of the scores and of the decision (class by position, NULL where there is none)."""
    scores = margins
    if head.kind == "softmax":
        scores = _softmax_sql(margins, dialect)
    elif head.kind in FUNCTIONS:
        function = sigmoid_sql if head.kind == "sigmoid" else exponential_sql
        scores = [function(margin, dialect) for margin in margins]
    if head.kind not in DECIDING:
        return scores, f"cast(null as {dialect.whole})"
    if head.kind in DEFAULT_CUTS and len(margins) == 1:
        cut = dialect.number(_cut(head))
        return scores, f"case when {margins[0]} >= {cut} then 1 when {margins[0]} is not null then 0 end"
    sign = "<=" if head.kind == "nearest" else ">="
    branches = [
        f"when {' and '.join(f'{margin} {sign} {other}' for other in margins)} then {place}"
        for place, margin in enumerate(margins)
    ]
    return scores, f"case {' '.join(branches)} end"


def _softmax_sql(margins: list[str], dialect: Dialect) -> list[str]:
    top = f"greatest({', '.join(margins)})"
    present = " and ".join(f"{margin} is not null" for margin in margins)
    weights = [f"exp(greatest({margin} - {top}, {dialect.number(LOWEST)}))" for margin in margins]
    total = f"({' + '.join([dialect.number(0.0), *weights])})"
    return [f"case when {present} then {weight} / {total} end" for weight in weights]


def scores_named(count: int, name: str = "score") -> list[Any]:
    """Column names of margins or scores: `score`, or `score_0`, `score_1`, …"""
    return [name] if count == 1 else [f"{name}_{place}" for place in range(count)]
