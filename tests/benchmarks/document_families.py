"""The model families that the benchmarks of model documents measure, as data, and rows to fit and score.

Belongs here: which estimators with which parameters, the made rows, fitting. Does not belong here: measuring.
Estimators are named by class and parameters, so that a peer can fit the same ones in its own environment.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

FEATURES = ("amount", "distance", "delay", "share", "pressure", "wind", "items", "age", "moment", "is_late")
MISSING_SHARE = 0.08
TRAIN_ROWS = 4_000

Step = tuple[str, Mapping[str, Any]]
"""A class by its full name, with its parameters; a parameter `estimator` is again a Step."""

SCALE: Step = ("sklearn.preprocessing.StandardScaler", {})


@dataclass(frozen=True)
class Family:
    """One family: its steps; what it learns (`number`, `class` of two, `classes` of three, `count`,
    `nothing`); the method that gives the library's answer.
    """

    name: str
    steps: tuple[Step, ...]
    target: str
    method: str = "predict"
    has_missing: bool = False


def _trees(name: str, **params: Any) -> Step:
    return f"sklearn.ensemble.{name}", {"random_state": 0, **params}


def _linear(name: str, **params: Any) -> Step:
    return f"sklearn.linear_model.{name}", params


_LOGISTIC = _linear("LogisticRegression", max_iter=500)
_FOREST: dict[str, Any] = {"n_estimators": 40, "max_depth": 5, "n_jobs": 1}
_TREE: Step = ("sklearn.tree.DecisionTreeRegressor", {"max_depth": 8, "random_state": 0})
_LIGHTGBM: Step = ("lightgbm.LGBMClassifier", {"n_estimators": 100, "num_leaves": 31, "verbose": -1})
_HISTOGRAMS = _trees("HistGradientBoostingClassifier")
_CLUSTERS: Step = ("sklearn.cluster.KMeans", {"n_clusters": 6, "n_init": 2, "random_state": 0})
_CALIBRATED: Step = (
    "sklearn.calibration.CalibratedClassifierCV",
    {"estimator": _LOGISTIC, "method": "isotonic", "cv": 3},
)
_NETWORK: Step = (
    "sklearn.neural_network.MLPClassifier",
    {"hidden_layer_sizes": [16], "max_iter": 300, "tol": 1e-3, "random_state": 0},
)

FAMILIES: tuple[Family, ...] = (
    Family("linear", (_linear("LinearRegression"),), "number"),
    Family("ridge", (SCALE, _linear("Ridge", alpha=2.0)), "number"),
    Family("logistic", (SCALE, _LOGISTIC), "class", "predict_proba"),
    Family("glm_poisson", (SCALE, _linear("PoissonRegressor", alpha=0.01, max_iter=500)), "count"),
    Family("naive_bayes", (("sklearn.naive_bayes.GaussianNB", {}),), "classes", "predict_proba"),
    Family("decision_tree", (_TREE,), "number"),
    Family("random_forest", (_trees("RandomForestClassifier", **_FOREST),), "class", "predict_proba"),
    Family("extra_trees", (_trees("ExtraTreesRegressor", **_FOREST),), "number"),
    Family("gradient_boosting_regressor", (_trees("GradientBoostingRegressor"),), "number"),
    Family("gradient_boosting_classifier", (_trees("GradientBoostingClassifier"),), "class", "predict_proba"),
    Family("hist_gradient_boosting", (_HISTOGRAMS,), "class", "predict_proba", True),
    Family("lightgbm", (_LIGHTGBM,), "class", "predict_proba", True),
    Family("k_means", (SCALE, _CLUSTERS), "nothing"),
    Family("pca", (SCALE, ("sklearn.decomposition.PCA", {"n_components": 3})), "nothing", "transform"),
    Family("calibrated", (SCALE, _CALIBRATED), "class", "predict_proba"),
    Family("neural_network", (SCALE, _NETWORK), "class", "predict_proba"),
)


def made_rows(count: int, seed: int, has_missing: bool = False) -> np.ndarray:
    """(count, 10) float64 as a warehouse holds them: amounts in cents, counts, epoch seconds, a flag."""
    random = np.random.default_rng(seed)
    columns = [
        np.round(random.lognormal(3.0, 1.2, count), 2),
        random.gamma(2.0, 400.0, count),
        random.normal(0.0, 25.0, count),
        random.random(count),
        random.normal(1013.0, 7.0, count),
        np.round(random.weibull(2.0, count) * 9.0, 1),
        random.poisson(3.0, count).astype(float),
        random.integers(18, 90, count).astype(float),
        1_690_000_000.0 + random.integers(0, 30_000_000, count),
        (random.random(count) < 0.3).astype(float),
    ]
    rows = np.stack(columns, axis=1)
    if has_missing:
        rows[random.random(rows.shape) < MISSING_SHARE] = np.nan
    return rows


def made_target(kind: str, rows: np.ndarray, seed: int) -> np.ndarray | None:
    """What a family of this kind learns of the rows, (rows,); None where it learns without."""
    random = np.random.default_rng(seed)
    x = np.nan_to_num(rows)
    days = (x[:, 8] - 1_690_000_000.0) / 86_400.0
    signal = 0.02 * x[:, 2] + 0.3 * np.log1p(x[:, 0]) - 0.4 * x[:, 9] * x[:, 3] + np.sin(days / 58.0)
    noisy = signal + random.normal(0.0, 0.5, len(rows))
    if kind == "nothing":
        return None
    if kind == "number":
        return noisy
    if kind == "count":
        return random.poisson(np.exp(np.clip(signal / 3.0, -3.0, 3.0))).astype(float)
    return np.digitize(noisy, [0.9] if kind == "class" else [0.4, 1.4])


def unfitted(family: Family) -> Any:
    """The estimator, or the pipeline of its steps."""
    from sklearn.pipeline import Pipeline

    made = [built(step) for step in family.steps]
    return made[0] if len(made) == 1 else Pipeline([(f"step_{n}", one) for n, one in enumerate(made)])


def built(step: Step) -> Any:
    """The object that a Step names."""
    path, params = step
    module, name = path.rsplit(".", 1)
    given = {key: built(value) if key == "estimator" else value for key, value in params.items()}
    return getattr(importlib.import_module(module), name)(**given)


def fitted(family: Family, seed: int = 1) -> Any:
    """The family's estimator, fitted on made rows."""
    rows = made_rows(TRAIN_ROWS, seed, family.has_missing)
    return unfitted(family).fit(rows, made_target(family.target, rows, seed))


def library_answer(family: Family, estimator: Any, rows: np.ndarray) -> np.ndarray:
    """(rows, s) float64: what the library says, P(second class) alone where there are two classes."""
    answer = np.asarray(getattr(estimator, family.method)(rows), dtype=np.float64)
    if family.method == "predict_proba" and answer.shape[1] == 2:
        answer = answer[:, 1]
    return answer.reshape(len(rows), -1)
