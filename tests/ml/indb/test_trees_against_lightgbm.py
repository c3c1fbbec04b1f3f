"""Split for split against LightGBM in its deterministic mode, where both grow the same tree.

They do with squared loss, no shrinkage, a bin for every value, the same least rows. A threshold may stand
anywhere in the gap between two values, and missing values may go anywhere where there are none, so what is
compared is the feature of each node, the rows on its two sides, and the answers.

Boosting gives the same partitions tree after tree, with answers to seven digits, since LightGBM keeps
gradients in float32 and breaks exact ties (two features that part the rows alike) by its rounding. Three of
its habits make other trees, and are kept out of the comparison: with a penalty, a feature that gains nothing
in a node is not tried below it; with logistic loss it estimates a child's rows from second derivatives, which
matters where children are as small as the least; categories have smoothing of their own.

Belongs here: this comparison. Does not belong here: the importer of LightGBM.
"""

from __future__ import annotations

import numpy as np
import pytest

from ml.document import Evaluator, Input
from ml.document.importers import import_estimator
from ml.indb.reference import reference_trees
from ml.indb.tree_settings import Boosting, Growth, TreeRows

NAMES = ("x", "z", "u")
DEPTH, LEAST = 5, 10


def rows(missing: float, count: int = 1500) -> tuple[np.ndarray, np.ndarray]:
    """Features of whole and half numbers, some missing, and a label of whole numbers."""
    random = np.random.default_rng(11)
    x = np.stack([random.integers(-90, 90, count) / 2, random.integers(1, 30, count), random.random(count)])
    x[2] = np.round(x[2], 2) + 1.0
    y = np.rint(40 * x[0] + 900 * np.sin(x[1]) + 500 * x[2] + random.normal(0, 700, count))
    x[random.random(x.shape) < missing] = np.nan
    y[np.isnan(x[1])] += 800
    return x.T.astype(float), y


def both(x: np.ndarray, y: np.ndarray, rounds: int, depth: int = DEPTH, leaves: int = 2**DEPTH, **changed):
    """The documents of LightGBM and of ours, and the rows as Arrow."""
    import lightgbm
    import pyarrow as pa

    rate = changed.get("learning_rate", 1.0)
    kind = lightgbm.LGBMRegressor if "objective" not in changed else lightgbm.LGBMClassifier
    options = {
        "n_estimators": rounds, "num_leaves": leaves, "max_depth": depth, "min_child_samples": LEAST,
        "min_child_weight": 0.0, "learning_rate": rate, "max_bin": 1000, "min_data_in_bin": 1, "n_jobs": 1,
        "reg_lambda": changed.get("l2", 0.0), "deterministic": True, "force_col_wise": True, "verbose": -1,
        "enable_bundle": False, "feature_pre_filter": False,
    }  # fmt: skip
    theirs = import_estimator(kind(**options).fit(x, y), [Input(name, "number") for name in NAMES], name="m")
    table = pa.table({**{name: x[:, at] for at, name in enumerate(NAMES)}, "y": y})
    declared = TreeRows("t", "y", numbers=NAMES, objective=changed.get("objective", "regression"))
    growth = Growth(depth, leaves, LEAST, l2=changed.get("l2", 0.0))
    settings = Boosting(rounds, learning_rate=rate, growth=growth)
    return theirs, reference_trees(table, declared, settings, "m", most_bins=1000).document, table


def splits(document, x: np.ndarray) -> list[list[tuple]]:
    """By tree, in order from the root: feature, the rows on the left and on the right."""
    (node,) = [node for node in document.nodes if node.op == "trees"]
    return [_of_tree(tree, node.inputs, x) for tree in node.params["trees"]]


def _of_tree(tree, operands, x: np.ndarray) -> list[tuple]:
    held, found = {0: np.arange(len(x))}, []
    for place, feature in enumerate(tree["feature"]):
        if feature == -1:
            continue
        here = held[place]
        column = x[here, NAMES.index(operands[feature])]
        test, threshold = tree["test"][place], tree["threshold"][place]
        goes = ~np.isnan(column) if test == "known" else column <= threshold
        goes = np.where(np.isnan(column), tree["missing_left"][place], goes).astype(bool)
        held[tree["left"][place]], held[tree["right"][place]] = here[goes], here[~goes]
        found.append((operands[feature], here[goes].tolist(), here[~goes].tolist()))
    return found


@pytest.mark.parametrize("missing", [0.0, 0.15])
@pytest.mark.parametrize("l2", [0.0, 3.0])
def test_one_tree_is_the_same(missing, l2):
    x, y = rows(missing)
    y -= np.rint(y.mean())
    theirs, ours, table = both(x, y, 1, l2=l2)
    assert splits(theirs, x) == splits(ours, x)
    assert len(splits(ours, x)[0]) > 15
    expected, got = (Evaluator(one).table(table).margins for one in (theirs, ours))
    np.testing.assert_allclose(got, expected, rtol=1e-6)


@pytest.mark.parametrize("leaves", [2, 7, 13])
def test_leaves_are_split_in_the_same_order(leaves):
    x, y = rows(0.15)
    theirs, ours, _ = both(x, y, 1, depth=20, leaves=leaves)
    assert splits(theirs, x) == splits(ours, x)
    assert len(splits(ours, x)[0]) == leaves - 1


def partitions(trees: list[list[tuple]]) -> list[set]:
    """By tree, the pairs of rows that some node parts, whatever the feature and the side."""
    return [{frozenset((frozenset(low), frozenset(high))) for _, low, high in tree} for tree in trees]


@pytest.mark.parametrize(("changed", "depth"), [({}, DEPTH), ({"objective": "binary"}, 3)])
def test_boosting_parts_rows_alike(changed, depth):
    x, y = rows(0.15)
    label = (y > 400).astype(int) if changed else y
    theirs, ours, table = both(x, label, 8, depth=depth, learning_rate=0.3, **changed)
    assert partitions(splits(theirs, x)) == partitions(splits(ours, x))
    expected, got = (Evaluator(one).table(table).margins for one in (theirs, ours))
    np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-6)
