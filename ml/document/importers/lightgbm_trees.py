"""LightGBM: its scikit-learn classes and its Booster, read from the model text.

LightGBM compares doubles, but three of its habits are its own: sizes up to 1e-35 are zero to it, a missing
value counts as zero in columns that had none in training, and a category is a number cut to a whole one. Each
becomes part of the comparison. Belongs here: LightGBM. Does not belong here: other boosters.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ml.document.build import Builder
from ml.document.columns import named
from ml.document.heads import cut_of
from ml.document.importers.tree_lists import Leaf, Sets, Split, Tree, ensemble, laid_out, margin_names
from ml.document.ops.missing import ZERO
from ml.document.schema import DocumentError, Head

IDENTITY = ("regression", "regression_l1", "huber", "fair", "quantile", "mape", "lambdarank", "rank_xendcg")
EXP = ("poisson", "gamma", "tweedie")
CATEGORICAL, DEFAULT_LEFT = 1, 2
NONE, ZERO_TYPE = 0, 1
"""Kinds of missing values in bits 2 and 3 of a node's decision; 2 is NaN."""

BINARY_CUT = cut_of(math.nextafter(0.5, 1.0))
"""LightGBM takes the second class where its probability is above one half."""


class _Columns:
    """The operands that nodes read: a column itself, with zeros as missing, or cut to whole numbers."""

    def __init__(self, builder: Builder, booster: Any, columns: list[str]) -> None:
        self.builder, self.sets = builder, Sets()
        self.names = _with_categories(builder, booster, columns)
        self.texts = {place for place, name in enumerate(self.names) if name != columns[place]}
        self._made: dict[tuple[str, int], int] = {}

    def made(self, op: str, feature: int) -> int:
        """The position of `op` of a column."""
        if (op, feature) not in self._made:
            name = self.names[feature]
            node = self.builder.node(op, [name], label=named(name, op))
            self.names.append(node)
            self._made[op, feature] = len(self.names) - 1
        return self._made[op, feature]

    def category(self, feature: int, codes: list[int]) -> tuple[int, float]:
        """Operand and set of a split that sends the categories of these numbers left."""
        place = feature if feature in self.texts else self.made("truncate", feature)
        return place, self.sets.place(codes)


def _with_categories(builder: Builder, booster: Any, columns: list[str]) -> list[str]:
    """Columns of text as the numbers that pandas gave their categories. The model lists the categories of its
    categorical columns in their order, but not which columns these were: here they are those of kind text.
    """
    listed = booster.pandas_categorical or []
    chosen = [place for place, column in enumerate(columns) if builder.is_text(column)]
    if len(chosen) != len(listed) or any(not isinstance(v, str) for values in listed for v in values):
        raise DocumentError(
            f"the LightGBM model was fitted with {len(listed)} pandas columns of categories, the document "
            f"has {len(chosen)} inputs of kind category; allowed: the same columns, with texts in them. "
            "Declare them as categories, or number them before fitting."
        )
    names = list(columns)
    for place, values in zip(chosen, listed, strict=True):
        codes = [(text, float(code)) for code, text in enumerate(values)]
        names[place] = builder.lookup(columns[place], codes, None, None)
    return names


def _sections(text: str) -> tuple[dict[str, str], list[dict[str, str]]]:
    """The header of a model text and its trees, as their lines `key=value`; one without a value is a flag."""
    head, *trees = text.split("\nend of trees")[0].split("\nTree=")

    def read(section: str) -> dict[str, str]:
        return dict(line.partition("=")[::2] for line in section.split("\n") if line)

    return read(head), [read(tree) for tree in trees]


def _numbers(section: dict[str, str], key: str, kind: Callable[[str], Any], count: int) -> list[Any]:
    """A line of numbers; zeros where the model has none of them."""
    return [kind(word) for word in section.get(key, "").split()] or [kind("0")] * count


def _codes(section: dict[str, str]) -> list[list[int]]:
    """The numbers of the categories that each categorical split sends left, from its bits."""
    edges = _numbers(section, "cat_boundaries", int, 0)
    words = _numbers(section, "cat_threshold", int, 0)
    return [
        [bit for bit in range(32 * (high - low)) if words[low + bit // 32] >> bit % 32 & 1]
        for low, high in zip(edges, edges[1:], strict=False)
    ]


def _numeric(threshold: float, kind: int, default_left: bool) -> tuple[str, float, bool]:
    """Test, threshold and the way of missing values. What lies within ±1e-35 goes the way of zero, so a
    threshold in there moves to the end that keeps them together.
    """
    if threshold == math.inf:
        return "known", 0.0, kind == NONE or default_left
    test = "<="
    if -ZERO <= threshold < 0.0:
        test, threshold = "<", -ZERO
    elif 0.0 <= threshold < ZERO:
        threshold = ZERO
    zero_left = threshold > 0.0 if test == "<" else threshold >= 0.0
    return test, threshold, zero_left if kind == NONE else default_left


def _tree(section: dict[str, str], columns: _Columns) -> Tree:
    count = int(section["num_leaves"])
    if section.get("is_linear", "0") != "0":
        raise DocumentError("the LightGBM model has linear trees; allowed: linear_tree=False.")
    features = _numbers(section, "split_feature", int, count)
    thresholds = _numbers(section, "threshold", float, count)
    kinds = _numbers(section, "decision_type", int, count)
    left, right = (_numbers(section, f"{side}_child", int, count) for side in ("left", "right"))
    values, leaf_cover = (_numbers(section, key, float, count) for key in ("leaf_value", "leaf_count"))
    cover, codes = _numbers(section, "internal_count", float, count), _codes(section)

    def node_at(number: int) -> Leaf | Split:
        if number < 0:
            return Leaf(values[~number], leaf_cover[~number])
        feature, kind = features[number], kinds[number]
        ways = (left[number], right[number])
        if kind & CATEGORICAL:
            place, chosen = columns.category(feature, codes[int(thresholds[number])])
            return Split(place, "in", chosen, *ways, False, cover[number])
        missing = kind >> 2 & 3
        place = columns.made("zero_is_missing", feature) if missing == ZERO_TYPE else feature
        test, threshold, missing_left = _numeric(thresholds[number], missing, bool(kind & DEFAULT_LEFT))
        return Split(place, test, threshold, *ways, missing_left, cover[number])

    return laid_out(0 if count > 1 else -1, node_at)


def _head(objective: str, classes: tuple[Any, ...] | None, outputs: int) -> Head:
    words = objective.split()
    name = words[0] if words else ""
    if name == "binary" and words[1:] == ["sigmoid:1"]:
        return Head("sigmoid", classes or (0, 1), BINARY_CUT)
    if name == "multiclass":
        return Head("softmax", classes or tuple(range(outputs)))
    if classes is None and words[1:] != ["sqrt"] and outputs == 1:
        if name in IDENTITY or not name:
            return Head("identity")
        if name in EXP:
            return Head("exp")
    raise DocumentError(
        f"LightGBM's objective {objective or 'of your own'!r} has no importer for "
        f"{'a classifier' if classes else 'this model'}; allowed: binary with sigmoid 1, multiclass, "
        f"{', '.join(IDENTITY + EXP)} without reg_sqrt. Fit it with one of these."
    )


def _booster(
    builder: Builder, booster: Any, names: list[str], classes: tuple[Any, ...] | None = None
) -> tuple[list[str], Head]:
    """0 + tree 1 + tree 2 + … up to the best iteration; the shrinkage is in the leaves. A random forest's sum
    is divided by the number of its trees, as LightGBM does before it makes a probability of it.
    """
    head, sections = _sections(booster.model_to_string())
    outputs = int(head["num_tree_per_iteration"])
    columns = _Columns(builder, booster, names)
    trees = [_tree(section, columns) for section in sections]
    divide = float(len(trees) // outputs) if "average_output" in head else None
    answer = _head(head.get("objective", ""), classes, outputs)
    margins = [
        ensemble(
            builder, columns.names, trees[output::outputs], 0.0,
            label=label, divide=divide, sets=columns.sets,
        )
        for output, label in enumerate(margin_names(outputs))
    ]  # fmt: skip
    return margins, answer


def _regressor(builder: Builder, model: Any, columns: list[str]) -> tuple[list[str], Head]:
    return _booster(builder, model.booster_, columns)


def _classifier(builder: Builder, model: Any, columns: list[str]) -> tuple[list[str], Head]:
    return _booster(builder, model.booster_, columns, tuple(model.classes_.tolist()))


MODELS: dict[str, Any] = {
    "lightgbm.LGBMClassifier": _classifier,
    "lightgbm.LGBMRegressor": _regressor,
    "lightgbm.LGBMRanker": _regressor,
    "lightgbm.Booster": _booster,
}
