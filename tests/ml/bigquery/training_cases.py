"""What is trained on two engines to be set beside each other: by name, a function of a warehouse.

Belongs here: jobs whose answers must be the same, as plain data. Does not belong here: comparing them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ml.indb.class_moments import classes_of
from ml.indb.cofactor_scan import measure
from ml.indb.columns import Category, Number
from ml.indb.declare import declared
from ml.indb.discriminants import linear_discriminants
from ml.indb.glm import fit_glm
from ml.indb.held_losses import held_losses
from ml.indb.kmeans import fit_kmeans
from ml.indb.linear import least_squares
from ml.indb.linear_document import least_squares_document
from ml.indb.naive_bayes import naive_bayes
from ml.indb.train_trees import train_trees
from ml.indb.tree_settings import Boosting, Forest, Growth, TreeRows

FEATURES = {"numbers": ("x", "z", "k"), "booleans": ("is_new",), "categories": ("kind",)}
SMALL = Growth(max_depth=3, min_rows=5)
NUMBERS = (Number("x", 2, 100.0), Number("q", missing="indicator"), Number("target", 3, 100.0), Number("k"))
CATEGORIES = (Category("kind"), Category("class"))
Case = Callable[[Any, str], Any]


def cofactors(wh: Any, relation: str) -> Any:
    numbers = declared(wh, relation, ["x", "q", "k", "big", "is_new", "target"])
    measured = measure(wh, relation, numbers, CATEGORIES, ["fold", "day"])
    return numbers, {key: part.to_dict() for key, part in measured.groups.items()}


def ols(wh: Any, relation: str) -> str:
    measured = measure(wh, relation, NUMBERS, CATEGORIES)
    fit = least_squares(measured.total, ["x", "q", "kind"], "target")
    return least_squares_document(fit, measured.kinds, "ols").sha256


def bayes(wh: Any, relation: str) -> str:
    measured = measure(wh, relation, NUMBERS, CATEGORIES, ["class"])
    fit = naive_bayes(classes_of(measured, "class"), ["x", "k"], ["kind"])
    return fit.document(measured.kinds, "bayes").sha256


def lda(wh: Any, relation: str) -> str:
    measured = measure(wh, relation, NUMBERS, CATEGORIES, ["class"])
    return (
        linear_discriminants(classes_of(measured, "class"), ["x", "k"]).document(measured.kinds, "lda").sha256
    )


def clusters(wh: Any, relation: str) -> str:
    return fit_kmeans(wh, relation, ["x", "target", "k"], 3, seed=4).document(None, "clusters").sha256


def boosted(objective: str, engine: str, weight: str = "weight", steps: int | None = None) -> Case:
    """Three rounds with weights (a column or SQL) and a part held out in time."""
    label = "target" if objective == "regression" else "class"
    settings = Boosting(rounds=3, growth=SMALL)

    def trained(wh: Any, relation: str) -> str:
        source = f"(select r.*, {weight} as w from {relation} as r)"
        rows = TreeRows(
            source, label, **FEATURES, objective=objective, weight="w", time="day", validation=0.2,
            weight_steps=steps,
        )  # fmt: skip
        made = train_trees(wh, rows, settings, "boosted", most_bins=16, engine=engine)
        return made.fitted.document.sha256

    return trained


def held(wh: Any, relation: str) -> Any:
    """Losses after each round on the rows of a fold, exactly."""
    source = f"(select r.*, fold = 2 as is_held from {relation} as r)"
    rows = TreeRows(source, "class", **FEATURES, objective="binary", held="is_held")
    return held_losses(wh, rows, [Boosting(3, growth=SMALL)], most_bins=16, engine="rows").curves


def forest(wh: Any, relation: str) -> str:
    rows = TreeRows(relation, "class", **FEATURES, objective="binary", key="id")
    made = train_trees(wh, rows, Forest(trees=2, growth=SMALL), "forest", most_bins=400)
    return made.fitted.document.sha256


def generalised(family: str, target: str) -> Case:
    """Coefficients and standard errors, (M, P) each: they depend on exp and ln of the engine."""

    def fitted(wh: Any, relation: str) -> list[list[list[float]]]:
        source = f"(select *, abs(target) + 0.5::float8 as gap from {relation} as r)"
        fit = fit_glm(wh, source, ["x", "k", "kind"], target, family)
        return [np.asarray(part).tolist() for part in (fit.coefficients, fit.standard_errors)]

    return fitted


GENERALISED: dict[str, Case] = {
    "logistic": generalised("logistic", "class"),
    "multinomial": generalised("multinomial", "weight"),
    "poisson": generalised("poisson", "weight"),
    "gamma": generalised("gamma", "gap"),
}

CASES: dict[str, Case] = {
    "cofactors": cofactors,
    "least squares": ols,
    "naive Bayes": bayes,
    "linear discriminant": lda,
    "k-means": clusters,
    "forest": forest,
    "losses on held rows": held,
    **{
        f"boosting, {objective}, {engine}": boosted(objective, engine)
        for objective in ("regression", "binary")
        for engine in ("rows", "cells", "memory", "export")
    },
    "eighths as weights": boosted("regression", "cells", "weight / '8'::float8"),
    "hundredths as weights": boosted("binary", "rows", "weight::numeric * 0.37"),
    "weights rounded to steps": boosted("regression", "rows", "abs(target) + '0.01'::float8", 250),
}
