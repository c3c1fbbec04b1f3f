"""Encoders of text, imported: known, rare, unknown and missing categories.

Belongs here: categories by themselves, and imputation in front of them. Does not belong here: numbers as
categories (`test_import_transformers`).
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.feature_selection import VarianceThreshold
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler, TargetEncoder

from ml.document import Evaluator
from tests.ml.document.frames import (
    amount,
    answers,
    check_columns,
    columns_of,
    dense,
    frame,
    imported,
    labels,
)
from tests.ml.document.surfaces import assert_same_bits

ORDINAL = {"handle_unknown": "use_encoded_value", "unknown_value": -1}
FILL = SimpleImputer(missing_values=None, strategy="constant", fill_value="b")
NEW = SimpleImputer(missing_values=None, strategy="constant", fill_value="new")
ENCODERS = {
    "one hot": OneHotEncoder(),
    "one hot ignore": OneHotEncoder(handle_unknown="ignore", sparse_output=False),
    "one hot first": OneHotEncoder(drop="first"),
    "one hot binary": OneHotEncoder(drop="if_binary", handle_unknown="ignore"),
    "one hot named": OneHotEncoder(drop=["b", "v"], handle_unknown="ignore"),
    "one hot rare": OneHotEncoder(min_frequency=35, handle_unknown="infrequent_if_exist"),
    "one hot rare dropped": OneHotEncoder(min_frequency=35, drop=["a", "u"], handle_unknown="warn"),
    "one hot rare missing": OneHotEncoder(min_frequency=80, handle_unknown="infrequent_if_exist"),
    "one hot few": OneHotEncoder(max_categories=2, handle_unknown="ignore"),
    "ordinal": OrdinalEncoder(),
    "ordinal unknown": OrdinalEncoder(**ORDINAL, encoded_missing_value=-2),
    "ordinal unknown missing": OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan),
    "ordinal rare": OrdinalEncoder(**ORDINAL, min_frequency=35),
    "target": TargetEncoder(cv=2),
    "filled": Pipeline([("a", FILL), ("b", OneHotEncoder(handle_unknown="ignore"))]),
    "filled ordinal": Pipeline([("a", FILL), ("b", OrdinalEncoder(**ORDINAL))]),
    "filled unseen": Pipeline([("a", NEW), ("b", OrdinalEncoder(**ORDINAL)), ("c", VarianceThreshold(0.3))]),
    "filled most frequent": Pipeline([("a", SimpleImputer(missing_values=None, strategy="most_frequent")),
                                      ("b", TargetEncoder(cv=2))]),
    "both ways": FeatureUnion([("a", Pipeline([("a", FILL), ("b", OneHotEncoder())])), ("b", OneHotEncoder()),
                               ("c", MissingIndicator(missing_values=None, features="all"))]),
    "chosen": ColumnTransformer([("a", OneHotEncoder(), ["d"])], remainder=OrdinalEncoder()),
}  # fmt: skip
NAN_ENCODERS = {
    "one hot": OneHotEncoder(handle_unknown="ignore"),
    "ordinal": OrdinalEncoder(**ORDINAL, encoded_missing_value=-2),
    "ordinal rare": OrdinalEncoder(**ORDINAL, encoded_missing_value=-2, max_categories=3),
    "target": TargetEncoder(cv=2),
}


@pytest.mark.parametrize("case", ENCODERS)
def test_text(case, rows_wh):
    check_columns(rows_wh, ENCODERS[case], ("c", "d"))


@pytest.mark.parametrize("case", NAN_ENCODERS)
def test_text_whose_holes_were_nan(case, rows_wh):
    data = frame()[["c"]].map(lambda value: np.nan if value is None else value)
    check_columns(rows_wh, NAN_ENCODERS[case], ("c",), data=data)


@pytest.mark.parametrize("count", [2, 3])
def test_target_encoding_of_classes(count, rows_wh):
    check_columns(rows_wh, TargetEncoder(cv=2), ("c", "d"), target=labels(count))


CATCHING = ["one hot ignore", "one hot binary", "one hot rare", "ordinal unknown", "target"]


@pytest.mark.filterwarnings("ignore:Found unknown")
@pytest.mark.parametrize("case", CATCHING)
def test_unknown_and_missing_text_is_what_the_encoder_makes_of_it(case):
    encoder = ENCODERS[case].fit(frame()[["c", "d"]], amount())
    new = pd.DataFrame({"c": ["zz", "", "A", None, "it's"], "d": ["u", None, "w", "v", "V"]}, dtype=object)
    new = new.where(new.notna(), None)
    expected = dense(encoder.transform(new))
    given = Evaluator(columns_of(encoder, ("c", "d"))).table(pa.Table.from_pandas(new)).margins
    np.testing.assert_allclose(given, expected, rtol=1e-13)


@pytest.mark.parametrize("encoder", [OneHotEncoder(), OrdinalEncoder()])
def test_where_an_encoder_raises_the_number_is_missing(encoder, rows_wh):
    document = columns_of(encoder.fit(frame()[["d"]]), ("d",))
    given = Evaluator(document).row({"d": "new"})[0]
    assert all(np.isnan(given))
    assert_same_bits(rows_wh, document)


def test_an_empty_text_and_overlapping_indicators_are_added_up(rows_wh):
    from ml.document import Builder, Head

    builder = Builder("overlap")
    c = builder.input("c", "category")
    first = builder.lookup(c, [("", 1.0), ("a", 1.0)], 0.0, 0.0)
    second = builder.lookup(c, [("a", 1.0)], 0.0, 1.0)
    margin = builder.weighted([first, second], [0.5, 0.25], 1.0)
    document = builder.document([margin], Head("identity"), {})
    row = Evaluator(document).row
    assert [row({"c": c})[0][0] for c in ("", "a", "b", None)] == [1.5, 1.75, 1.0, 1.25]
    assert_same_bits(rows_wh, document)


def test_scaled_indicators_are_one_term_of_a_sum(rows_wh):
    model = make_pipeline(OneHotEncoder(), StandardScaler(with_mean=False), LinearRegression())
    model.fit(frame()[["c"]], amount())
    document = imported(model, ("c",))
    assert [node.op for node in document.nodes] == ["lookup", "weighted"]
    given = answers(document, ("c",)).scores[:, 0]
    np.testing.assert_allclose(given, model.predict(frame()[["c"]]), rtol=1e-13)
    assert_same_bits(rows_wh, document)
