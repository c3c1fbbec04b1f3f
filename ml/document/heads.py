"""From margins to an answer: probabilities, values, and the class, in the three forms that agree.

Belongs here: the heads. Does not belong here: the margins. The class is decided on the margin, never on a
rounded probability.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ml.document.ops.activation import each, exponential, exponential_sql, sigmoid, sigmoid_sql

if TYPE_CHECKING:
    from ml.document.dialect import Dialect
    from ml.document.schema import Head

LOWEST = -700.0
"""Log weights further than this below the largest count as this far: exp stays clear of underflow."""


def cut_of(threshold: float) -> float:
    """The smallest margin whose sigmoid is at least `threshold`, in (0, 1): deciding on either is the same."""
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


def _first(values: list[float], best: Callable[[list[float]], float]) -> int:
    return values.index(best(values))


def _scored(head: Head, margins: list[float]) -> tuple[list[float], int]:
    """Scores and decision of one row whose margins are all there."""
    if head.kind == "sigmoid":
        cut = 0.0 if head.cut is None else head.cut
        return [sigmoid(margins[0])], int(margins[0] >= cut)
    if head.kind == "probability":
        if len(margins) == 1:
            cut = 0.5 if head.cut is None else head.cut
            return margins, int(margins[0] >= cut)
        return margins, _first(margins, max)
    if head.kind == "softmax":
        return _softmax(margins), _first(margins, max)
    if head.kind == "nearest":
        return margins, _first(margins, min)
    if head.kind == "exp":
        return [exponential(margin) for margin in margins], -1
    return margins, -1


def _row_head(head: Head) -> Callable[[list[float]], tuple[list[float], int]]:
    def answer(margins: list[float]) -> tuple[list[float], int]:
        if any(margin != margin for margin in margins):
            return [math.nan] * len(margins), -1
        return _scored(head, margins)

    return answer


ROW_HEADS = dict.fromkeys(("identity", "exp", "sigmoid", "probability", "softmax", "nearest"), _row_head)


def batch_head(head: Head, margins: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scores (rows, s) and decision (rows,) of margins (rows, k)."""
    decision = np.full(len(margins), -1, dtype=np.int64)
    whole = ~np.isnan(margins).any(axis=1)
    if head.kind in ("sigmoid", "probability") and margins.shape[1] == 1:
        default = 0.0 if head.kind == "sigmoid" else 0.5
        cut = default if head.cut is None else head.cut
        decision[whole] = margins[whole, 0] >= cut
        scores = each(sigmoid, margins[:, 0])[:, None] if head.kind == "sigmoid" else margins
        return scores, decision
    if head.kind in ("identity", "exp"):
        return (margins if head.kind == "identity" else _elementwise(exponential, margins)), decision
    best = np.argmin if head.kind == "nearest" else np.argmax
    decision[whole] = best(margins[whole], axis=1)
    scores = np.where(whole[:, None], margins, np.nan)
    if head.kind == "softmax":
        scores = scores.copy()
        scores[whole] = [_softmax(row) for row in margins[whole].tolist()]
    return scores, decision


def _elementwise(function: Callable[[float], float], margins: np.ndarray) -> np.ndarray:
    return np.stack([each(function, column) for column in margins.T], axis=1)


def head_sql(head: Head, margins: list[str], dialect: Dialect) -> tuple[list[str], str]:
    """Expressions of the scores and of the decision (class by position, NULL where there is none)."""
    if head.kind in ("sigmoid", "probability") and len(margins) == 1:
        default = 0.0 if head.kind == "sigmoid" else 0.5
        cut = dialect.number(default if head.cut is None else head.cut)
        score = sigmoid_sql(margins[0], dialect) if head.kind == "sigmoid" else margins[0]
        return [score], f"case when {margins[0]} >= {cut} then 1 when {margins[0]} is not null then 0 end"
    if head.kind == "identity":
        return margins, "cast(null as integer)"
    if head.kind == "exp":
        return [exponential_sql(margin, dialect) for margin in margins], "cast(null as integer)"
    sign = "<=" if head.kind == "nearest" else ">="
    branches = [
        f"when {' and '.join(f'{margin} {sign} {other}' for other in margins)} then {place}"
        for place, margin in enumerate(margins)
    ]
    decision = f"case {' '.join(branches)} end"
    return (_softmax_sql(margins, dialect) if head.kind == "softmax" else margins), decision


def _softmax_sql(margins: list[str], dialect: Dialect) -> list[str]:
    top = f"greatest({', '.join(margins)})"
    present = " and ".join(f"{margin} is not null" for margin in margins)
    weights = [f"exp(greatest({margin} - {top}, {dialect.number(LOWEST)}))" for margin in margins]
    total = f"({' + '.join([dialect.number(0.0), *weights])})"
    return [f"case when {present} then {weight} / {total} end" for weight in weights]


def scores_named(count: int, name: str = "score") -> list[Any]:
    """Column names of margins or scores: `score`, or `score_0`, `score_1`, …"""
    return [name] if count == 1 else [f"{name}_{place}" for place in range(count)]
