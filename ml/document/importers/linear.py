"""Linear models: least squares and its penalised kin, logistic regression.

Belongs here: models whose margins are weighted sums of their columns.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ml.document.build import Builder
from ml.document.schema import Head


def _regression(builder: Builder, model: Any, columns: list[str]) -> tuple[list[str], Head]:
    weights = np.ravel(np.asarray(model.coef_, dtype=np.float64)).tolist()
    start = float(np.ravel(model.intercept_)[0])
    return [builder.weighted(columns, weights, start, label="margin")], Head("identity")


MODELS = {"sklearn.LinearRegression": _regression}
