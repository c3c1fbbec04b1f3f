"""XGBoost: its scikit-learn classes and its Booster, read from the model's JSON.

XGBoost rounds x, thresholds, leaves and sums to float32. Thresholds are rewritten so that every row reaches
the same leaves; leaves are the same numbers; the sums here are in double. So a margin differs from XGBoost's
own by some units of the last place of a float32, while the document's surfaces give the same 64 bits among
themselves. Belongs here: XGBoost's trees. Does not belong here: its linear booster, which is refused.
"""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np

from ml.document.build import Builder
from ml.document.heads import cut_of
from ml.document.importers.tree_lists import (
    Leaf,
    Sets,
    Split,
    Tree,
    ensemble,
    float32_below,
    float32_split,
    laid_out,
    margin_names,
)
from ml.document.schema import DocumentError, Head

IDENTITY = (
    "reg:squarederror", "reg:absoluteerror", "reg:pseudohubererror", "reg:quantileerror", "binary:logitraw",
    "rank:pairwise", "rank:ndcg", "rank:map",
)  # fmt: skip
EXP = ("count:poisson", "reg:gamma", "reg:tweedie")
SIGMOID = ("binary:logistic", "reg:logistic")
SOFTMAX = ("multi:softprob", "multi:softmax")


def _tree(stored: dict[str, Any], weight: float, sets: Sets) -> Tree:
    """One stored tree with its leaves times `weight`. x goes left where it is below the threshold, or where
    it is none of the categories that go right.
    """
    left, right, kinds = stored["left_children"], stored["right_children"], stored["split_type"]
    conditions, cover = stored["split_conditions"], stored["sum_hessian"]
    goes_right = _categories(stored)

    def node_at(number: int) -> Leaf | Split:
        if left[number] == -1:
            return Leaf(float(np.float32(conditions[number])) * weight, cover[number])
        feature, missing_left = stored["split_indices"][number], bool(stored["default_left"][number])
        if kinds[number]:
            codes = sets.place(goes_right[number])
            return Split(feature, "in", codes, right[number], left[number], not missing_left, cover[number])
        test, threshold = float32_split(float32_below(conditions[number]))
        return Split(feature, test, threshold, left[number], right[number], missing_left, cover[number])

    return laid_out(0, node_at)


def _categories(stored: dict[str, Any]) -> dict[int, list[int]]:
    """By node: the categories that go right."""
    parts = zip(
        stored["categories_nodes"], stored["categories_segments"], stored["categories_sizes"], strict=True
    )
    return {node: stored["categories"][first : first + size] for node, first, size in parts}


def _head(objective: str, classes: tuple[Any, ...] | None, outputs: int) -> Head:
    if objective in SIGMOID:
        return Head("sigmoid", classes or (0, 1), cut_of(math.nextafter(0.5, 1.0)))
    if objective in SOFTMAX:
        return Head("softmax", classes or tuple(range(outputs)))
    if classes is None and outputs == 1 and objective in IDENTITY + EXP:
        return Head("exp" if objective in EXP else "identity")
    raise DocumentError(
        f"XGBoost's objective {objective!r} with {outputs} outputs has no importer; allowed: "
        f"{', '.join(SIGMOID + SOFTMAX + IDENTITY + EXP)}. Fit it with one of these."
    )


def _starts(learner: dict[str, Any], head: Head, outputs: int) -> list[float]:
    """The stored base score of each output as a margin; it is stored as a probability or a mean."""
    stored = learner["learner_model_param"]["base_score"].strip("[]").split(",")
    scores = [float(word) for word in stored]
    if head.kind == "sigmoid":
        scores = [-math.log(1.0 / score - 1.0) for score in scores]
    elif head.kind == "exp":
        scores = [math.log(score) for score in scores]
    return scores * outputs if len(scores) == 1 else scores


def _weights(booster: dict[str, Any]) -> tuple[dict[str, Any], list[float]]:
    """The trees' own part of the model, and by tree what its leaves are multiplied with (DART)."""
    if booster["name"] == "gblinear":
        raise DocumentError("XGBoost's booster gblinear has no importer; allowed: gbtree, dart.")
    if booster["name"] == "dart":
        return booster["gbtree"]["model"], [float(weight) for weight in booster["weight_drop"]]
    return booster["model"], [1.0] * len(booster["model"]["trees"])


def _booster(
    builder: Builder, booster: Any, columns: list[str], classes: tuple[Any, ...] | None = None,
    iterations: int | None = None,
) -> tuple[list[str], Head]:  # fmt: skip
    """start + tree 1 + tree 2 + …, up to the number of iterations where one is given."""
    used = booster if iterations is None else booster[:iterations]
    learner = json.loads(bytes(used.save_raw("json")))["learner"]
    return learner_margins(builder, learner, columns, classes)


def learner_margins(
    builder: Builder, learner: dict[str, Any], columns: list[str], classes: tuple[Any, ...] | None = None,
    starts: list[float] | None = None,
) -> tuple[list[str], Head]:  # fmt: skip
    """Margins and head of the `learner` of XGBoost's JSON; `starts`: the margins before the first tree, where
    they are known otherwise than by its base score.
    """
    model, weights = _weights(learner["gradient_booster"])
    if any(int(tree["tree_param"]["size_leaf_vector"]) > 1 for tree in model["trees"]):
        raise DocumentError(
            "the XGBoost trees have vectors as leaves; allowed: multi_strategy='one_output_per_tree'."
        )
    outputs = max(int(learner["learner_model_param"]["num_class"]), 1)
    outputs = max(outputs, int(learner["learner_model_param"].get("num_target", 1)))
    head = _head(learner["objective"]["name"], classes, outputs)
    starts, margins = starts or _starts(learner, head, outputs), []
    for output, label in enumerate(margin_names(outputs)):
        sets = Sets()
        own = zip(model["trees"], weights, model["tree_info"], strict=True)
        trees = [_tree(tree, weight, sets) for tree, weight, group in own if group == output]
        margins.append(ensemble(builder, columns, trees, starts[output], label=label, sets=sets))
    return margins, head


def _best(model: Any) -> int | None:
    """How many iterations the wrapper predicts with: up to the best one after early stopping."""
    best = model.get_booster().attr("best_iteration")
    return None if best is None else int(best) + 1


def _regressor(builder: Builder, model: Any, columns: list[str]) -> tuple[list[str], Head]:
    return _booster(builder, model.get_booster(), columns, None, _best(model))


def _classifier(builder: Builder, model: Any, columns: list[str]) -> tuple[list[str], Head]:
    classes = tuple(np.asarray(model.classes_).tolist())
    return _booster(builder, model.get_booster(), columns, classes, _best(model))


MODELS: dict[str, Any] = {
    "xgboost.XGBClassifier": _classifier,
    "xgboost.XGBRegressor": _regressor,
    "xgboost.XGBRFClassifier": _classifier,
    "xgboost.XGBRFRegressor": _regressor,
    "xgboost.Booster": _booster,
}
