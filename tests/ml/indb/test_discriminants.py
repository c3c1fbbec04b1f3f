"""Discriminants and naive Bayes against scikit-learn on the same rows, and their documents' parity.

Belongs here: what is fitted by class. Does not belong here: regressions.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from ml.document import Document, Evaluator
from ml.document.parity import check_parity
from ml.indb.class_moments import classes_of
from ml.indb.cofactor_scan import Measured, measure
from ml.indb.columns import Number
from ml.indb.discriminants import linear_discriminants, quadratic_discriminants
from ml.indb.errors import InDatabaseError
from ml.indb.naive_bayes import multinomial, naive_bayes
from tests.ml.indb.sample import CATEGORIES, NUMBERS, matrix, sample
from warehouse.client import Warehouse

FEATURES = ["price", "count", "wide", "age"]
PLAIN = ["price", "count", "y"]


@pytest.fixture(scope="module")
def table() -> pa.Table:
    return sample()


@pytest.fixture(scope="module")
def measured(rows_wh: Warehouse, table: pa.Table) -> Measured:
    rows_wh.load_arrow("public", "classed", table, "create")
    numbers = [number for number in NUMBERS if number.name != "is_open"]
    return measure(rows_wh, "classed", numbers, CATEGORIES[:1], by=["zone", "is_open"])


def scores(document: Document, table: pa.Table) -> np.ndarray:
    """Probabilities of each class (n, k), or of the second of two."""
    types = {"number": pa.float64(), "category": pa.string()}
    rows = pa.table({one.name: table.column(one.name).cast(types[one.kind]) for one in document.inputs})
    return Evaluator(document).table(rows).scores


def agrees(wh: Warehouse, document: Document) -> None:
    report = check_parity(wh, document, rows=50, adversarial=300)
    assert report.is_equal, str(report)


def expected(model: Any, x: np.ndarray, label: np.ndarray) -> np.ndarray:
    found = model.fit(x, label).predict_proba(x)
    return found[:, 1:] if found.shape[1] == 2 else found


@pytest.mark.parametrize("label", ["zone", "is_open"])
def test_linear_discriminants(rows_wh: Warehouse, measured: Measured, table: pa.Table, label: str):
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    fit = linear_discriminants(classes_of(measured, label), [*FEATURES, "shape"])
    x, given = matrix(table, [term.name for term in fit.terms]), table.column(label).to_numpy(False)
    document = fit.document(measured.kinds, "discriminants")
    assert list(document.head.classes) == sorted(set(given.tolist()))
    peer = expected(LinearDiscriminantAnalysis(solver="lsqr"), x, given)
    assert np.allclose(scores(document, table), peer, rtol=0, atol=1e-9)
    agrees(rows_wh, document)


@pytest.mark.parametrize("label", ["zone", "is_open"])
def test_quadratic_discriminants(rows_wh: Warehouse, measured: Measured, table: pa.Table, label: str):
    from scipy.special import softmax
    from scipy.stats import multivariate_normal

    fit = quadratic_discriminants(classes_of(measured, label), FEATURES)
    x, given = matrix(table, [term.name for term in fit.terms]), table.column(label).to_numpy(False)
    document = fit.document(measured.kinds, "discriminants")
    peer = []
    for name in fit.classes:
        own = x[given == name]
        density = multivariate_normal(own.mean(axis=0), np.cov(own, rowvar=False, bias=True)).logpdf(x)
        peer.append(np.log(len(own)) + density)
    peer = softmax(np.column_stack(peer), axis=1)[:, -1 if label == "is_open" else slice(None)]
    peer = peer.reshape(len(x), -1)
    assert np.allclose(scores(document, table), peer, rtol=0, atol=1e-9)
    agrees(rows_wh, document)


@pytest.mark.parametrize("label", ["zone", "is_open"])
def test_gaussian_naive_bayes(rows_wh: Warehouse, measured: Measured, table: pa.Table, label: str):
    from sklearn.naive_bayes import GaussianNB

    fit = naive_bayes(classes_of(measured, label), PLAIN)
    x, given = matrix(table, PLAIN), table.column(label).to_numpy(False)
    document = fit.document(measured.kinds, "bayes")
    assert np.allclose(scores(document, table), expected(GaussianNB(), x, given), rtol=0, atol=1e-10)
    agrees(rows_wh, document)


def test_categories_in_naive_bayes(rows_wh: Warehouse, measured: Measured, table: pa.Table):
    from sklearn.naive_bayes import CategoricalNB

    fit = naive_bayes(classes_of(measured, "zone"), categories=["shape"])
    texts = list(fit.shares["shape"])
    codes = np.array([[texts.index(text)] for text in table.column("shape").to_pylist()])
    document = fit.document(measured.kinds, "bayes")
    peer = expected(CategoricalNB(), codes, table.column("zone").to_numpy())
    assert np.allclose(scores(document, table), peer, rtol=0, atol=1e-12)
    agrees(rows_wh, document)
    agrees(rows_wh, naive_bayes(classes_of(measured, "zone"), PLAIN, ["shape"]).document(measured.kinds, "b"))


def test_multinomial_naive_bayes(rows_wh: Warehouse, measured: Measured, table: pa.Table):
    from sklearn.naive_bayes import MultinomialNB

    fit = multinomial(classes_of(measured, "zone"), ["price", "count"])
    document = fit.document(measured.kinds, "bayes")
    peer = expected(MultinomialNB(), matrix(table, ["price", "count"]), table.column("zone").to_numpy())
    assert np.allclose(scores(document, table), peer, rtol=0, atol=1e-11)
    agrees(rows_wh, document)


def test_refusals(rows_wh: Warehouse, measured: Measured):
    classes = classes_of(measured, "zone")
    with pytest.raises(InDatabaseError, match=r"one class, \[1\]; allowed: two or more"):
        linear_discriminants({1: classes[1]}, FEATURES)
    with pytest.raises(InDatabaseError, match="not split by 'day'; allowed: zone, is_open"):
        classes_of(measured, "day")
    with pytest.raises(InDatabaseError, match="naive Bayes without features"):
        naive_bayes(classes)
    with pytest.raises(InDatabaseError, match="column 'y' adds up below 0 in a class"):
        source = "(select i as x, -i as y, i % 2 as c from generate_series(1, 9) as i)"
        found = measure(rows_wh, source, [Number("x"), Number("y")], by=["c"])
        multinomial(classes_of(found, "c"), ["x", "y"])


def test_columns_that_are_constant_within_classes(rows_wh: Warehouse):
    source = """(select i as x, 10 * (i % 2) + 3 as inside, i % 2 as label,
                 case when i % 2 = 0 then 7 else i end as once from generate_series(1, 30) as i)"""
    numbers = [Number("x"), Number("inside"), Number("once")]
    classes = classes_of(measure(rows_wh, source, numbers, by=["label"]), "label")
    with pytest.raises(
        InDatabaseError, match=r"'inside' equals 3.0 · \(class 0\) . 13.0 · \(class 1\) in all"
    ):
        linear_discriminants(classes, ["x", "inside"])
    with pytest.raises(InDatabaseError, match="column 'once' equals 7.0 · 1 in all rows of class 0"):
        quadratic_discriminants(classes, ["x", "once"])
    few = (
        "(select i as x, i * i as inside, i * i * i as once, i % 2 as label from generate_series(1, 6) as i)"
    )
    tiny = classes_of(measure(rows_wh, few, numbers, by=["label"]), "label")
    with pytest.raises(InDatabaseError, match="class 0 has 3 rows for 3 columns"):
        quadratic_discriminants(tiny, ["x", "inside", "once"])
