"""What a declaration may say for BigQuery ML, and the OPTIONS of a CREATE MODEL that follow from it.

Parameters carry BigQuery's own names in lower case, and its meaning: a penalty here is not scikit-learn's.
Options and defaults are those of the CREATE MODEL reference for linear and logistic regression, boosted trees
and random forests (cloud.google.com/bigquery/docs/reference/standard-sql/bigqueryml-syntax-create). Belongs
here: names, ranges, options. Does not belong here: the columns (`ml.bqml.columns`), the statement.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ml.algorithms.registry import Parameter
from warehouse.client.dialect import BIGQUERY

EVALUATION = "is_evaluation"
"""The column of truth values by which rows are held out of a fit: never a random part."""

_PENALTIES = {"l1_reg": Parameter(float, 0.0, 1e6), "l2_reg": Parameter(float, 0.0, 1e6)}
_PROGRESS = {
    "early_stop": Parameter(bool, choices=(True, False)),
    "min_rel_progress": Parameter(float, 0.0, 1.0),
}
_LINEAR = {
    **_PENALTIES,
    **_PROGRESS,
    "max_iterations": Parameter(int, 1, 10_000),
    "min_frequency": Parameter(int, 1, 100_000),
}
_TREES = {
    **_PENALTIES,
    **_PROGRESS,
    "max_tree_depth": Parameter(int, 1, 20),
    "num_parallel_tree": Parameter(int, 1, 1000),
    "min_tree_child_weight": Parameter(int, 0, 1_000_000),
    "min_split_loss": Parameter(float, 0.0, 1e6),
    "subsample": Parameter(float, 0.01, 1.0),
    "colsample_bytree": Parameter(float, 0.01, 1.0),
    "colsample_bylevel": Parameter(float, 0.01, 1.0),
    "colsample_bynode": Parameter(float, 0.01, 1.0),
    "tree_method": Parameter(str, choices=("AUTO", "EXACT", "APPROX", "HIST")),
}
_WEIGHT = {"class_weight": Parameter(float, 1e-6, 1e6, choices=(None, "balanced"), tasks=("classification",))}
"""`balanced`, or how much more a positive row counts than a negative one."""

PARAMETERS: Mapping[str, Mapping[str, Parameter]] = {
    "linear": _LINEAR,
    "logistic": {**_LINEAR, **_WEIGHT},
    "gradient_boosting": {
        **_TREES,
        **_WEIGHT,
        "max_iterations": Parameter(int, 1, 5000),
        "learn_rate": Parameter(float, 1e-4, 1.0),
    },
    "forest": {**_TREES, **_WEIGHT},
}
TASKS = {
    "linear": ("regression",),
    "logistic": ("classification",),
    "gradient_boosting": ("classification", "regression"),
    "forest": ("classification", "regression"),
}
MODEL_TYPES = {
    ("linear", "regression"): "LINEAR_REG",
    ("logistic", "classification"): "LOGISTIC_REG",
    ("gradient_boosting", "classification"): "BOOSTED_TREE_CLASSIFIER",
    ("gradient_boosting", "regression"): "BOOSTED_TREE_REGRESSOR",
    ("forest", "classification"): "RANDOM_FOREST_CLASSIFIER",
    ("forest", "regression"): "RANDOM_FOREST_REGRESSOR",
}
OWN = ("class_weight", "min_frequency")
"""Parameters of this project, which are no options of BigQuery."""


def is_trees(algorithm: str) -> bool:
    """Whether the fitted model is a file of XGBoost rather than rows of ML.WEIGHTS."""
    return algorithm in ("gradient_boosting", "forest")


def stops_early(algorithm: str, params: Mapping[str, Any]) -> bool:
    """Whether rows held out decide when to stop."""
    return bool(params.get("early_stop", False)) and not _is_solved(algorithm, params)


def _is_solved(algorithm: str, params: Mapping[str, Any]) -> bool:
    """Whether least squares are solved rather than descended to: where nothing asks for steps."""
    steps = ("l1_reg", "max_iterations", "early_stop", "min_rel_progress")
    return algorithm == "linear" and not any(params.get(name) for name in steps)


def options_of(algorithm: str, task: str, params: Mapping[str, Any]) -> dict[str, str]:
    """OPTIONS by name, as SQL. EARLY_STOP is said, for BigQuery's default is to stop: after 20 steps, or at
    one that gains under a hundredth, which is before a linear model has converged.
    """
    made = {
        "model_type": BIGQUERY.text(MODEL_TYPES[algorithm, task]),
        "input_label_cols": "['label']",
        "data_split_method": "'CUSTOM'",
        "data_split_col": BIGQUERY.text(EVALUATION),
    }
    given = {name: value for name, value in params.items() if name not in OWN}
    if _is_solved(algorithm, params):
        made["optimize_strategy"] = "'NORMAL_EQUATION'"
        given = {name: value for name, value in given.items() if name == "l2_reg"}
    else:
        given = {"early_stop": False, **given}
        if algorithm != "forest":
            given = {"max_iterations": 50 if algorithm == "gradient_boosting" else 200, **given}
    made |= {name: _value(value) for name, value in given.items()}
    return made | _class_weights(params.get("class_weight"))


def _class_weights(weight: Any) -> dict[str, str]:
    if weight is None:
        return {}
    if weight == "balanced":
        return {"auto_class_weights": "TRUE"}
    return {"class_weights": f"[STRUCT('0', 1.0), STRUCT('1', {BIGQUERY.number(weight)})]"}


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, str):
        return BIGQUERY.text(value)
    return str(value) if isinstance(value, int) else BIGQUERY.number(value)
