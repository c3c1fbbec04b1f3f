"""scikit-learn's transformers to other columns: chosen ones, products, components.

Belongs here: feature selection, PolynomialFeatures, PCA, TruncatedSVD, FeatureUnion. Does not belong here:
what keeps every column (`scaling`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ml.document.build import Builder
from ml.document.importers.reading import numbers, refused, rows, same_count
from ml.document.schema import Head

SELECTORS = (
    "VarianceThreshold", "SelectKBest", "SelectPercentile", "SelectFpr", "SelectFdr", "SelectFwe",
    "GenericUnivariateSelect", "SelectFromModel", "RFE", "RFECV", "SequentialFeatureSelector",
)  # fmt: skip


def _selected(builder: Builder, selector: Any, columns: list[str]) -> list[str]:
    """The columns that a fitted selector keeps."""
    support = selector.get_support()
    same_count(selector, len(support), columns)
    return [x for x, kept in zip(columns, support, strict=True) if kept]


def _polynomial(builder: Builder, features: Any, columns: list[str]) -> list[str]:
    """Products of up to three columns, from the left; the constant where it is asked for."""
    powers = np.asarray(features.powers_).astype(int).tolist()
    if powers and max(map(sum, powers)) > 3:
        raise refused(features, "degree", features.degree, "1, 2, 3")
    made: dict[tuple[int, ...], str] = {}

    def product(places: tuple[int, ...]) -> str:
        if len(places) == 1:
            return columns[places[0]]
        if places not in made:
            made[places] = builder.product(product(places[:-1]), columns[places[-1]])
        return made[places]

    given = []
    for row in powers:
        places = tuple(place for place, power in enumerate(row) for _ in range(power))
        given.append(product(places) if places else builder.constant(1.0, "one"))
    return given


def components(builder: Builder, model: Any, columns: list[str]) -> list[str]:
    """PCA and TruncatedSVD: a weighted sum of the centred columns for each component."""
    directions = rows(model.components_)
    same_count(model, len(directions[0]), columns)
    mean = getattr(model, "mean_", None)
    if mean is not None:
        columns = [builder.affine(x, subtract=m) for x, m in zip(columns, numbers(mean), strict=True)]
    given = [
        builder.weighted(columns, direction, 0.0, label=f"component_{place}")
        for place, direction in enumerate(directions)
    ]
    if getattr(model, "whiten", False):
        spread = np.sqrt(np.asarray(model.explained_variance_))
        # As scikit-learn does: a direction without any spread is divided by the smallest number there is.
        spread = numbers(np.maximum(spread, np.finfo(np.float64).eps))
        given = [builder.affine(x, divide=size) for x, size in zip(given, spread, strict=True)]
    return given


def _components_model(builder: Builder, model: Any, columns: list[str]) -> tuple[list[str], Head]:
    return components(builder, model, columns), Head("identity")


def _union(builder: Builder, union: Any, columns: list[str]) -> list[str]:
    """Each part's columns behind one another, times its weight where it has one."""
    from ml.document.importers import transformer_of

    given = []
    for name, part in union.transformer_list:
        weight = float((union.transformer_weights or {}).get(name, 1.0))
        given += [builder.affine(x, multiply=weight) for x in transformer_of(builder, part, columns)]
    return given


TRANSFORMERS = {
    **{f"sklearn.{name}": _selected for name in SELECTORS},
    "sklearn.PolynomialFeatures": _polynomial,
    "sklearn.PCA": components,
    "sklearn.TruncatedSVD": components,
    "sklearn.FeatureUnion": _union,
}
MODELS = {"sklearn.PCA": _components_model, "sklearn.TruncatedSVD": _components_model}
