"""Linear models: least squares and its penalised kin, generalised linear models, linear classifiers.

Where scikit-learn decides for the second class above 0, the document's cut is the smallest double above 0.
Belongs here: models whose margins are weighted sums of their columns.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ml.document.build import Builder
from ml.document.importers.reading import numbers, plain, refused, rows, same_count
from ml.document.schema import DocumentError, Head

ABOVE_ZERO = 5e-324
REGRESSIONS = (
    "LinearRegression", "Ridge", "RidgeCV", "Lasso", "LassoCV", "ElasticNet", "ElasticNetCV", "Lars",
    "LarsCV", "LassoLars", "LassoLarsCV", "LassoLarsIC", "OrthogonalMatchingPursuit",
    "OrthogonalMatchingPursuitCV", "BayesianRidge", "ARDRegression", "HuberRegressor", "TheilSenRegressor",
    "QuantileRegressor", "SGDRegressor", "PassiveAggressiveRegressor", "LinearSVR",
    "MultiTaskLasso", "MultiTaskElasticNet", "MultiTaskLassoCV", "MultiTaskElasticNetCV",
)  # fmt: skip
MARGIN_CLASSIFIERS = (
    "RidgeClassifier", "RidgeClassifierCV", "LinearSVC", "Perceptron", "PassiveAggressiveClassifier",
)  # fmt: skip


def sums(builder: Builder, model: Any, columns: list[str]) -> list[str]:
    """intercept + Σ coefficient · column, one for each row of the coefficients."""
    weights = rows(model.coef_)
    same_count(model, len(weights[0]), columns)
    starts = numbers(model.intercept_)
    starts = starts * len(weights) if len(starts) == 1 else starts
    labels = ["margin"] if len(weights) == 1 else [f"margin_{place}" for place in range(len(weights))]
    return [
        builder.weighted(columns, row, start, label=label)
        for row, start, label in zip(weights, starts, labels, strict=True)
    ]


def classes_of(model: Any, coefficients: Any = None) -> tuple[Any, ...]:
    """A classifier's classes by position; with its coefficients, that there is one row a class, or one row
    for two classes.

    Raises:
        DocumentError: several labels a row.
    """
    count = len(model.classes_)
    is_odd = coefficients is not None and len(rows(coefficients)) != (1 if count == 2 else count)
    if is_odd or count < 2 or any(np.ndim(part) for part in model.classes_):
        raise DocumentError(
            f"{type(model).__name__} has classes {list(model.classes_)!r}; allowed: one label a row, two or "
            "more classes."
        )
    return plain(model.classes_)


def _regression(builder: Builder, model: Any, columns: list[str]) -> tuple[list[str], Head]:
    return sums(builder, model, columns), Head("identity")


def _logistic(builder: Builder, model: Any, columns: list[str]) -> tuple[list[str], Head]:
    """Log odds of the second class; with more classes their log weights."""
    classes = classes_of(model, model.coef_)
    if len(classes) == 2:
        return sums(builder, model, columns), Head("sigmoid", classes, ABOVE_ZERO)
    return sums(builder, model, columns), Head("softmax", classes)


def _margin(builder: Builder, model: Any, columns: list[str]) -> tuple[list[str], Head]:
    """A margin that decides and is no probability."""
    classes = classes_of(model, model.coef_)
    cut = ABOVE_ZERO if len(classes) == 2 else None
    return sums(builder, model, columns), Head("margin", classes, cut)


def _sgd(builder: Builder, model: Any, columns: list[str]) -> tuple[list[str], Head]:
    """Log odds for the logistic loss and two classes; else a margin, one against the rest."""
    if model.loss == "log_loss" and len(model.classes_) == 2:
        return _logistic(builder, model, columns)
    return _margin(builder, model, columns)


def _support_vectors(builder: Builder, model: Any, columns: list[str]) -> tuple[list[str], Head]:
    if model.kernel != "linear":
        raise refused(model, "kernel", model.kernel, "linear")
    if hasattr(model, "classes_") and len(model.classes_) > 2:
        raise refused(model, "the number of classes", len(model.classes_), "2; LinearSVC takes more")
    return (_margin if hasattr(model, "classes_") else _regression)(builder, model, columns)


def _log_link(builder: Builder, model: Any, columns: list[str]) -> tuple[list[str], Head]:
    return sums(builder, model, columns), Head("exp")


def _tweedie(builder: Builder, model: Any, columns: list[str]) -> tuple[list[str], Head]:
    """The link that is asked for; "auto" is the identity up to power 0, else the logarithm."""
    link = ("identity" if model.power <= 0 else "log") if model.link == "auto" else model.link
    return (_log_link if link == "log" else _regression)(builder, model, columns)


MODELS = {
    **{f"sklearn.{name}": _regression for name in REGRESSIONS},
    **{f"sklearn.{name}": _margin for name in MARGIN_CLASSIFIERS},
    **{f"sklearn.{name}": _support_vectors for name in ("SVC", "SVR", "NuSVC", "NuSVR")},
    "sklearn.LogisticRegression": _logistic,
    "sklearn.LogisticRegressionCV": _logistic,
    "sklearn.SGDClassifier": _sgd,
    "sklearn.PoissonRegressor": _log_link,
    "sklearn.GammaRegressor": _log_link,
    "sklearn.TweedieRegressor": _tweedie,
    "sklearn.LinearDiscriminantAnalysis": _logistic,
}
