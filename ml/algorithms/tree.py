"""A single decision tree, for both tasks. Missing numbers take their own branch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ml.algorithms.preprocessing import for_trees
from ml.algorithms.registry import Algorithm, Parameter

if TYPE_CHECKING:
    import numpy as np
    from sklearn.pipeline import Pipeline

    from ml.spec_fields import Feature


def impurity_gain(model: Any) -> np.ndarray:
    return model.feature_importances_


def _tree(task: str, params: Mapping[str, Any], features: Sequence[Feature], seed: int) -> Pipeline:
    from sklearn.pipeline import Pipeline
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    kind = DecisionTreeClassifier if task == "classification" else DecisionTreeRegressor
    model = kind(random_state=seed, **params)
    return Pipeline([("prepare", for_trees(features, impute=False)), ("model", model)])


PARAMETERS = {
    "max_depth": Parameter(int, low=1, high=30, choices=(None,)),
    "min_samples_leaf": Parameter(int, low=1, high=100_000),
    "max_leaf_nodes": Parameter(int, low=2, high=100_000, choices=(None,)),
}
TREE = Algorithm("tree", ("classification", "regression"), PARAMETERS, _tree, impurity_gain)
