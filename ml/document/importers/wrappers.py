"""Estimators that hold others: searches, frozen ones, thresholds, transformed targets, votes.

Belongs here: what passes a row on to the estimator inside. Does not belong here: calibration, which changes
its score (`calibration`).
"""

from __future__ import annotations

from typing import Any

from ml.document.build import Builder
from ml.document.heads import cut_of
from ml.document.importers.linear import classes_of
from ml.document.importers.networks import ABOVE_HALF
from ml.document.importers.reading import refused
from ml.document.schema import Head


def _inside(builder: Builder, estimator: Any, columns: list[str]) -> tuple[list[str], Head]:
    from ml.document.importers import model_of

    return model_of(builder, estimator, columns)


def _search(builder: Builder, search: Any, columns: list[str]) -> tuple[list[str], Head]:
    """The best estimator, refitted."""
    if not search.refit:
        raise refused(search, "refit", search.refit, "True")
    return _inside(builder, search.best_estimator_, columns)


def _frozen(builder: Builder, frozen: Any, columns: list[str]) -> tuple[list[str], Head]:
    return _inside(builder, frozen.estimator, columns)


def _transformed_target(builder: Builder, model: Any, columns: list[str]) -> tuple[list[str], Head]:
    """A target fitted as ln y or ln(1 + y): the answer is exp of the margin, or exp - 1."""
    margins, head = _inside(builder, model.regressor_, columns)
    transformer = model.transformer_
    inverse = getattr(transformer, "inverse_func", None)
    is_plain = type(transformer).__name__ == "FunctionTransformer" and not transformer.inv_kw_args
    name = None if inverse is None else getattr(inverse, "__name__", repr(inverse))
    is_numpy = type(inverse).__module__ == "numpy"
    if head.kind == "identity" and is_plain:
        if name is None:
            return margins, head
        if name == "exp" and is_numpy:
            return margins, Head("exp")
        if name == "expm1" and is_numpy:
            return [builder.affine(builder.function("exp", x), add=-1.0) for x in margins], head
    raise refused(
        model, "the way back from the target", name or type(transformer).__name__,
        "numpy.exp, numpy.expm1, none",
    )  # fmt: skip


def _threshold(builder: Builder, model: Any, columns: list[str]) -> tuple[list[str], Head]:
    """The binary classifier inside, deciding from the threshold on."""
    threshold = getattr(model, "best_threshold_", None)
    threshold = float(model.threshold) if threshold is None and model.threshold != "auto" else threshold
    margins, head = _inside(builder, model.estimator_, columns)
    if threshold is None or len(margins) != 1:
        raise refused(model, "threshold", threshold, "a number, for two classes")
    on_probability = model.response_method == "predict_proba" or (
        model.response_method == "auto" and hasattr(model.estimator_, "predict_proba")
    )
    if head.kind == "sigmoid" and on_probability:
        if not 0.0 < threshold < 1.0:
            raise refused(model, "threshold", threshold, "between 0 and 1")
        return margins, Head(head.kind, head.classes, cut_of(float(threshold)))
    if (head.kind == "probability") != on_probability:
        raise refused(model, "response_method", model.response_method, "what its classifier's margin is")
    return margins, Head(head.kind, head.classes, float(threshold))


def _mean(builder: Builder, xs: list[str], weights: Any, label: str) -> str:
    """Their weighted mean; without weights each counts the same."""
    shares = [1.0] * len(xs) if weights is None else [float(weight) for weight in weights]
    return builder.affine(builder.weighted(xs, shares, 0.0), label=label, divide=sum(shares))


def _voting_regressor(builder: Builder, voting: Any, columns: list[str]) -> tuple[list[str], Head]:
    """The mean of what the estimators answer."""
    answers = []
    for estimator in voting.estimators_:
        margins, head = _inside(builder, estimator, columns)
        if head.kind not in ("identity", "exp") or len(margins) != 1:
            raise refused(voting, "the head of an estimator", head.kind, "identity, exp")
        answers.append(builder.function("exp", margins[0]) if head.kind == "exp" else margins[0])
    return [_mean(builder, answers, voting._weights_not_none, "margin")], Head("identity")


def _voting_classifier(builder: Builder, voting: Any, columns: list[str]) -> tuple[list[str], Head]:
    """The mean of the probabilities of the second class, taken above one half."""
    if voting.voting != "soft":
        raise refused(voting, "voting", voting.voting, "soft")
    answers, classes = [], classes_of(voting)
    for estimator in voting.estimators_:
        margins, head = _inside(builder, estimator, columns)
        if head.kind not in ("sigmoid", "probability") or len(margins) != 1:
            raise refused(voting, "the head of an estimator", head.kind, "sigmoid, probability")
        answers.append(builder.function("sigmoid", margins[0]) if head.kind == "sigmoid" else margins[0])
    margin = _mean(builder, answers, voting._weights_not_none, "margin")
    return [margin], Head("probability", classes, ABOVE_HALF)


MODELS = {
    "sklearn.VotingRegressor": _voting_regressor,
    "sklearn.VotingClassifier": _voting_classifier,
    "sklearn.GridSearchCV": _search,
    "sklearn.RandomizedSearchCV": _search,
    "sklearn.FrozenEstimator": _frozen,
    "sklearn.TransformedTargetRegressor": _transformed_target,
    "sklearn.FixedThresholdClassifier": _threshold,
    "sklearn.TunedThresholdClassifierCV": _threshold,
}
