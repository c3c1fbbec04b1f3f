"""Decision trees against scikit-learn's, which split by the same impurity, the best leaf first.

Both take whole-numbered features with a bin for every value, so a threshold lies in the same gap of the
training values, though not always at the same place in it: answers on the training rows are equal, and so are
impurities. Forests draw rows by other random numbers, so their accuracy is compared.

Belongs here: these comparisons. Does not belong here: boosting (`test_trees_against_lightgbm`).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from ml.document import Evaluator
from ml.indb.reference import reference_trees
from ml.indb.tree_importance import importances
from ml.indb.tree_settings import Forest, Growth, TreeRows


def iris() -> tuple[np.ndarray, np.ndarray, pa.Table, TreeRows]:
    """Features in millimetres, a continuous one that parts ties, species, and both as a declared table."""
    from sklearn.datasets import load_iris

    x, y = load_iris(return_X_y=True)
    x = np.column_stack([np.rint(x * 10), np.random.default_rng(0).normal(size=len(x)).round(3)])
    names = tuple(f"x{place}" for place in range(x.shape[1]))
    table = pa.table({**{name: x[:, at] for at, name in enumerate(names)}, "y": y, "id": range(len(y))})
    return x, y, table, TreeRows("t", "y", names, objective="multiclass", key="id")


@pytest.mark.parametrize("leaves", [3, 5, 8])
def test_a_tree_of_classes_is_ginis(leaves):
    from sklearn.tree import DecisionTreeClassifier

    x, y, table, declared = iris()
    theirs = DecisionTreeClassifier(max_leaf_nodes=leaves, min_samples_leaf=3, random_state=0).fit(x, y)
    settings = Forest(1, sample=False, growth=Growth(20, leaves, 3))
    ours = reference_trees(table, declared, settings, "m", most_bins=1000)
    shares = Evaluator(ours.document).table(table).margins
    np.testing.assert_allclose(shares, theirs.predict_proba(x), atol=1e-8)
    gains = np.array([one.gain for one in importances(ours).values()])
    np.testing.assert_allclose(gains / gains.sum(), theirs.feature_importances_, atol=0.03)
    np.testing.assert_allclose(gains.sum(), _impurity(theirs), rtol=1e-8)


def test_a_tree_of_weighted_classes_is_ginis():
    from sklearn.tree import DecisionTreeClassifier

    x, y, table, declared = iris()
    weight = np.random.default_rng(4).integers(0, 400, len(y)) / 100
    theirs = DecisionTreeClassifier(max_leaf_nodes=6, random_state=0)
    theirs.fit(x[weight > 0], y[weight > 0], sample_weight=weight[weight > 0])
    table = table.append_column("w", pa.array(weight))
    settings = Forest(1, sample=False, growth=Growth(20, 6, 1))
    ours = reference_trees(table, replace(declared, weight="w"), settings, "m", most_bins=1000)
    shares = Evaluator(ours.document).table(table).margins
    np.testing.assert_allclose(shares, theirs.predict_proba(x), atol=1e-8)
    gains = [one.gain for one in importances(ours).values()]
    np.testing.assert_allclose(sum(gains), _impurity(theirs), rtol=1e-8)


def _impurity(model) -> float:
    """What all splits take from the Gini impurity, times rows."""
    tree = model.tree_
    weighted = tree.impurity * tree.weighted_n_node_samples
    return float(weighted[0] - weighted[tree.children_left == -1].sum())


@pytest.mark.parametrize("unit", [1, 10])
def test_a_regression_tree_is_the_same(unit):
    from sklearn.tree import DecisionTreeRegressor

    random = np.random.default_rng(1)
    x = random.integers(0, 60, (600, 3)).astype(float)
    y = np.rint(100 * np.sin(x[:, 0] / 9) + 3 * x[:, 1] + random.normal(0, 40, 600))
    w = random.integers(1, 4 * unit, 600) / unit
    theirs = DecisionTreeRegressor(max_leaf_nodes=12, min_samples_leaf=5, random_state=0)
    theirs.fit(x, y, sample_weight=w)
    names = ("a", "b", "c")
    table = pa.table({**{name: x[:, at] for at, name in enumerate(names)}, "y": y, "w": w})
    settings = Forest(1, sample=False, growth=Growth(20, 12, 5))
    ours = reference_trees(table, TreeRows("t", "y", names, weight="w"), settings, "m", most_bins=100)
    got = Evaluator(ours.document).table(table).margins[:, 0]
    np.testing.assert_allclose(got, theirs.predict(x), rtol=1e-6, atol=1e-6)


@pytest.mark.slow
def test_a_forest_of_classes_learns_as_well():
    from sklearn.datasets import load_digits
    from sklearn.ensemble import RandomForestClassifier

    x, y = load_digits(return_X_y=True)
    names = tuple(f"x{place}" for place in range(x.shape[1]) if x[:, place].std() > 0.5)
    x = x[:, [int(name[1:]) for name in names]]
    columns = {name: x[:, at] for at, name in enumerate(names)}
    table = pa.table({**columns, "y": y, "id": range(len(y))})
    train, held = table.slice(0, 900), table.slice(900)
    declared = TreeRows("t", "y", names, objective="multiclass", key="id")
    settings = Forest(20, growth=Growth(12, 120, 1, features=7), seed=4)
    ours = reference_trees(train, declared, settings, "m")
    theirs = RandomForestClassifier(20, max_features=7, max_leaf_nodes=120, random_state=0)
    expected = theirs.fit(x[:900], y[:900]).score(x[900:], y[900:])
    classes = np.argmax(Evaluator(ours.document).table(held).margins, axis=1)
    assert np.mean(classes == y[900:]) > expected - 0.02 > 0.85
