"""The project's own linear algorithms, imported: the pipelines that `ml.algorithms` builds.

Belongs here: whole pipelines of ours. Does not belong here: single estimators (`test_import_models`).
"""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from ml.algorithms.linear import LINEAR, RIDGE
from ml.algorithms.logistic import LOGISTIC
from ml.algorithms.preprocessing import for_trees
from tests.ml.document.frames import KINDS, amount, answers, frame, imported, labels, table
from tests.ml.document.surfaces import assert_same_bits

COLUMNS = ("x", "y", "z", "f", "c", "d")
DATA = frame()[list(COLUMNS)]
FEATURES = [SimpleNamespace(name=name, kind=KINDS[name]) for name in COLUMNS]


@pytest.mark.parametrize("algorithm", [LINEAR, RIDGE], ids=lambda one: one.name)
def test_regression_pipelines(algorithm, rows_wh):
    fitted = algorithm.build("regression", {}, FEATURES, 0).fit(DATA, amount())
    document = imported(fitted, COLUMNS)
    np.testing.assert_allclose(
        answers(document, COLUMNS).scores[:, 0], fitted.predict(DATA), rtol=1e-13, atol=1e-13
    )
    assert_same_bits(rows_wh, document)
    assert_same_bits(rows_wh, document, table(COLUMNS))


def test_the_logistic_pipeline_decides_as_it_does_itself(rows_wh):
    fitted = LOGISTIC.build("classification", {}, FEATURES, 0).fit(DATA, labels(2))
    document = imported(fitted, COLUMNS)
    given = answers(document, COLUMNS)
    np.testing.assert_allclose(given.margins[:, 0], fitted.decision_function(DATA), rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(given.scores[:, 0], fitted.predict_proba(DATA)[:, 1], rtol=1e-13)
    assert (np.array(document.head.classes)[given.decision] == fitted.predict(DATA)).all()
    assert_same_bits(rows_wh, document)
    high = answers(imported(fitted, COLUMNS, threshold=0.9), COLUMNS)
    assert (high.decision == (given.scores[:, 0] >= 0.9)).all()


@pytest.mark.parametrize("impute", [True, False])
def test_the_columns_of_tree_models(impute, rows_wh):
    from sklearn.linear_model import LinearRegression
    from sklearn.pipeline import Pipeline

    features = FEATURES if impute else [one for one in FEATURES if one.name in ("y", "z", "c", "d")]
    columns = [one.name for one in features]
    fitted = Pipeline([("prepare", for_trees(features, impute=impute)), ("model", LinearRegression())])
    document = imported(fitted.fit(frame()[columns], amount()), columns)
    np.testing.assert_allclose(
        answers(document, columns).scores[:, 0], fitted.predict(frame()[columns]), rtol=1e-12, atol=1e-12
    )
    assert_same_bits(rows_wh, document)
