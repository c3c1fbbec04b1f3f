"""Transformers of numbers, imported: each column is what the fitted transformer gives.

Belongs here: preprocessing of numbers by itself. Does not belong here: categories (`test_import_encoders`),
models (`test_import_models`), refusals (`test_import_refusals`).
"""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.feature_selection import (
    RFE,
    SelectFromModel,
    SelectKBest,
    SelectPercentile,
    SequentialFeatureSelector,
    VarianceThreshold,
    f_regression,
)
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.linear_model import Lasso, LinearRegression
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    RobustScaler,
    StandardScaler,
)

from tests.ml.document.frames import check_columns

CLIPPED = FunctionTransformer(np.clip, kw_args={"a_min": 0.0, "a_max": 20.0})
WHOLE = {
    "standard": StandardScaler(),
    "standard without mean": StandardScaler(with_mean=False),
    "min max": MinMaxScaler((-1, 2)),
    "min max with clip": Pipeline([("a", MinMaxScaler(clip=True)), ("b", StandardScaler(with_std=False))]),
    "max abs": MaxAbsScaler(),
    "robust": RobustScaler(quantile_range=(5, 95), unit_variance=True),
    "robust without center": RobustScaler(with_centering=False),
    "binarizer": Binarizer(threshold=2.0),
    "bins": KBinsDiscretizer(4, encode="ordinal", strategy="uniform"),
    "bins one hot": KBinsDiscretizer(4, encode="onehot", strategy="uniform"),
    "bins dense": KBinsDiscretizer(3, encode="onehot-dense", strategy="kmeans"),
    "identity": FunctionTransformer(),
    "clip": CLIPPED,
    "log1p": Pipeline([("a", CLIPPED), ("b", FunctionTransformer(np.log1p))]),
    "log": Pipeline([("a", PolynomialFeatures(2, include_bias=False)), ("b", SelectKBest(f_regression, k=2)),
                     ("c", FunctionTransformer(np.clip, kw_args={"a_min": 0.5, "a_max": 9.0})),
                     ("d", FunctionTransformer(np.log))]),
    "polynomial": PolynomialFeatures(3),
    "interactions": PolynomialFeatures(2, interaction_only=True, include_bias=False),
    "variance": VarianceThreshold(10.0),
    "percentile": SelectPercentile(f_regression, percentile=50),
    "from model": SelectFromModel(Lasso(0.1)),
    "rfe": RFE(LinearRegression(), n_features_to_select=1),
    "sequential": SequentialFeatureSelector(LinearRegression(), n_features_to_select=1, cv=2),
    "components": PCA(2),
    "whitened": PCA(2, whiten=True),
    "svd": TruncatedSVD(1, algorithm="arpack"),
    "union": FeatureUnion([("a", StandardScaler()), ("b", PCA(1))], transformer_weights={"b": 0.1}),
    "numbers one hot": OneHotEncoder(max_categories=4, drop="first", handle_unknown="ignore"),
    "remainder": ColumnTransformer([("a", StandardScaler(), ["z"])], remainder="passthrough"),
    "nothing chosen": ColumnTransformer([("a", StandardScaler(), []), ("b", MaxAbsScaler(), [1])]),
}  # fmt: skip
HOLES = {
    "mean": SimpleImputer(),
    "median with indicator": SimpleImputer(strategy="median", add_indicator=True),
    "most frequent": SimpleImputer(strategy="most_frequent"),
    "constant": SimpleImputer(strategy="constant", fill_value=-7.5),
    "indicator of all": MissingIndicator(features="all"),
    "indicator": MissingIndicator(),
    "scaled": make_pipeline(StandardScaler(), SimpleImputer(add_indicator=True), StandardScaler()),
    "numbers one hot": OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=60),
    "numbers ordinal": OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1,
                                      encoded_missing_value=-2),
}  # fmt: skip


@pytest.mark.parametrize("case", WHOLE)
def test_numbers(case, rows_wh):
    check_columns(rows_wh, WHOLE[case], ("z",) if "one hot" in case else ("y", "z"), rtol=1e-12)


@pytest.mark.parametrize("case", HOLES)
def test_numbers_and_truth_values_with_holes(case, rows_wh):
    check_columns(rows_wh, HOLES[case], ("f",) if case.startswith("numbers") else ("x", "y", "f"))


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("strategy", ["mean", "constant"])
def test_a_column_that_was_all_missing_is_dropped_or_kept(keep, strategy, rows_wh):
    imputer = SimpleImputer(strategy=strategy, keep_empty_features=keep, add_indicator=True)
    check_columns(rows_wh, imputer, ("x", "e", "y"))
