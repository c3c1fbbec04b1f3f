"""A random forest, for both tasks. Missing numbers take their own branch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ml.algorithms.preprocessing import for_trees
from ml.algorithms.registry import Algorithm, Parameter
from ml.algorithms.tree import PARAMETERS as TREE_PARAMETERS
from ml.algorithms.tree import impurity_gain

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

    from ml.spec_fields import Feature


def _forest(task: str, params: Mapping[str, Any], features: Sequence[Feature], seed: int) -> Pipeline:
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
    from sklearn.pipeline import Pipeline

    kind = RandomForestClassifier if task == "classification" else RandomForestRegressor
    # The trees are seeded one by one, so the result does not depend on n_jobs.
    model = kind(random_state=seed, n_jobs=2, **params)
    return Pipeline([("prepare", for_trees(features, impute=False)), ("model", model)])


PARAMETERS = {
    **TREE_PARAMETERS,
    "n_estimators": Parameter(int, low=1, high=1000),
    "max_features": Parameter(float, low=0.01, high=1.0, choices=("sqrt", "log2")),
    "max_samples": Parameter(float, low=0.01, high=1.0, choices=(None,)),
}
FOREST = Algorithm("forest", ("classification", "regression"), PARAMETERS, _forest, impurity_gain)
