"""An answer of ML.WEIGHTS as a document: to the last bit what the weights say, computed by fractions."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest

from ml.bqml.columns import Column, Prepared
from ml.bqml.session import agree
from ml.bqml.weights import INTERCEPT, linear_document, sizes_of, weights_of
from ml.document import Evaluator
from ml.indb.errors import InDatabaseError

KINDS = {"x": "number", "is_new": "boolean", "carrier": "category"}
COLUMNS = Prepared(
    (
        Column("x__scaled", "x", "number", fill=2.5, mean=1.5, scale=0.25),
        Column("x__is_missing", "x", "missing"),
        Column("is_new__scaled", "is_new", "number", fill=0.5, mean=0.25, scale=0.5),
        Column("carrier__level_3", "carrier", "lookup", values=(("AA", 1.0),)),
        Column("carrier__level_4", "carrier", "lookup", values=(("AA", 0.0),), unknown=1.0, missing=1.0),
    ),
    {},
    (1.0, 0.5, 1.0, 0.5, 0.5),
)
WEIGHTS = {
    "x__scaled": 0.75, "x__is_missing": -3.5, "is_new__scaled": 1.125, "carrier__level_3": -0.0625,
    "carrier__level_4": 2.0, INTERCEPT: -0.375,
}  # fmt: skip
ROWS = [
    (x, new, carrier)
    for x in (None, -1.0, 0.0, 3.25, 1e6)
    for new in (None, False, True)
    for carrier in ("AA", "ZZ", None)
]
SOURCE = {"estimator": "linear"}


def answer(**changes: float | None) -> list[dict[str, object]]:
    """As BigQuery gives it: in no order of ours."""
    weights = {**WEIGHTS, **changes}
    return [{"processed_input": n, "weight": weights[n], "categories": 0} for n in sorted(weights)]


def expected(x: float | None, new: bool | None, carrier: str | None) -> Fraction:
    """All constants are sums of few powers of two, so a double's arithmetic is that of fractions."""
    z = (Fraction(2.5 if x is None else x) - Fraction(1.5)) / Fraction(0.25)
    flag = (Fraction(0.5 if new is None else float(new)) - Fraction(0.25)) / Fraction(0.5)
    total = Fraction(-0.375) + Fraction(0.75) * z + Fraction(1.125) * flag
    total += Fraction(-3.5) if x is None else 0
    return total + (Fraction(-0.0625) if carrier == "AA" else 2)


def table() -> pa.Table:
    kinds = {"x": pa.float64(), "is_new": pa.bool_(), "carrier": pa.string()}
    return pa.table(
        {name: pa.array([row[at] for row in ROWS], kind) for at, (name, kind) in enumerate(kinds.items())}
    )


@pytest.mark.parametrize("task", ["regression", "classification"])
def test_the_document_is_the_weights_to_the_last_bit(task):
    weights, intercept = weights_of(answer(), COLUMNS)
    document = linear_document(weights, intercept, COLUMNS, KINDS, task, SOURCE)
    found = Evaluator(document).table(table())
    assert found.margins[:, 0].tolist() == [float(expected(*row)) for row in ROWS]
    if task == "classification":
        assert document.head.classes == (False, True)
        assert found.scores[0, 0] == 1.0 / (1.0 + math.exp(-float(expected(*ROWS[0]))))


def test_importance_is_weights_by_deviation():
    weights, _ = weights_of(answer(), COLUMNS)
    assert sizes_of(weights, COLUMNS) == {"x": 0.75 + 1.75, "is_new": 1.125, "carrier": 0.03125 + 1.0}


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (answer()[1:], "no weight of '__INTERCEPT__'"),
        ([*answer(), {"processed_input": "y", "weight": 1.0}], "a weight of 'y'"),
        ([*answer(), answer()[0]], "two weights of"),
        (answer(x__scaled=None), "'x__scaled' the weight None"),
        (answer(x__scaled=math.nan), "'x__scaled' the weight nan"),
        (
            [*answer()[:-1], {**answer()[-1], "categories": 2}],
            "'x__scaled' the weight 0.75; allowed: a finite",
        ),
        ([], "no weight of 'x__scaled'"),
    ],
)
def test_another_answer_is_refused_by_name(rows, said):
    with pytest.raises(InDatabaseError, match=said):
        weights_of(rows, COLUMNS)


def test_a_document_that_says_otherwise_than_ml_predict_is_not_taken():
    weights, intercept = weights_of(answer(), COLUMNS)
    document = linear_document(weights, intercept, COLUMNS, KINDS, "regression", SOURCE)
    told = [float(expected(*row)) for row in ROWS]
    agree(document, table(), told, of_trees=False)
    agree(document, table(), [value * (1 + 1e-12) for value in told], of_trees=False)
    for wrong in ([*told[:-1], told[-1] + 1.0], [-value for value in told], [*told[:-1], None]):
        with pytest.raises(InDatabaseError, match=r"rows: the imported document scores .* ML.PREDICT says"):
            agree(document, table(), wrong, of_trees=False)
    with pytest.raises(InDatabaseError, match="no row of the test window"):
        agree(document, table().slice(0, 0), [], of_trees=False)
    assert np.isfinite(told).all()
