"""From data frame to scores: the one function behind evaluation, batch scoring and the service.

Belongs here: calling a fitted pipeline so that a row's score has the same 64 bits alone, in a batch, and in
any order. Does not belong here: reading rows (`ml.feature_frame`), fitting, thresholds.

Two things in scikit-learn would break that. A dense product goes to BLAS, whose kernels sum a row in another
order as the number of rows changes; so linear models are summed here, row by row. A forest adds its trees up
in the order in which threads finish; so forests predict in one thread. Boosted trees add up each row by
itself and need nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd


def _linear_margins(model: Any, prepared: Any) -> np.ndarray:
    coefficients = np.ravel(np.asarray(model.coef_, dtype=np.float64))
    if hasattr(prepared, "tocsr"):
        # scipy walks a row's stored values in order, whatever other rows there are.
        sums = np.asarray(prepared.tocsr().astype(np.float64) @ coefficients)
    else:
        # C order makes numpy reduce each row by itself; a column-major product would be summed column by
        # column.
        products = np.multiply(np.asarray(prepared, dtype=np.float64), coefficients, order="C")
        sums = products.sum(axis=1)
    return sums + np.ravel(np.asarray(model.intercept_, dtype=np.float64))[0]


def _single_threaded(model: Any) -> Any:
    # LightGBM splits rows among threads, not trees: it keeps its threads.
    if hasattr(model, "estimators_") and getattr(model, "n_jobs", None) not in (None, 1):
        model.n_jobs = 1
    return model


def row_scores(estimator: Any, task: str, frame: pd.DataFrame) -> np.ndarray:
    """Scores of shape (rows,), float64: P(positive) for "classification", the predicted value for
    "regression".

    `estimator` is a fitted scikit-learn Pipeline whose last step is the model; its classes are 0 and 1. A
    forest's `n_jobs` is set to 1 in place. An empty frame gives an empty array (scikit-learn would raise).

    Raises:
        ValueError: the task is neither, or the model has other than two classes.
    """
    if task not in ("classification", "regression"):
        raise ValueError(f"task {task!r}; allowed: classification, regression.")
    if not len(frame):
        return np.empty(0, dtype=np.float64)
    model = _single_threaded(estimator[-1])
    is_classifier = task == "classification"
    if is_classifier and len(model.classes_) != 2:
        raise ValueError(
            f"the model has classes {list(model.classes_)}; allowed: two. Train on a label with both."
        )
    prepared = estimator[:-1].transform(frame) if len(estimator) > 1 else frame
    if hasattr(model, "coef_"):
        from scipy.special import expit

        margins = _linear_margins(model, prepared)
        return expit(margins) if is_classifier else margins
    values = model.predict_proba(prepared)[:, 1] if is_classifier else model.predict(prepared)
    return np.asarray(values, dtype=np.float64)
