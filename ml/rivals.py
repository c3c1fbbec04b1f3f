"""The two rivals of every model: a constant, and the mean label of a row's group.

Belongs here: their fit on training rows and their answer on others, each as strong as so simple a rule can
be for the metric at hand, so that beating it means something. Does not belong here: the comparison
(`ml.evaluate`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ml.evaluate import Subject, best_threshold

if TYPE_CHECKING:
    import pandas as pd

    from ml.spec import ModelSpec

PRIOR_ROWS = 20
"""A group's mean is drawn towards the overall mean by this many rows, so that no small group claims
certainty.
"""


def constant(spec: ModelSpec, train_label: np.ndarray, rows: int) -> Subject:
    """The training mean; the median where the metric is MAE. For classes: the majority for accuracy, and
    "always positive" for precision, recall and F1, where the majority would score nothing.
    """
    mean = np.full(rows, train_label.mean())
    if spec.is_classification:
        always = (mean, 0.0)
        return Subject("constant", mean, of={"precision": always, "recall": always, "f1": always})
    return Subject("constant", mean, of={"mae": (np.full(rows, np.median(train_label)), 0.0)})


def group_mean(spec: ModelSpec, train: pd.DataFrame, train_label: np.ndarray, test: pd.DataFrame) -> Subject:
    """The training mean of the row's group, smoothed (see PRIOR_ROWS); for MAE the group's median. A group
    that training never saw gets the overall value. Its threshold is chosen on training rows by the model's
    own rule.
    """
    columns = list(spec.baseline.group_by)
    frame = train[columns].assign(__label=train_label)
    groups = frame.groupby(columns, dropna=False, sort=False)["__label"].agg(["sum", "count", "median"])
    overall = float(train_label.mean())
    groups["mean"] = (groups["sum"] + PRIOR_ROWS * overall) / (groups["count"] + PRIOR_ROWS)
    groups.loc[groups["count"] < PRIOR_ROWS, "median"] = float(np.median(train_label))
    found = test[columns].merge(groups.reset_index(), how="left", on=columns)
    score = found["mean"].fillna(overall).to_numpy(np.float64)
    if not spec.is_classification:
        median = found["median"].fillna(float(np.median(train_label))).to_numpy(np.float64)
        return Subject("baseline", score, of={"mae": (median, 0.0)})
    own = train[columns].merge(groups.reset_index(), how="left", on=columns)["mean"].to_numpy(np.float64)
    fixed = spec.threshold.value
    return Subject(
        "baseline",
        score,
        best_threshold(train_label, own, spec.threshold.maximise) if fixed is None else fixed,
    )
