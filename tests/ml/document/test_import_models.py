"""Models that are no trees, imported: scores and decisions are scikit-learn's, bits are the same everywhere.

Belongs here: one case an importer. Does not belong here: calibration, networks and what wraps another
estimator (`test_import_composed`), refusals (`test_import_refusals`).
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn import linear_model as linear
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.naive_bayes import BernoulliNB, ComplementNB, GaussianNB, MultinomialNB
from sklearn.neighbors import NearestCentroid
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import SVC, SVR, LinearSVC, LinearSVR, NuSVC

from tests.ml.document.frames import amount, answers, frame, imported, labels
from tests.ml.document.surfaces import assert_same_bits

COLUMNS = ("y", "z")
DATA = frame()[list(COLUMNS)]
REGRESSIONS = [
    linear.LinearRegression(tol=1e-12), linear.Ridge(), linear.RidgeCV(), linear.Lasso(0.01),
    linear.LassoCV(cv=2), linear.ElasticNet(0.01), linear.ElasticNetCV(cv=2), linear.HuberRegressor(),
    linear.BayesianRidge(), linear.Lars(), linear.OrthogonalMatchingPursuit(),
    linear.SGDRegressor(random_state=0), linear.QuantileRegressor(alpha=0.01), linear.PoissonRegressor(),
    linear.GammaRegressor(),
    linear.TweedieRegressor(power=1.5), linear.TweedieRegressor(power=0), LinearSVR(random_state=0),
    SVR(kernel="linear"),
]  # fmt: skip
LINEAR_CLASSIFIERS = [
    linear.LogisticRegression(),
    linear.LogisticRegressionCV(cv=2, use_legacy_attributes=False, scoring="neg_log_loss"),
    linear.LogisticRegression(fit_intercept=False), linear.RidgeClassifier(), linear.RidgeClassifierCV(),
    linear.SGDClassifier(loss="log_loss", random_state=0), linear.SGDClassifier(random_state=0),
    linear.Perceptron(random_state=0), LinearSVC(random_state=0), LinearDiscriminantAnalysis(),
    LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto"),
]  # fmt: skip
BINARY = [
    (SVC(kernel="linear"), 1e-12),
    (linear.LogisticRegression(solver="liblinear"), 1e-12),
    # It adds up large dual weights that cancel.
    (NuSVC(kernel="linear"), 1e-7),
]
LIKELIHOODS = [
    GaussianNB(), MultinomialNB(), ComplementNB(), BernoulliNB(binarize=0.4), BernoulliNB(binarize=None),
    QuadraticDiscriminantAnalysis(), QuadraticDiscriminantAnalysis(reg_param=0.1),
]  # fmt: skip


def fitted(model, target, scaler=None):
    pipeline = make_pipeline(scaler or StandardScaler(), model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pipeline.fit(DATA, target)


@pytest.mark.parametrize("model", REGRESSIONS, ids=lambda one: type(one).__name__)
def test_regressions(model, rows_wh):
    pipeline = fitted(model, amount())
    document = imported(pipeline, COLUMNS)
    given = answers(document, COLUMNS)
    np.testing.assert_allclose(given.scores[:, 0], pipeline.predict(DATA), rtol=1e-12, atol=1e-14)
    assert_same_bits(rows_wh, document)


@pytest.mark.parametrize("model", [linear.LinearRegression(), linear.MultiTaskLasso(0.01)])
def test_regressions_of_several_targets(model, rows_wh):
    pipeline = fitted(model, np.stack([amount(), amount() ** 2], axis=1))
    document = imported(pipeline, COLUMNS)
    np.testing.assert_allclose(answers(document, COLUMNS).scores, pipeline.predict(DATA), rtol=1e-12)
    assert_same_bits(rows_wh, document)


def check_classifier(wh, pipeline, rtol=1e-12):
    """Margins, probabilities where the head has them, decisions, and the surfaces."""
    document = imported(pipeline, COLUMNS)
    given, kind, classes = answers(document, COLUMNS), document.head.kind, np.array(document.head.classes)
    assert (classes[given.decision] == pipeline.predict(DATA)).all()
    if kind in ("sigmoid", "margin") and hasattr(pipeline, "decision_function"):
        margins = pipeline.decision_function(DATA).reshape(len(DATA), -1)
        np.testing.assert_allclose(given.margins, margins, rtol=rtol, atol=1e-13)
    if kind == "sigmoid":
        np.testing.assert_allclose(given.scores[:, 0], pipeline.predict_proba(DATA)[:, 1], rtol=rtol)
    if kind == "softmax":
        np.testing.assert_allclose(given.scores, pipeline.predict_proba(DATA), rtol=rtol, atol=1e-300)
    assert_same_bits(wh, document)


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("model", LINEAR_CLASSIFIERS, ids=lambda one: type(one).__name__)
def test_linear_classifiers(model, count, rows_wh):
    check_classifier(rows_wh, fitted(model, labels(count)))


@pytest.mark.parametrize(("model", "rtol"), BINARY, ids=lambda one: type(one).__name__)
def test_binary_classifiers(model, rtol, rows_wh):
    check_classifier(rows_wh, fitted(model, labels(2)), rtol)


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("model", LIKELIHOODS, ids=lambda one: type(one).__name__)
def test_likelihoods(model, count, rows_wh):
    scaler = None
    if type(model).__name__ not in ("GaussianNB", "QuadraticDiscriminantAnalysis"):
        scaler = MinMaxScaler(clip=True)
    check_classifier(rows_wh, fitted(model, labels(count), scaler), rtol=1e-11)


@pytest.mark.parametrize("kind", [KMeans, MiniBatchKMeans])
def test_clusters(kind, rows_wh):
    pipeline = fitted(kind(3, n_init=1, random_state=0), None)
    document = imported(pipeline, COLUMNS)
    given = answers(document, COLUMNS)
    assert (given.decision == pipeline.predict(DATA)).all()
    np.testing.assert_allclose(np.sqrt(given.margins), pipeline.transform(DATA), rtol=1e-7)
    assert_same_bits(rows_wh, document)


def test_nearest_centres_of_classes(rows_wh):
    pipeline = fitted(NearestCentroid(), labels(3))
    document = imported(pipeline, COLUMNS)
    given = answers(document, COLUMNS)
    assert (np.array(document.head.classes)[given.decision] == pipeline.predict(DATA)).all()
    assert_same_bits(rows_wh, document)


@pytest.mark.parametrize("model", [PCA(2, whiten=True), TruncatedSVD(1, algorithm="arpack")])
def test_components_are_the_answer(model, rows_wh):
    pipeline = fitted(model, None)
    document = imported(pipeline, COLUMNS)
    given, expected = answers(document, COLUMNS).scores, pipeline.transform(DATA)
    np.testing.assert_allclose(given, expected, rtol=1e-11, atol=1e-13)
    assert_same_bits(rows_wh, document)


def test_a_class_is_decided_strictly_above_zero():
    """As scikit-learn does: a margin of exactly 0 is the first class."""
    from ml.document import Evaluator, Input
    from ml.document.importers import import_estimator

    model = linear.LogisticRegression(fit_intercept=False).fit([[-1.0], [1.0], [2.0]], [0, 1, 1])
    row = Evaluator(import_estimator(model, [Input("x", "number")], "m")).row
    assert (row({"x": 0.0})[2], row({"x": 1e-50})[2], row({"x": -1e-50})[2]) == (0, 1, 0)
    assert model.predict([[0.0]])[0] == 0
