"""scikit-learn's gradient boosting on exact splits, for both tasks. It takes no missing value, so numbers
are imputed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ml.algorithms.preprocessing import for_trees
from ml.algorithms.registry import Algorithm, Parameter
from ml.algorithms.tree import impurity_gain

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

    from ml.spec_fields import Feature


def _gradient_boosting(
    task: str, params: Mapping[str, Any], features: Sequence[Feature], seed: int
) -> Pipeline:
    from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor
    from sklearn.pipeline import Pipeline

    kind = GradientBoostingClassifier if task == "classification" else GradientBoostingRegressor
    model = kind(random_state=seed, **params)
    return Pipeline([("prepare", for_trees(features, impute=True)), ("model", model)])


PARAMETERS = {
    "n_estimators": Parameter(int, low=1, high=2000),
    "learning_rate": Parameter(float, low=1e-4, high=1.0),
    "max_depth": Parameter(int, low=1, high=12),
    "min_samples_leaf": Parameter(int, low=1, high=100_000),
    "subsample": Parameter(float, low=0.05, high=1.0),
    "max_features": Parameter(float, low=0.01, high=1.0, choices=(None, "sqrt", "log2")),
}
GRADIENT_BOOSTING = Algorithm(
    "gradient_boosting", ("classification", "regression"), PARAMETERS, _gradient_boosting, impurity_gain
)
