"""Logistic regression with a squared penalty. Classification only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ml.algorithms.linear import absolute_coefficients
from ml.algorithms.preprocessing import for_linear
from ml.algorithms.registry import Algorithm, Parameter

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

    from ml.spec_fields import Feature


def _logistic(task: str, params: Mapping[str, Any], features: Sequence[Feature], seed: int) -> Pipeline:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline

    model = LogisticRegression(solver="lbfgs", max_iter=500, random_state=seed, **params)
    return Pipeline([("prepare", for_linear(features)), ("model", model)])


PARAMETERS = {
    "C": Parameter(float, low=1e-6, high=1e6),
    "class_weight": Parameter(str, choices=(None, "balanced")),
}
LOGISTIC = Algorithm("logistic", ("classification",), PARAMETERS, _logistic, absolute_coefficients)
