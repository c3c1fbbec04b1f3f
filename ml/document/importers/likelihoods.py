"""Models that compare what each class makes of a row: naive Bayes and quadratic discriminants.

The margins are log weights, one a class; with two classes it is their difference, the log odds of the second.
Belongs here: log likelihoods. Does not belong here: linear discriminants, one sum a class (`linear`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ml.document.build import Builder
from ml.document.importers.linear import ABOVE_ZERO, classes_of
from ml.document.importers.reading import numbers, rows, same_count
from ml.document.schema import Head


def odds(builder: Builder, model: Any, weights: list[str]) -> tuple[list[str], Head]:
    """Margins and head of log weights, one a class. scikit-learn takes the first of two equal ones."""
    classes = classes_of(model)
    if len(classes) == 2:
        first, second = weights
        return [builder.weighted([second, first], [1.0, -1.0], 0.0, label="margin")], Head(
            "sigmoid", classes, ABOVE_ZERO
        )
    return weights, Head("softmax", classes)


def _gaussian(builder: Builder, model: Any, columns: list[str]) -> tuple[list[str], Head]:
    """log prior - ½ Σ log 2πσ² - Σ (x - μ)² / 2σ²."""
    same_count(model, np.shape(model.theta_)[1], columns)
    weights = []
    for place, (mean, variance) in enumerate(zip(model.theta_, model.var_, strict=True)):
        start = float(np.log(model.class_prior_[place]) - 0.5 * np.sum(np.log(2.0 * np.pi * variance)))
        halves = numbers(0.5 / np.asarray(variance))
        weights.append(builder.gaussian(columns, start, numbers(mean), halves, f"weight_{place}"))
    return odds(builder, model, weights)


def _sums(
    builder: Builder, model: Any, columns: list[str], weights: np.ndarray, starts: np.ndarray
) -> tuple[list[str], Head]:
    same_count(model, weights.shape[1], columns)
    return odds(
        builder,
        model,
        [
            builder.weighted(columns, row, start, label=f"weight_{place}")
            for place, (row, start) in enumerate(zip(rows(weights), numbers(starts), strict=True))
        ],
    )


def _multinomial(builder: Builder, model: Any, columns: list[str]) -> tuple[list[str], Head]:
    """log prior + Σ x · log p."""
    return _sums(builder, model, columns, model.feature_log_prob_, model.class_log_prior_)


def _complement(builder: Builder, model: Any, columns: list[str]) -> tuple[list[str], Head]:
    """Σ x · weight; scikit-learn adds the prior for a single class only."""
    return _sums(builder, model, columns, model.feature_log_prob_, np.zeros(len(model.classes_)))


def _bernoulli(builder: Builder, model: Any, columns: list[str]) -> tuple[list[str], Head]:
    """log prior + Σ log p where x is above the threshold, log (1 - p) where not."""
    if model.binarize is not None:
        columns = [builder.bucket(x, [float(model.binarize)], "left") for x in columns]
    absent = np.log(1.0 - np.exp(model.feature_log_prob_))
    starts = model.class_log_prior_ + absent.sum(axis=1)
    return _sums(builder, model, columns, model.feature_log_prob_ - absent, starts)


def _quadratic(builder: Builder, model: Any, columns: list[str]) -> tuple[list[str], Head]:
    """log prior - ½ Σ log s - ½ Σ z², with z the centred row turned into the class's own axes, over √s."""
    same_count(model, np.shape(model.means_)[1], columns)
    weights = []
    for place, mean in enumerate(model.means_):
        spread = np.asarray(model.scalings_[place], dtype=np.float64)
        turned = np.asarray(model.rotations_[place]) * spread**-0.5
        centred = [builder.affine(x, subtract=m) for x, m in zip(columns, numbers(mean), strict=True)]
        axes = [builder.weighted(centred, axis, 0.0, f"axis_{place}") for axis in rows(turned.T)]
        start = float(np.log(model.priors_[place]) - 0.5 * np.sum(np.log(spread)))
        count = len(axes)
        weights.append(builder.gaussian(axes, start, [0.0] * count, [0.5] * count, f"weight_{place}"))
    return odds(builder, model, weights)


MODELS = {
    "sklearn.GaussianNB": _gaussian,
    "sklearn.MultinomialNB": _multinomial,
    "sklearn.ComplementNB": _complement,
    "sklearn.BernoulliNB": _bernoulli,
    "sklearn.QuadraticDiscriminantAnalysis": _quadratic,
}
