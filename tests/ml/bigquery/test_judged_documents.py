"""Documents as BigQuery's SQL: ZetaSQL accepts the text, and gives the evaluator's margins to the bit."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest

from ml.document.adversarial import adversarial_rows
from ml.document.importers import import_estimator
from ml.document.ops.activation import exponential, exponential_sql, sigmoid, sigmoid_sql
from ml.document.schema import Input
from tests.benchmarks.document_families import FAMILIES, FEATURES, fitted
from tests.ml.bigquery.document_answers import compared, needs_libm
from tests.ml.document.documents import every_operation, forest, logistic, weights_by_hand
from tests.ml.document.random_documents import random_document
from tests.ml.document.surfaces import extreme_rows
from tests.peers.ulps import distance
from warehouse.client.dialect import BIGQUERY

pytestmark = pytest.mark.slow
BY_HAND = (
    logistic(), forest(40, 8), forest(20, 4, divide=3.0), forest(1, 40, shape="chain"),
    weights_by_hand([0.5, 2.0, -1e60]),
)  # fmt: skip


@pytest.mark.parametrize("document", BY_HAND, ids="{0.name}".format)
def test_documents_by_hand_keep_every_bit(judge, document):
    for rows in (adversarial_rows(document, cap=600), extreme_rows(document, 300)):
        found = compared(judge, document, rows)
        assert (found.margins.differing, found.margins.missing, found.decisions) == (0, 0, 0)
        assert (found.scores.missing, found.scores.largest) <= (0, 2)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_fitted_families_keep_every_bit(judge, family):
    estimator = fitted(family)
    document = import_estimator(estimator, [Input(name, "number") for name in FEATURES], family.name)
    found = compared(judge, document, adversarial_rows(document, cap=400))
    assert found.decisions == found.margins.missing == found.scores.missing == 0
    assert found.margins.differing == 0 or (needs_libm(document) and found.margins.largest <= 4)
    assert found.scores.largest <= 4


def test_every_operation_is_taken_and_only_libm_moves_a_bit(judge):
    document = every_operation()
    found = compared(judge, document, adversarial_rows(document, cap=600))
    assert found.margins.missing == found.scores.missing == found.decisions == 0
    assert found.margins.differing <= 20 and found.margins.largest <= 8


def test_random_documents_keep_every_bit(judge):
    random = np.random.default_rng(3)
    exact = 0
    for _ in range(40):
        document = random_document(lambda values: values[int(random.integers(len(values)))], 6)
        found = compared(judge, document, extreme_rows(document, 120))
        assert found.margins.missing == found.scores.missing == 0
        if not needs_libm(document):
            exact += 1
            assert found.margins.differing == found.decisions == 0
    assert exact > 10


FUNCTIONS = {
    "exp": (lambda x: f"exp({x})", math.exp, 1),
    "ln": (lambda x: f"ln(abs({x}))", lambda x: math.log(abs(x)), 1),
    "tanh": (lambda x: f"tanh({x})", math.tanh, 3),
    "sqrt": (lambda x: f"sqrt(abs({x}))", lambda x: math.sqrt(abs(x)), 0),
    "sigmoid": (lambda x: sigmoid_sql(x, BIGQUERY), sigmoid, 2),
    "clamped exp": (lambda x: exponential_sql(x, BIGQUERY), exponential, 1),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_is_not_arithmetic_stays_within_its_bound(judge, name):
    written, by_libm, bound = FUNCTIONS[name]
    random = np.random.default_rng(1)
    x = np.concatenate([random.uniform(-700.0, 700.0, 4_000), random.normal(size=4_000) * 3.0])
    table = f"s.arguments_of_{name.replace(' ', '_')}"
    judge.load(table, pa.table({"place": pa.array(range(len(x))), "x": x}))
    found = judge.run(f"select place, {written('x')} as y from `{table}`")
    found.sort(key=lambda row: row["place"])
    apart = distance(np.array([row["y"] for row in found]), np.array([by_libm(one) for one in x.tolist()]))
    assert apart.missing == 0 and apart.largest <= bound
