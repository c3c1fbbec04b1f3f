"""Rows on which LightGBM and our trees grow alike, both fitted, and what their splits do to the rows.

Belongs here: the rows, both fits, partitions. Does not belong here: assertions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from ml.document import Document, Input
from ml.document.importers import import_estimator
from ml.indb.boosting import FittedTrees
from ml.indb.reference import reference_trees
from ml.indb.tree_settings import Boosting, Growth, TreeRows

NAMES = ("x", "z", "u")
DEPTH, LEAST = 5, 10


@dataclass(frozen=True)
class Both:
    """LightGBM's fitted model and document, ours, and the rows."""

    model: Any
    theirs: Document
    fitted: FittedTrees
    table: pa.Table

    @property
    def ours(self) -> Document:
        return self.fitted.document


def rows(missing: float, count: int = 1500) -> tuple[np.ndarray, np.ndarray]:
    """Features of whole and half numbers, some missing, and a label of whole numbers."""
    random = np.random.default_rng(11)
    x = np.stack([random.integers(-90, 90, count) / 2, random.integers(1, 30, count), random.random(count)])
    x[2] = np.round(x[2], 2) + 1.0
    y = np.rint(40 * x[0] + 900 * np.sin(x[1]) + 500 * x[2] + random.normal(0, 700, count))
    x[random.random(x.shape) < missing] = np.nan
    y[np.isnan(x[1])] += 800
    return x.T.astype(float), y


def both(
    x: np.ndarray, y: np.ndarray, rounds: int, *, depth: int = DEPTH, leaves: int = 2**DEPTH,
    objective: str = "regression", rate: float = 1.0, l2: float = 0.0, least: int = LEAST,
    weight: np.ndarray | None = None, monotone: dict[str, int] | None = None, **options: Any,
) -> Both:  # fmt: skip
    """Both fitted to the same rows with the same settings; `options` are LightGBM's alone."""
    import lightgbm

    kind = lightgbm.LGBMRegressor if objective == "regression" else lightgbm.LGBMClassifier
    given = {
        "n_estimators": rounds, "num_leaves": leaves, "max_depth": depth, "min_child_samples": least,
        "min_child_weight": 0.0, "learning_rate": rate, "max_bin": 1000, "min_data_in_bin": 1, "n_jobs": 1,
        "reg_lambda": l2, "deterministic": True, "force_col_wise": True, "verbose": -1,
        "enable_bundle": False, "feature_pre_filter": False, **options,
    }  # fmt: skip
    if monotone:
        ways = [monotone.get(name, 0) for name in NAMES]
        given |= {"monotone_constraints": ways, "monotone_constraints_method": "basic"}
    model = kind(**given).fit(x, y, sample_weight=weight)
    theirs = import_estimator(model, [Input(name, "number") for name in NAMES], name="m")
    columns = {name: x[:, at] for at, name in enumerate(NAMES)}
    w = np.ones(len(y), dtype=np.int64) if weight is None else weight
    table = pa.table({**columns, "y": y, "w": w})
    declared = TreeRows("t", "y", numbers=NAMES, objective=objective, weight="w")
    growth = Growth(depth, leaves, least, l2=l2, monotone=monotone or {})
    fitted = reference_trees(table, declared, Boosting(rounds, rate, growth=growth), "m", most_bins=1000)
    return Both(model, theirs, fitted, table)


def splits(document: Document, x: np.ndarray, margin: int = 0) -> list[list[tuple]]:
    """By tree of a margin, in order from the root: feature, the rows on the left and on the right."""
    nodes = {node.id: node for node in document.nodes}
    node = nodes[document.margins[margin]]
    names = [item.name for item in document.inputs]
    columns = {name: x[:, at] for at, name in enumerate(names)}
    columns |= {one.id: columns[one.inputs[0]] for one in document.nodes if one.op in ("truncate", "lookup")}
    sets = node.params.get("sets", [])
    return [_of_tree(tree, node.inputs, columns, sets) for tree in node.params["trees"]]


def _of_tree(tree: Any, operands: Any, columns: dict[str, np.ndarray], sets: Any) -> list[tuple]:
    held, found = {0: np.arange(len(next(iter(columns.values()))))}, []
    for place, feature in enumerate(tree["feature"]):
        if feature == -1:
            continue
        here, test, threshold = held[place], tree["test"][place], tree["threshold"][place]
        column = columns[operands[feature]][here]
        if test == "in":
            goes = np.isin(column, sets[int(threshold)])
        else:
            goes = ~np.isnan(column) if test == "known" else column <= threshold
        goes = np.where(np.isnan(column), tree["missing_left"][place], goes).astype(bool)
        held[tree["left"][place]], held[tree["right"][place]] = here[goes], here[~goes]
        found.append((operands[feature], here[goes].tolist(), here[~goes].tolist()))
    return found


def partitions(trees: list[list[tuple]]) -> list[set]:
    """By tree, the pairs of rows that some node parts, whatever the feature and the side."""
    return [{frozenset((frozenset(low), frozenset(high))) for _, low, high in tree} for tree in trees]
