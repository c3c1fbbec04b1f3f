"""scikit-learn's histogram gradient boosting, for both tasks. Missing numbers and unseen categories take
the missing branch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ml.algorithms.preprocessing import for_trees
from ml.algorithms.registry import Algorithm, Parameter

if TYPE_CHECKING:
    import numpy as np
    from sklearn.pipeline import Pipeline

    from ml.spec_fields import Feature


def split_gain(model: Any) -> np.ndarray:
    """Gain of all splits by column. scikit-learn offers no such attribute for this model, so it is read
    from the nodes.
    """
    import numpy as np

    gain = np.zeros(model.n_features_in_)
    for iteration in model._predictors:
        for predictor in iteration:
            splits = predictor.nodes[predictor.nodes["is_leaf"] == 0]
            np.add.at(gain, splits["feature_idx"].astype(np.intp), np.maximum(splits["gain"], 0.0))
    return gain


def _hist(task: str, params: Mapping[str, Any], features: Sequence[Feature], seed: int) -> Pipeline:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.pipeline import Pipeline

    kind = HistGradientBoostingClassifier if task == "classification" else HistGradientBoostingRegressor
    # No early stopping: it would hold out random rows, that is rows of the same days.
    model = kind(random_state=seed, early_stopping=False, **params)
    return Pipeline([("prepare", for_trees(features, impute=False)), ("model", model)])


PARAMETERS = {
    "max_iter": Parameter(int, low=1, high=5000),
    "learning_rate": Parameter(float, low=1e-4, high=1.0),
    "max_leaf_nodes": Parameter(int, low=2, high=1024),
    "max_depth": Parameter(int, low=1, high=30, choices=(None,)),
    "min_samples_leaf": Parameter(int, low=1, high=100_000),
    "l2_regularization": Parameter(float, low=0.0, high=1e6),
    "max_features": Parameter(float, low=0.01, high=1.0),
    "loss": Parameter(str, choices=("squared_error", "absolute_error"), tasks=("regression",)),
}
HIST_GRADIENT_BOOSTING = Algorithm(
    "hist_gradient_boosting", ("classification", "regression"), PARAMETERS, _hist, split_gain
)
