"""Hand-made documents: one that uses every operation, a logistic model, trees of any size.

Belongs here: documents that several tests need. Does not belong here: fitted models.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ml.document import Builder, Document, Head

SOURCE = {"library": "hand-made"}
ODD_TEXT = 'it\'s a \\ "quoted" 名前'


def stump(feature: int, threshold: float, left: float, right: float, **fields: Any) -> dict[str, Any]:
    """A tree with one test; `test` and `missing_left` as named."""
    return {
        "feature": [feature, -1, -1],
        "test": [fields.get("test", "<="), "<=", "<="],
        "threshold": [threshold, 0.0, 0.0],
        "left": [1, 0, 0],
        "right": [2, 0, 0],
        "missing_left": [fields.get("missing_left", False), False, False],
        "value": [0.0, left, right],
        "cover": [2.0, 1.0, 1.0],
    }


def every_operation() -> Document:
    """Two numbers, a truth value and a category through all operations, added up; two margins, softmax."""
    b = Builder("every_operation")
    x, y = b.input("x", "number"), b.input("amount in €", "number")
    c, f = b.input("c", "category"), b.input("is_new", "boolean")
    filled, other = b.impute(x, 2.5), b.impute(y, -0.1)
    scaled = b.affine(filled, subtract=2.0, divide=3.0, multiply=0.7, add=-1.1)
    clipped = b.clip(b.bound(y), -3.0, 7.25)
    logged = b.impute(b.log(x, 1.0), 0.0)
    small = b.clip(other, -30.0, 30.0)
    columns = [
        filled, scaled, b.impute(clipped, 1.0), logged, b.product(scaled, other), b.is_missing(y),
        b.lookup(c, [("a", 1.5), (ODD_TEXT, None), ("", 3.0), (" ", -0.7)], 0.25, -0.5),
        *(b.lookup(c, [(text, 1.0)], 0.0, 0.0) for text in ("a", "b", ODD_TEXT)), b.impute(f, 0.0),
        b.node("member", [x], {"values": [1.0, 2.0, 2.0**53]}),
        b.impute(b.node("bucket", [y], {"edges": [-1.0, 0.1, 4.0], "side": "left"}), 0.0),
        b.impute(b.node("bucket", [x], {"edges": [0.0, 0.3], "side": "right"}), 9.0),
        b.node("interpolate", [b.bound(filled)], {"xs": [0.0, 1.0, 4.0], "ys": [0.1, 0.2, 0.9],
                                                  "slopes": [0.1, 0.7 / 3.0]}),
        b.node("truncate", [filled]), b.node("rectify", [scaled]), b.node("tanh", [small]),
        b.node("sigmoid", [small]), b.node("exp", [b.clip(small, -5.0, 5.0)]),
        b.impute(b.node("zero_is_missing", [x]), 1.0),
        b.node("squared_distance", [b.clip(filled, -9.0, 9.0), small], {"center": [0.5, 0.25]}),
        b.node("gaussian", [b.clip(filled, -9.0, 9.0), small],
               {"start": -1.0, "means": [0.1, 0.2], "halves": [0.5, 0.7]}),
    ]  # fmt: skip
    trees = [
        stump(0, 1.5, 0.1, -0.2, missing_left=True),
        stump(1, 0.3, 0.7, -0.9, test="<"),
        stump(1, 0, 0.3, 0.9, test="in"),
        stump(0, 0, 0.01, 0.02, test="in", missing_left=True),
        stump(0, 0.0, 0.11, 0.13, test="known"),
    ]
    columns.append(b.trees([x, y], {"start": 0.5, "trees": trees, "sets": [[1.0, 4.0]], "divide": 3.0}))
    weights = [round(0.1 + 0.37 * place, 3) * (-1) ** place for place in range(len(columns))]
    one = b.weighted([b.bound(column, flush=True) for column in columns], weights, 0.25, label="one")
    two = b.weighted([scaled, other, b.is_missing(x)], [1e-7, -0.3, 2.0], -0.125, label="two")
    return b.document([one, two], Head("softmax", ("no", "yes")), SOURCE)


def logistic() -> Document:
    """A logistic model of two scaled numbers and a category."""
    b = Builder("logistic")
    age = b.affine(b.impute(b.input("age", "number"), 40.0), subtract=41.3, divide=11.7)
    debt = b.affine(b.impute(b.input("debt", "number"), 0.0), divide=350.25)
    kind = b.input("kind", "category")
    shop, web = (b.lookup(kind, [(text, 1.0)], 0.0, 0.0) for text in ("shop", "web"))
    margin = b.weighted([age, debt, shop, web], [0.83, -1.27, 0.31, 0.07], -0.6, label="margin")
    return b.document([margin], Head("sigmoid", (0, 1), 0.0), SOURCE)


def forest(
    trees: int, leaves: int, features: int = 20, seed: int = 0, shape: str = "even", divide: float = 0.0
) -> Document:
    """Random trees of `leaves` leaves over `x0`, `x1`, …, of a shape of `random_tree`."""
    random = np.random.default_rng(seed)
    b = Builder("forest")
    columns = [b.input(f"x{place}", "number") for place in range(features)]
    made = [random_tree(leaves, features, random, shape) for _ in range(trees)]
    params: dict[str, Any] = {"start": 0.1, "trees": made, **({"divide": divide} if divide else {})}
    return b.document([b.trees(columns, params, label="margin")], Head("sigmoid", (0, 1), 0.0), SOURCE)


def random_tree(leaves: int, features: int, random: Any, shape: str = "even") -> dict[str, list[Any]]:
    """A tree grown leaf by leaf. `even`: an old leaf is split, so it is about log2(leaves) deep; `ragged`:
    any leaf, so some branches are several times as deep; `chain`: the newest, so it is `leaves` - 1 deep.
    """
    tree: dict[str, list[Any]] = {key: [value] for key, value in _leaf(random).items()}
    waiting = [0]
    while len(tree["feature"]) < 2 * leaves - 1:
        oldest = {"even": min(len(waiting), 3), "ragged": len(waiting), "chain": 1}[shape]
        place = waiting.pop(-1 if shape == "chain" else int(random.integers(oldest)))
        first = len(tree["feature"])
        for _ in range(2):
            for key, value in _leaf(random).items():
                tree[key].append(value)
        split = {
            "feature": int(random.integers(features)),
            "test": ("<=", "<")[int(random.integers(2))],
            "threshold": float(random.normal()),
            "left": first,
            "right": first + 1,
            "missing_left": bool(random.integers(2)),
        }
        for key, value in split.items():
            tree[key][place] = value
        waiting += [first, first + 1]
    return tree


def _leaf(random: Any) -> dict[str, Any]:
    return {
        "feature": -1, "test": "<=", "threshold": 0.0, "left": 0, "right": 0, "missing_left": False,
        "value": float(random.normal() / 10), "cover": 1.0,
    }  # fmt: skip


def weights_by_hand(values: Sequence[float]) -> Document:
    """A weighted sum of one number a weight, start 0.1."""
    b = Builder("weights")
    columns = [b.impute(b.input(f"x{place}", "number"), 0.5) for place in range(len(values))]
    return b.document([b.weighted(columns, values, 0.1, label="margin")], Head("identity"), SOURCE)
