"""LightGBM, for both tasks, in its deterministic mode: same data, same seed, same trees, whatever the
machine's core count.
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

# One thread unless the file asks for more: on two busy cores OpenMP's spinning threads made a fit of 8 s
# take 95 s, and the number must be fixed anyway, because the order of floating-point sums depends on it.
THREADS = 1


def split_gain(model: Any) -> np.ndarray:
    return model.booster_.feature_importance(importance_type="gain")


def _lightgbm(task: str, params: Mapping[str, Any], features: Sequence[Feature], seed: int) -> Pipeline:
    from lightgbm import LGBMClassifier, LGBMRegressor
    from sklearn.pipeline import Pipeline

    fixed = {"deterministic": True, "force_row_wise": True, "verbosity": -1, "random_state": seed}
    row_sampling = {"subsample_freq": 1} if params.get("subsample", 1.0) < 1.0 else {}
    kind = LGBMClassifier if task == "classification" else LGBMRegressor
    model = kind(**{"n_jobs": THREADS, **fixed, **row_sampling, **params})
    return Pipeline([("prepare", for_trees(features, impute=False)), ("model", model)])


PARAMETERS = {
    "n_jobs": Parameter(int, low=1, high=64),
    "n_estimators": Parameter(int, low=1, high=5000),
    "learning_rate": Parameter(float, low=1e-4, high=1.0),
    "num_leaves": Parameter(int, low=2, high=1024),
    "max_depth": Parameter(int, low=1, high=30, choices=(-1,)),
    "min_child_samples": Parameter(int, low=1, high=100_000),
    "reg_alpha": Parameter(float, low=0.0, high=1e6),
    "reg_lambda": Parameter(float, low=0.0, high=1e6),
    "colsample_bytree": Parameter(float, low=0.01, high=1.0),
    "subsample": Parameter(float, low=0.05, high=1.0),
    "objective": Parameter(str, choices=("regression", "regression_l1", "huber"), tasks=("regression",)),
}
LIGHTGBM = Algorithm("lightgbm", ("classification", "regression"), PARAMETERS, _lightgbm, split_gain)
