"""Models made of others, imported: calibration, searches, thresholds, transformed targets; and networks.

Belongs here: what passes a margin on, and layers. Does not belong here: the models inside
(`test_import_models`).
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import VotingClassifier, VotingRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LinearRegression, LogisticRegression, PoissonRegressor
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV, TunedThresholdClassifierCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from tests.ml.document.frames import amount, answers, frame, imported, labels
from tests.ml.document.surfaces import assert_same_bits

COLUMNS = ("y", "z")
DATA = frame()[list(COLUMNS)]
BASES = {
    "linear svm": make_pipeline(StandardScaler(), LinearSVC(random_state=0)),
    "logistic": LogisticRegression(),
    "bayes": GaussianNB(),
    "tree": DecisionTreeClassifier(max_depth=3, random_state=0),
}


def fit(model, target):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(DATA, target)


def units_apart(given, expected):
    """The largest difference in units in the last place of the largest number of the column."""
    return float(np.max(np.abs(given - expected)) / np.spacing(np.max(np.abs(expected))))


@pytest.mark.parametrize("ensemble", [True, False])
@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
@pytest.mark.parametrize("base", BASES)
def test_calibrated_classifiers(base, method, ensemble, rows_wh):
    model = fit(CalibratedClassifierCV(BASES[base], method=method, cv=2, ensemble=ensemble), labels(2))
    document = imported(model, COLUMNS)
    given = answers(document, COLUMNS)
    np.testing.assert_allclose(given.scores[:, 0], model.predict_proba(DATA)[:, 1], rtol=1e-12, atol=1e-14)
    assert (np.array(document.head.classes)[given.decision] == model.predict(DATA)).all()
    assert document.head.kind == ("sigmoid" if (method, ensemble) == ("sigmoid", False) else "probability")
    assert_same_bits(rows_wh, document)


@pytest.mark.parametrize("out_of_bounds", ["nan", "clip", "raise"])
def test_isotonic_regression(out_of_bounds, rows_wh):
    """Outside the training range the document is missing where scikit-learn gives NaN or raises."""
    from ml.document import Evaluator, Input
    from ml.document.importers import import_estimator

    model = IsotonicRegression(out_of_bounds=out_of_bounds).fit(DATA.y, amount())
    document = import_estimator(model, [Input("y", "number")], "m")
    given = answers(document, ("y",)).scores[:, 0]
    np.testing.assert_allclose(given, model.predict(DATA.y), rtol=1e-13)
    low, high = float(DATA.y.min()), float(DATA.y.max())
    row = Evaluator(document).row
    ends = [row({"y": x})[0][0] for x in (np.nextafter(low, -np.inf), low, high, np.nextafter(high, np.inf))]
    assert list(np.isnan(ends)) == [out_of_bounds != "clip", False, False, out_of_bounds != "clip"]
    assert_same_bits(rows_wh, document)


@pytest.mark.parametrize("activation", ["relu", "tanh", "logistic", "identity"])
def test_networks_differ_from_theirs_by_few_units_in_the_last_place(activation, rows_wh):
    """scikit-learn leaves the order of its sums to BLAS, the document adds from the left."""
    network = {"hidden_layer_sizes": (12, 5), "activation": activation, "max_iter": 60, "random_state": 0}
    model = fit(make_pipeline(StandardScaler(), MLPRegressor(**network)), amount())
    document = imported(model, COLUMNS)
    assert units_apart(answers(document, COLUMNS).scores[:, 0], model.predict(DATA)) <= 8
    assert_same_bits(rows_wh, document)


@pytest.mark.parametrize("count", [2, 3])
def test_network_classifiers(count, rows_wh):
    network = MLPClassifier((8,), max_iter=60, random_state=0)
    model = fit(make_pipeline(StandardScaler(), network), labels(count))
    document = imported(model, COLUMNS)
    given, expected = answers(document, COLUMNS), model.predict_proba(DATA)
    assert (np.array(document.head.classes)[given.decision] == model.predict(DATA)).all()
    assert units_apart(given.scores, expected[:, 1:] if count == 2 else expected) <= 8
    assert_same_bits(rows_wh, document)


@pytest.mark.parametrize(
    ("there", "back"), [(None, None), (np.log, np.exp), (np.log1p, np.expm1)], ids=["plain", "log", "log1p"]
)
def test_transformed_targets(there, back, rows_wh):
    model = fit(TransformedTargetRegressor(LinearRegression(), func=there, inverse_func=back), amount())
    document = imported(model, COLUMNS)
    np.testing.assert_allclose(answers(document, COLUMNS).scores[:, 0], model.predict(DATA), rtol=1e-12)
    assert_same_bits(rows_wh, document)


@pytest.mark.parametrize("kind", ["search", "frozen", "fixed", "tuned", "fixed on the margin"])
def test_wrappers(kind, rows_wh):
    plain = LogisticRegression()
    model = {
        "search": GridSearchCV(plain, {"C": [0.1, 1.0]}, cv=2),
        "frozen": FrozenEstimator(fit(plain, labels(2))),
        "fixed": FixedThresholdClassifier(plain, threshold=0.8),
        "tuned": TunedThresholdClassifierCV(plain, cv=2),
        "fixed on the margin": FixedThresholdClassifier(
            LinearSVC(), threshold=0.25, response_method="decision_function"
        ),
    }[kind]
    model = fit(model, labels(2))
    document = imported(model, COLUMNS)
    given = answers(document, COLUMNS)
    assert (np.array(document.head.classes)[given.decision] == model.predict(DATA)).all()
    assert_same_bits(rows_wh, document)


@pytest.mark.parametrize("weights", [None, [1.0, 3.0]])
def test_votes(weights, rows_wh):
    parts = [("a", BASES["logistic"]), ("b", BASES["tree"])]
    model = fit(VotingClassifier(parts, voting="soft", weights=weights), labels(2))
    document = imported(model, COLUMNS)
    given = answers(document, COLUMNS)
    np.testing.assert_allclose(given.scores[:, 0], model.predict_proba(DATA)[:, 1], rtol=1e-13)
    assert (np.array(document.head.classes)[given.decision] == model.predict(DATA)).all()
    assert_same_bits(rows_wh, document)
    parts = [("a", LinearRegression()), ("b", PoissonRegressor())]
    model = fit(VotingRegressor(parts, weights=weights), amount())
    document = imported(model, COLUMNS)
    np.testing.assert_allclose(answers(document, COLUMNS).scores[:, 0], model.predict(DATA), rtol=1e-12)
    assert_same_bits(rows_wh, document)
