"""Small neural networks: scikit-learn's MLPClassifier and MLPRegressor.

Each unit is a weighted sum and a function. The document adds from the left, where scikit-learn leaves the
order to BLAS, so that its own outputs differ from the document's in the last places: by up to 5 units in the
last place of the largest output on the networks measured; the tests allow 8. The document's surfaces agree
to the bit. Belongs here: fully connected layers. Does not belong here: the head's function, which is the
document's.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ml.document.build import Builder
from ml.document.heads import cut_of
from ml.document.importers.linear import classes_of
from ml.document.importers.reading import numbers, refused, rows, same_count
from ml.document.schema import Head

FUNCTIONS = {"logistic": "sigmoid", "tanh": "tanh"}
ABOVE_HALF = float(np.nextafter(0.5, 1.0))
MOST_UNITS = 1_000
"""A layer's units are columns of one SELECT, of which Postgres takes 1,664."""


def _outputs(builder: Builder, model: Any, columns: list[str]) -> list[str]:
    """The last layer's sums, before its function."""
    same_count(model, len(model.coefs_[0]), columns)
    widest = max(len(starts) for starts in model.intercepts_)
    if widest > MOST_UNITS:
        raise refused(model, "the widest layer", widest, f"up to {MOST_UNITS} units")
    layers = list(zip(model.coefs_, model.intercepts_, strict=True))
    for depth, (weights, starts) in enumerate(layers):
        is_last = depth == len(layers) - 1
        label = "margin" if is_last and len(starts) == 1 else "margin_{}" if is_last else f"layer{depth}_{{}}"
        sums = [
            builder.weighted(columns, row, start, label=label.format(unit))
            for unit, (row, start) in enumerate(zip(rows(weights.T), numbers(starts), strict=True))
        ]
        columns = sums if is_last else [_activated(builder, model, x) for x in sums]
    return columns


def _activated(builder: Builder, model: Any, x: str) -> str:
    if model.activation == "relu":
        return builder.rectify(x)
    return x if model.activation == "identity" else builder.function(FUNCTIONS[model.activation], x)


def _classifier(builder: Builder, model: Any, columns: list[str]) -> tuple[list[str], Head]:
    """Log odds of the second class, taken where its probability is above ½; log weights for more classes."""
    if model.out_activation_ not in ("logistic", "softmax"):
        raise refused(model, "the output's activation", model.out_activation_, "logistic, softmax")
    classes, margins = classes_of(model), _outputs(builder, model, columns)
    if model.out_activation_ == "logistic" and len(margins) == 1:
        return margins, Head("sigmoid", classes, cut_of(ABOVE_HALF))
    if model.out_activation_ == "logistic":
        raise refused(model, "the number of labels a row", len(margins), "1")
    return margins, Head("softmax", classes)


def _regressor(builder: Builder, model: Any, columns: list[str]) -> tuple[list[str], Head]:
    if model.out_activation_ not in ("identity", "exp"):
        raise refused(model, "the output's activation", model.out_activation_, "identity, exp")
    return _outputs(builder, model, columns), Head(model.out_activation_)


MODELS = {"sklearn.MLPClassifier": _classifier, "sklearn.MLPRegressor": _regressor}
