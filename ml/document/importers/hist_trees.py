"""scikit-learn's histogram gradient boosting, with its missing values and its categories.

It compares doubles as they are. A categorical column is numbered inside the estimator by an encoder of its
own; text becomes a lookup of those numbers, numbers that stand for categories are compared as they are. A
category that was not there in training counts as missing. Belongs here: `HistGradientBoosting*`. Does not
belong here: the other trees of the library (`sklearn_trees`).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ml.document.build import Builder
from ml.document.importers.tree_lists import Leaf, Sets, Split, Tree, ensemble, laid_out, margin_names
from ml.document.schema import DocumentError, Head

ABOVE_ZERO = 5e-324
HEADS = {"IdentityLink": "identity", "LogLink": "exp"}


def _known(categories: Any) -> list[Any]:
    """An encoder's categories by number, NaN as None."""
    listed = np.asarray(categories, dtype=object).tolist()
    return [None if isinstance(value, float) and math.isnan(value) else value for value in listed]


def _prepared(builder: Builder, model: Any, columns: list[str]) -> tuple[list[str], dict[int, list[float]]]:
    """The columns in the order of the trees' features, and what the numbers of each category stand for: the
    encoder places the categorical columns before the others.
    """
    if model.is_categorical_ is None:
        return columns, {}
    encoder = model._preprocessor.named_transformers_["encoder"]
    chosen = [column for column, is_one in zip(columns, model.is_categorical_, strict=True) if is_one]
    others = [column for column, is_one in zip(columns, model.is_categorical_, strict=True) if not is_one]
    prepared, numbers = [], {}
    for place, (column, categories) in enumerate(zip(chosen, encoder.categories_, strict=True)):
        known = _known(categories)
        texts = [(value, float(code)) for code, value in enumerate(known) if isinstance(value, str)]
        if len(texts) == len([value for value in known if value is not None]):
            prepared.append(builder.lookup(column, texts, None, _code_of_none(categories)))
            numbers[place] = [code for _, code in texts]
        else:
            prepared.append(column)
            numbers[place] = _as_numbers(column, [value for value in known if value is not None])
    return prepared + others, numbers


def _code_of_none(categories: Any) -> float | None:
    """The encoder gives None a number of its own where it stood in an array of objects; NaN is missing."""
    listed = np.asarray(categories, dtype=object).tolist()
    return float(listed.index(None)) if None in listed else None


def _as_numbers(column: str, known: list[Any]) -> list[float]:
    if any(isinstance(value, str) or not math.isfinite(float(value)) for value in known):
        raise DocumentError(
            f"the categories of {column} hold {known[:3]}…; allowed: all texts, or all finite numbers. "
            "Recode the column."
        )
    return [float(value) for value in known]


def _members(bits: Any, numbers: list[float]) -> tuple[list[float], list[float]]:
    """The categories whose bit is set, and the others."""
    inside = [bool(bits[code // 32] >> np.uint32(code % 32) & 1) for code in range(len(numbers))]
    left = [number for number, is_in in zip(numbers, inside, strict=True) if is_in]
    return left, [number for number, is_in in zip(numbers, inside, strict=True) if not is_in]


def _tree(predictor: Any, numbers: dict[int, list[float]], sets: Sets) -> Tree:
    nodes = predictor.nodes

    def node_at(number: int) -> Leaf | Split:
        node = nodes[number]
        if node["is_leaf"]:
            return Leaf(node["value"], node["count"])
        feature, missing_left = int(node["feature_idx"]), bool(node["missing_go_to_left"])
        left, right, cover = int(node["left"]), int(node["right"]), node["count"]
        if node["is_categorical"]:
            bits = predictor.raw_left_cat_bitsets[node["bitset_idx"]]
            goes_left, goes_right = _members(bits, numbers[feature])
            if missing_left:
                # Unknown categories go where the missing ones go: name those that go right instead.
                return Split(feature, "in", sets.place(goes_right), right, left, False, cover)
            return Split(feature, "in", sets.place(goes_left), left, right, False, cover)
        threshold = float(node["num_threshold"])
        if threshold == math.inf:
            return Split(feature, "known", 0.0, left, right, missing_left, cover)
        return Split(feature, "<=", threshold, left, right, missing_left, cover)

    return laid_out(0, node_at)


def _margins(builder: Builder, model: Any, columns: list[str]) -> list[str]:
    """baseline + tree 1 + tree 2 + …; the learning rate is in the leaves."""
    prepared, numbers = _prepared(builder, model, columns)
    starts = np.ravel(model._baseline_prediction).tolist()
    margins = []
    for output, (start, label) in enumerate(zip(starts, margin_names(len(starts)), strict=True)):
        sets = Sets()
        trees = [_tree(stage[output], numbers, sets) for stage in model._predictors]
        margins.append(ensemble(builder, prepared, trees, start, label=label, sets=sets))
    return margins


def _regressor(builder: Builder, model: Any, columns: list[str]) -> tuple[list[str], Head]:
    link = type(model._loss.link).__name__
    if link not in HEADS:
        raise DocumentError(
            f"HistGradientBoostingRegressor with loss {model.loss!r} has the link {link}; allowed: "
            f"{', '.join(HEADS)}. Fit it with another loss."
        )
    return _margins(builder, model, columns), Head(HEADS[link])


def _classifier(builder: Builder, model: Any, columns: list[str]) -> tuple[list[str], Head]:
    """The second of two classes is decided strictly above 0."""
    classes = tuple(np.asarray(model.classes_).tolist())
    margins = _margins(builder, model, columns)
    if len(margins) == 1:
        return margins, Head("sigmoid", classes, ABOVE_ZERO)
    return margins, Head("softmax", classes)


MODELS: dict[str, Any] = {
    "sklearn.HistGradientBoostingRegressor": _regressor,
    "sklearn.HistGradientBoostingClassifier": _classifier,
}
