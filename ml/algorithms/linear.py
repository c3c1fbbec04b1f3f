"""Linear regression: ordinary least squares (`linear`) and with a squared penalty (`ridge`). Regression
only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ml.algorithms.preprocessing import for_linear
from ml.algorithms.registry import Algorithm, Parameter

if TYPE_CHECKING:
    import numpy as np
    from sklearn.pipeline import Pipeline

    from ml.spec_fields import Feature


def absolute_coefficients(model: Any) -> np.ndarray:
    import numpy as np

    return np.abs(np.ravel(model.coef_))


def _pipeline(features: Sequence[Feature], model: Any) -> Pipeline:
    from sklearn.pipeline import Pipeline

    return Pipeline([("prepare", for_linear(features)), ("model", model)])


def _linear(task: str, params: Mapping[str, Any], features: Sequence[Feature], seed: int) -> Pipeline:
    from sklearn.linear_model import LinearRegression

    # scikit-learn 1.9 cuts singular values off at tol=1e-6 by default, which loses digits on ill-
    # conditioned columns.
    return _pipeline(features, LinearRegression(tol=1e-12, **params))


def _ridge(task: str, params: Mapping[str, Any], features: Sequence[Feature], seed: int) -> Pipeline:
    from sklearn.linear_model import Ridge

    return _pipeline(
        features, Ridge(solver="sparse_cg", tol=1e-8, max_iter=2000, random_state=seed, **params)
    )


LINEAR = Algorithm("linear", ("regression",), {}, _linear, absolute_coefficients)
RIDGE = Algorithm(
    "ridge", ("regression",), {"alpha": Parameter(float, low=0.0, high=1e6)}, _ridge, absolute_coefficients
)
