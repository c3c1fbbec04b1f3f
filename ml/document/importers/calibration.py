"""Calibration: isotonic regression, and CalibratedClassifierCV over any binary model that has an importer.

Belongs here: maps from one score to a probability, and their mean over folds. Does not belong here: the
models calibrated.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ml.document.build import Builder
from ml.document.heads import cut_of
from ml.document.importers.linear import classes_of
from ml.document.importers.reading import numbers, refused, same_count
from ml.document.schema import Head

ABOVE_HALF = float(np.nextafter(0.5, 1.0))


def _isotonic(builder: Builder, model: Any, x: str, label: str) -> str:
    """The monotone function of x; outside the training range its last value, or missing where scikit-learn
    gives NaN (or raises).
    """
    xs, ys = numbers(model.X_thresholds_), numbers(model.y_thresholds_)
    if model.out_of_bounds == "clip" or len(xs) == 1:
        return builder.interpolate(x, xs, ys, label)
    inner = builder.interpolate(x, xs, ys)
    place = builder.bucket(x, [xs[0], float(np.nextafter(xs[-1], np.inf))], "right")
    inside = builder.recode(place, [(1.0, 0.0)], None, None)
    return builder.weighted([inner, inside], [1.0, 1.0], 0.0, label=label)


def _isotonic_model(builder: Builder, model: Any, columns: list[str]) -> tuple[list[str], Head]:
    same_count(model, 1, columns)
    return [_isotonic(builder, model, columns[0], "margin")], Head("identity")


def _response(builder: Builder, estimator: Any, columns: list[str]) -> str:
    """What the calibrators were fitted on: the decision function where there is one, else the probability
    of the second class.
    """
    from ml.document.importers import model_of

    margins, head = model_of(builder, estimator, columns)
    if len(margins) != 1 or head.kind not in ("sigmoid", "margin", "probability"):
        raise refused(estimator, "the number of classes", len(head.classes), "2")
    if head.kind == "sigmoid" and not hasattr(estimator, "decision_function"):
        return builder.function("sigmoid", margins[0])
    return margins[0]


def _log_odds(builder: Builder, calibrator: Any, x: str, label: str | None = None) -> str:
    """scikit-learn fits P = 1 / (1 + exp(a·x + b)), so the log odds are -a·x - b."""
    return builder.weighted([x], [-float(calibrator.a_)], -float(calibrator.b_), label=label)


def _calibrated(builder: Builder, model: Any, columns: list[str]) -> tuple[list[str], Head]:
    """The mean over the folds' calibrated probabilities; a single sigmoid stays log odds."""
    classes, folds = classes_of(model), model.calibrated_classifiers_
    if len(classes) != 2:
        raise refused(model, "the number of classes", len(classes), "2")
    if model.method not in ("sigmoid", "isotonic"):
        raise refused(model, "method", model.method, "sigmoid, isotonic")
    scores = [_response(builder, fold.estimator, columns) for fold in folds]
    calibrators = [fold.calibrators[0] for fold in folds]
    if model.method == "isotonic":
        given = [_isotonic(builder, c, x, "probability") for c, x in zip(calibrators, scores, strict=True)]
    elif len(folds) == 1:
        margin = _log_odds(builder, calibrators[0], scores[0], "margin")
        return [margin], Head("sigmoid", classes, cut_of(ABOVE_HALF))
    else:
        odds = [_log_odds(builder, c, x) for c, x in zip(calibrators, scores, strict=True)]
        given = [builder.function("sigmoid", x) for x in odds]
    total = builder.weighted(given, [1.0] * len(given), 0.0)
    mean = builder.affine(total, label="margin", divide=float(len(given)))
    return [mean], Head("probability", classes, ABOVE_HALF)


MODELS = {"sklearn.IsotonicRegression": _isotonic_model, "sklearn.CalibratedClassifierCV": _calibrated}
