"""Many rows through many trees: the sum of an ensemble, by NumPy.

Belongs here: the batch form of `trees`. Does not belong here: the row and SQL forms (`ml.document.ops.trees`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np


def ensemble_sum(node: Any, columns: list[np.ndarray]) -> np.ndarray:
    """start + tree 1 + tree 2 + … of every row, added from the left; float64 of shape (rows,)."""
    return numpy_sum(node, columns)


def numpy_sum(node: Any, columns: list[np.ndarray]) -> np.ndarray:
    """As `ensemble_sum`, by NumPy alone: all rows walk one tree together, a level at a time."""
    matrix = np.stack(columns, axis=1) if columns else np.empty((0, 0))
    total = np.full(len(matrix), float(node.params["start"]))
    for tree in node.params["trees"]:
        total = total + _leaves(tree, matrix, node.params.get("sets", []))
    return total


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
