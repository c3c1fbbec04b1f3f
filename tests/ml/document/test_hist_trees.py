"""scikit-learn's histogram boosting as documents: missing values, categories, every loss; its bits."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from ml.document import Document, DocumentError, Evaluator, Input
from ml.document.importers import import_estimator
from ml.document.parity import check_parity
from tests.ml.document.tree_rows import assert_margins, bits, classes, features, imported, target


@pytest.mark.parametrize(("loss", "head"), [
    ("squared_error", "identity"), ("absolute_error", "identity"), ("quantile", "identity"),
    ("poisson", "exp"), ("gamma", "exp"),
])  # fmt: skip
def test_every_loss_has_the_librarys_bits(loss, head):
    x = features(900, missing=0.15)
    model = HistGradientBoostingRegressor(loss=loss, quantile=0.4, max_iter=15, random_state=0)
    model.fit(x, np.abs(target(x)) + 0.1)
    document = assert_margins(model, x, model._raw_predict, missing=True, infinite=True)
    assert document.head.kind == head


@pytest.mark.parametrize("count", [2, 3])
def test_classes_have_the_librarys_log_odds(count):
    x = features(900, missing=0.15)
    model = HistGradientBoostingClassifier(max_iter=15).fit(x, classes(target(x), count))
    assert_margins(model, x, model.decision_function, missing=True, infinite=True)


def with_codes(rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Features whose second column holds categories as numbers, also below zero; a target that reads it."""
    random, x = np.random.default_rng(2), features(rows, missing=0.1)
    x[:, 1] = np.where(random.random(rows) < 0.1, np.nan, random.integers(-3, 12, rows))
    return x, target(x) + 3.0 * (x[:, 1] % 3 == 1) + 5.0 * np.isnan(x[:, 1])


def test_numbers_as_categories_have_the_librarys_bits():
    x, y = with_codes(900)
    model = HistGradientBoostingRegressor(max_iter=20, categorical_features=[1]).fit(x, y)
    document = assert_margins(model, x, model.predict, missing=True)
    assert any("in" in tree["test"] for tree in document.nodes[-1].params["trees"])


def frame(rows: int) -> pd.DataFrame:
    random = np.random.default_rng(3)
    texts = np.array(["north", "it's", "süd", "", "e\\n"], object)[random.integers(0, 5, rows)]
    place = pd.Series(texts).where(random.random(rows) > 0.1)
    return pd.DataFrame({
        "amount": features(rows, missing=0.1)[:, 0],
        "place": pd.Categorical(place),
        "kind": pd.Categorical(np.array(["p", "q", "r"])[random.integers(0, 3, rows)]),
    })  # fmt: skip


FRAME = [Input("amount", "number"), Input("place", "category"), Input("kind", "category")]


def arrow(data: pd.DataFrame) -> pa.Table:
    def texts(name: str) -> pa.Array:
        return pa.array([value if isinstance(value, str) else None for value in data[name]])

    amount = pa.array(data["amount"].to_numpy())
    return pa.table({"amount": amount, "place": texts("place"), "kind": texts("kind")})


def test_text_is_numbered_as_the_estimators_own_encoder_does(wh):
    data = frame(900)
    y = data["amount"].fillna(0.5) + 2.0 * (data["place"] == "süd") + data["place"].isna()
    y += data["kind"] == "q"
    model = HistGradientBoostingRegressor(max_iter=15, categorical_features="from_dtype").fit(data, y)
    document = Document.from_text(import_estimator(model, FRAME, "text").text)
    strange = data.copy()
    strange["place"] = strange["place"].astype(object)
    strange.loc[::5, "place"] = "never seen"
    strange["place"] = pd.Categorical(strange["place"])
    for rows in (data, strange):
        answers = Evaluator(document).table(arrow(rows))
        np.testing.assert_array_equal(bits(answers.margins[:, 0]), bits(model.predict(rows)))
    check_parity(wh, document, rows=100, adversarial=1_000).require()


def test_all_surfaces_agree(wh):
    x, y = with_codes(600)
    fitted = [
        HistGradientBoostingClassifier(max_iter=8, categorical_features=[1]).fit(x, classes(y, 3)),
        HistGradientBoostingRegressor(max_iter=8, loss="poisson").fit(x, np.abs(y)),
    ]
    for model in fitted:
        check_parity(wh, imported(model, x), rows=100, adversarial=1_500).require()


def test_categories_of_mixed_kinds_are_refused():
    x, y = with_codes(200)
    model = HistGradientBoostingRegressor(max_iter=2, categorical_features=[1]).fit(x, y)
    encoder = model._preprocessor.named_transformers_["encoder"]
    encoder.categories_ = [np.array([1, "x"] + [2] * 10, dtype=object)]
    with pytest.raises(DocumentError, match="all texts, or all finite numbers"):
        imported(model, x)
