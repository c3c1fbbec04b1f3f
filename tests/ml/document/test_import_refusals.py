"""What has no counterpart in a document is refused by name, before anything is made of it.

Belongs here: refusals of importers. Does not belong here: refusals of a document's own parts.
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    StandardScaler,
)
from sklearn.svm import SVC, SVR

from ml.document import DocumentError
from tests.ml.document.frames import amount, frame, imported, labels

COLUMNS = ("y", "z")


def line(transformer):
    return make_pipeline(transformer, LinearRegression())


def double(x):
    return x * 2


REGRESSORS = {
    "sklearn.GaussianProcessRegressor has no importer": GaussianProcessRegressor(),
    "sklearn.KNNImputer has no importer": line(KNNImputer()),
    "sklearn.Normalizer has no importer": line(Normalizer()),
    "sklearn.PowerTransformer has no importer": line(PowerTransformer()),
    "sklearn.QuantileTransformer has no importer": line(QuantileTransformer(n_quantiles=10)),
    "func is 'sqrt with": line(FunctionTransformer(np.sqrt)),
    "func is 'double with": line(FunctionTransformer(double)),
    "func is 'log1p with": line(FunctionTransformer(np.log1p, kw_args={"dtype": float})),
    "degree is 4": line(PolynomialFeatures(4)),
    "missing_values is -1": line(SimpleImputer(missing_values=-1)),
    "kernel is 'rbf'": SVR(),
    "way back from the target is 'square'": TransformedTargetRegressor(
        LinearRegression(), func=np.sqrt, inverse_func=np.square
    ),
    "way back from the target is 'StandardScaler'": TransformedTargetRegressor(
        LinearRegression(), transformer=StandardScaler()
    ),
}
CLASSIFIERS = {
    "sklearn.KNeighborsClassifier has no importer": KNeighborsClassifier(),
    "kernel is 'poly'": SVC(kernel="poly"),
    "number of classes is 3; allowed: 2; LinearSVC": SVC(kernel="linear"),
    "number of classes is 3; allowed: 2": CalibratedClassifierCV(LogisticRegression(), cv=2),
    "metric is 'manhattan'": NearestCentroid(metric="manhattan"),
}


def fit(model, data, target):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(data, target)


@pytest.mark.parametrize("words", REGRESSORS)
def test_regressors(words):
    model = REGRESSORS[words]
    data = frame()[list(COLUMNS)].abs()
    with pytest.raises(DocumentError, match=words.replace("(", ".")):
        imported(fit(model, data, amount()), COLUMNS)


@pytest.mark.parametrize("words", CLASSIFIERS)
def test_classifiers(words):
    model = fit(CLASSIFIERS[words], frame()[list(COLUMNS)], labels(3))
    with pytest.raises(DocumentError, match=words):
        imported(model, COLUMNS)


def test_a_temperature_calibration_and_a_threshold_on_several_classes():
    model = CalibratedClassifierCV(LogisticRegression(), method="temperature", cv=2)
    with pytest.raises(DocumentError, match="method is 'temperature'"):
        imported(fit(model, frame()[list(COLUMNS)], labels(2)), COLUMNS)
    model = fit(LogisticRegression(), frame()[list(COLUMNS)], labels(3))
    with pytest.raises(DocumentError, match="threshold 0.5 for head softmax"):
        imported(model, COLUMNS, threshold=0.5)


def test_several_labels_a_row():
    several = np.stack([labels(2) == "low", frame().z > 2], axis=1).astype(int)
    for model in (MLPClassifier((3,), max_iter=5), RidgeClassifier()):
        fit(model, frame()[list(COLUMNS)], several)
        with pytest.raises(DocumentError, match="number of labels a row|one label a row"):
            imported(model, COLUMNS)


def test_a_layer_wider_than_a_select():
    model = fit(MLPRegressor(hidden_layer_sizes=(1_001,), max_iter=1), frame()[list(COLUMNS)], amount())
    with pytest.raises(DocumentError, match="widest layer is 1001"):
        imported(model, COLUMNS)


def test_text_where_a_number_is_needed():
    imputer = SimpleImputer(missing_values=None, strategy="most_frequent").fit(frame()[["c"]])
    model = LinearRegression().fit(frame()[["y"]].to_numpy(), amount())
    with pytest.raises(DocumentError, match="column 'c' is text where a number is needed"):
        imported(make_pipeline(imputer, model), ("c",))


def test_a_category_of_the_other_kind():
    model = fit(line(OrdinalEncoder()), frame()[["z"]], amount())
    with pytest.raises(DocumentError, match="column 'd' is text, and its encoder knows the category 0.0"):
        imported(model, ("d",))
    model = fit(line(OrdinalEncoder()), frame()[["d"]], amount())
    with pytest.raises(DocumentError, match="column 'z' is a number, and its encoder knows the category 'u'"):
        imported(model, ("z",))


def test_two_kinds_of_missing_text():
    encoder = OneHotEncoder().fit(np.array([["a"], [None], [float("nan")]], dtype=object))
    with pytest.raises(DocumentError, match="one kind of missing value"):
        imported(make_pipeline(encoder, LinearRegression()), ("c",))


def test_a_model_of_other_columns():
    model = fit(LinearRegression(), frame()[["y", "z"]], amount())
    with pytest.raises(DocumentError, match="fitted on 2 columns and is given 1"):
        imported(model, ("y",))
    parts = ColumnTransformer([("a", StandardScaler(), ["y"])])
    with pytest.raises(DocumentError, match="fitted on 2 columns and is given 1"):
        imported(fit(make_pipeline(parts, LinearRegression()), frame()[["y", "z"]], amount()), ("y",))


def test_a_weight_beyond_what_can_be_added():
    model = fit(LinearRegression(), frame()[["y"]], amount())
    model.coef_ = np.array([1e150])
    with pytest.raises(DocumentError, match="a weight is 1e\\+150"):
        imported(model, ("y",))
    model = fit(FixedThresholdClassifier(LogisticRegression(), threshold=2.0), frame()[["y"]], labels(2))
    with pytest.raises(DocumentError, match="threshold is 2.0; allowed: between 0 and 1"):
        imported(model, ("y",))
