"""scikit-learn's decision trees, forests and gradient boosting.

These round x to float32 before they compare it; each threshold is rewritten so that a comparison of the
double gives the same answer for every x. Belongs here: `sklearn.tree` and the ensembles made of its trees.
Does not belong here: histogram boosting (`hist_trees`), which compares doubles.

A missing x goes where the tree learned to send it; gradient boosting refuses missing values in scikit-learn,
here they go right. Forests are added in the order of their trees, as scikit-learn does with `n_jobs=None`;
with several jobs its own last bits depend on which thread comes first.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ml.document.build import Builder
from ml.document.importers.tree_lists import (
    Leaf,
    Split,
    Tree,
    ensemble,
    float32_split,
    laid_out,
    margin_names,
)
from ml.document.schema import DocumentError, Head

ABOVE_HALF = math.nextafter(0.5, 1.0)


def _tree(fitted: Any, output: int, factor: float = 1.0) -> Tree:
    """One fitted `Tree` with `factor` times its values of one output."""
    values = factor * fitted.value[:, 0, output]
    left, right, feature = fitted.children_left, fitted.children_right, fitted.feature
    missing_left, cover = fitted.missing_go_to_left, fitted.weighted_n_node_samples

    def node_at(number: int) -> Leaf | Split:
        if left[number] == -1:
            return Leaf(values[number], cover[number])
        test, threshold = float32_split(float(fitted.threshold[number]))
        return Split(
            feature[number], test, threshold, int(left[number]), int(right[number]),
            bool(missing_left[number]), cover[number],
        )  # fmt: skip

    return laid_out(0, node_at)


def _one_output(model: Any) -> None:
    if model.n_outputs_ != 1:
        raise DocumentError(
            f"{type(model).__name__} was fitted to {model.n_outputs_} targets at once; allowed: 1. "
            "Fit one model a target."
        )


def _members(model: Any) -> list[Any]:
    """The trees of a forest; a tree is a forest of one, without a division."""
    return [member.tree_ for member in getattr(model, "estimators_", [model])]


def _regressor(builder: Builder, model: Any, columns: list[str]) -> tuple[list[str], Head]:
    """The mean of the trees; a single tree's value is itself."""
    _one_output(model)
    trees = _members(model)
    divide = float(len(trees)) if hasattr(model, "estimators_") else None
    return [ensemble(builder, columns, [_tree(t, 0) for t in trees], 0.0, divide=divide)], Head("identity")


def _classifier(builder: Builder, model: Any, columns: list[str]) -> tuple[list[str], Head]:
    """The mean of the trees' class shares. Of two classes the second's share decides, above one half: where
    scikit-learn adds both shares to numbers within one last place of a tie, its own rounding picks the class.
    """
    _one_output(model)
    trees, classes = _members(model), np.asarray(model.classes_).tolist()
    divide = float(len(trees)) if hasattr(model, "estimators_") else None
    if len(classes) < 2:
        raise DocumentError(f"{type(model).__name__} saw the one class {classes}; allowed: two or more.")
    outputs = [1] if len(classes) == 2 else list(range(len(classes)))
    margins = [
        ensemble(builder, columns, [_tree(t, output) for t in trees], 0.0, label=label, divide=divide)
        for output, label in zip(outputs, margin_names(len(outputs)), strict=True)
    ]
    return margins, Head("probability", tuple(classes), ABOVE_HALF if len(classes) == 2 else None)


def _starts(model: Any) -> list[float]:
    """What boosting adds its first tree to, by output: asked of the model, since each loss has its own."""
    init = type(model.init_).__name__ if model.init_ != "zero" else "zero"
    if init not in ("zero", "DummyClassifier", "DummyRegressor"):
        raise DocumentError(
            f"{type(model).__name__} starts from a fitted {init}; allowed: init=None or 'zero'. "
            "Fit it without an init estimator."
        )
    nothing = np.zeros((1, model.n_features_in_), dtype=np.float32)
    return model._raw_predict_init(nothing)[0].tolist()


def _boosting(builder: Builder, model: Any, columns: list[str], factor: float = 1.0) -> list[str]:
    """start + learning rate · value, stage by stage; `factor`, a power of two, changes no other bit."""
    starts = _starts(model)
    labels = margin_names(len(starts))
    return [
        ensemble(
            builder, columns,
            [_tree(stage[output].tree_, 0, model.learning_rate * factor) for stage in model.estimators_],
            start * factor, label=labels[output],
        )
        for output, start in enumerate(starts)
    ]  # fmt: skip


def _gradient_regressor(builder: Builder, model: Any, columns: list[str]) -> tuple[list[str], Head]:
    return _boosting(builder, model, columns), Head("identity")


def _gradient_classifier(builder: Builder, model: Any, columns: list[str]) -> tuple[list[str], Head]:
    """Log odds, or one log weight a class. The exponential loss has half the log odds, so its margin is twice
    the library's decision function.
    """
    classes = tuple(np.asarray(model.classes_).tolist())
    if len(classes) > 2:
        return _boosting(builder, model, columns), Head("softmax", classes)
    factor = 2.0 if model.loss == "exponential" else 1.0
    return _boosting(builder, model, columns, factor), Head("sigmoid", classes, 0.0)


MODELS: dict[str, Any] = {
    "sklearn.DecisionTreeRegressor": _regressor,
    "sklearn.ExtraTreeRegressor": _regressor,
    "sklearn.RandomForestRegressor": _regressor,
    "sklearn.ExtraTreesRegressor": _regressor,
    "sklearn.DecisionTreeClassifier": _classifier,
    "sklearn.ExtraTreeClassifier": _classifier,
    "sklearn.RandomForestClassifier": _classifier,
    "sklearn.ExtraTreesClassifier": _classifier,
    "sklearn.GradientBoostingRegressor": _gradient_regressor,
    "sklearn.GradientBoostingClassifier": _gradient_classifier,
}
