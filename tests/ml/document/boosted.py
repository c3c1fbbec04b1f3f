"""Hand-made boosted ensembles and linear models, and rows whose labels follow them.

Belongs here: what the tests of variants share. Does not belong here: fitted models.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from ml.document import Builder, Document, Evaluator, Head, Node
from ml.document.ops.trees import LISTS

INPUTS = ("x", "y", "z", "unused")
SETS = [[0.0, 2.0, 5.0], [1.0, 3.0], [9.0]]


def random_tree(random: Any, depth: int, scale: float) -> dict[str, list[Any]]:
    """A tree over x and y (numbers) and z (small whole numbers, by sets), with leaves of size `scale`."""
    tree: dict[str, list[Any]] = {name: [] for name in LISTS}

    def grow(left: int) -> int:
        place = len(tree["feature"])
        feature = int(random.integers(3)) if left else -1
        by_set = feature == 2
        row = {
            "feature": feature,
            "test": "in" if by_set else ("<=", "<")[int(random.integers(2))],
            "threshold": float(random.integers(2)) if by_set else float(random.normal()),
            "left": 0,
            "right": 0,
            "missing_left": bool(random.integers(2)) if left else False,
            "value": 0.0 if left else float(random.normal() * scale),
            "cover": float(random.integers(1, 50)),
        }
        for name, value in row.items():
            tree[name].append(value)
        if left:
            tree["left"][place] = grow(left - 1)
            tree["right"][place] = grow(left - 1)
        return place

    grow(depth)
    return tree


def boosted(
    scales: list[float], head: str = "sigmoid", seed: int = 0, divide: float | None = None
) -> Document:
    """One tree of depth 3 a scale; margin and decision by `head`."""
    random = np.random.default_rng(seed)
    b = Builder("boosted")
    columns = [b.input(name, "number") for name in INPUTS]
    trees = [random_tree(random, 3, scale) for scale in scales]
    params = {"start": -0.123456789, "trees": trees, "sets": SETS}
    if divide:
        params["divide"] = divide
    margin = b.trees(columns, params, label="margin")
    classes, cut = ((0, 1), 0.0) if head == "sigmoid" else ((), None)
    return b.document([margin], Head(head, classes, cut), {"library": "hand-made"})


def linear(weights: list[float], head: str = "sigmoid") -> Document:
    """A weighted sum over scaled numbers, the last term over an unscaled one, and a table of a category."""
    b = Builder("linear")
    terms = []
    for place, _ in enumerate(weights[:-1]):
        filled = b.impute(b.input(f"x{place}", "number"), 0.25)
        terms.append(b.affine(filled, subtract=0.1, divide=1.7))
    terms.append(b.impute(b.input("raw", "number"), 0.0))
    c = b.input("c", "category")
    indicators = [b.lookup(c, [(text, 1.0)], 0.0, 0.0) for text in "abc"]
    weights = [*weights, 0.31, -0.77, 1.0 / 3.0]
    margin = b.weighted([*terms, *indicators], weights, 0.123456789, label="margin")
    classes, cut = ((0, 1), 0.0) if head == "sigmoid" else ((), None)
    return b.document([margin], Head(head, classes, cut), {"library": "hand-made"})


def node_of(document: Document, op: str) -> Node:
    """The last node with this operation."""
    return [node for node in document.nodes if node.op == op][-1]


def rows(count: int, days: int = 40, seed: int = 1) -> tuple[pa.Table, np.ndarray]:
    """Rows for `boosted` with some missing numbers, and their dates."""
    random = np.random.default_rng(seed)
    columns = {name: random.normal(size=count) for name in INPUTS}
    columns["z"] = random.integers(0, 7, count).astype(float)
    arrays = {name: pa.array(v, mask=random.random(count) < 0.05) for name, v in columns.items()}
    return pa.table(arrays), np.datetime64("2013-09-01") + np.sort(random.integers(0, days, count))


def labels(document: Document, table: pa.Table, seed: int = 2) -> np.ndarray:
    """Labels drawn from what the document says: to it, no other document is better."""
    random = np.random.default_rng(seed)
    score = Evaluator(document).table(table).scores[:, 0]
    if document.head.kind == "sigmoid":
        return (random.random(len(score)) < score).astype(float)
    return score + random.normal(size=len(score))
