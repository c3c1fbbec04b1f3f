"""A fit in the warehouse becomes a document that every surface answers with the same bits.

Belongs here: documents of linear fits. Does not belong here: the fits.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from ml.document import Document, Evaluator
from ml.document.parity import check_parity
from ml.indb.cofactor_scan import Measured, measure
from ml.indb.elastic_net import penalty_path
from ml.indb.linear import least_squares
from ml.indb.linear_document import least_squares_document, penalised_document
from tests.ml.indb.sample import CATEGORIES, FEATURES, NUMBERS, matrix, sample
from warehouse.client import Warehouse


@pytest.fixture(scope="module")
def table() -> pa.Table:
    return sample()


@pytest.fixture(scope="module")
def measured(rows_wh: Warehouse, table: pa.Table) -> Measured:
    rows_wh.load_arrow("public", "documented", table, "create")
    return measure(rows_wh, "documented", NUMBERS, CATEGORIES)


def inputs_of(document: Document, table: pa.Table) -> pa.Table:
    types = {"number": pa.float64(), "boolean": pa.bool_(), "category": pa.string()}
    return pa.table({one.name: table.column(one.name).cast(types[one.kind]) for one in document.inputs})


def test_least_squares(rows_wh: Warehouse, measured: Measured, table: pa.Table):
    fit = least_squares(measured.total, FEATURES, "y")
    document = least_squares_document(fit, measured.kinds, "fares")
    assert list(document.input_names) == FEATURES
    expected = fit.coefficients[0] + matrix(table, fit.names[1:]) @ np.array(fit.coefficients[1:])
    answers = Evaluator(document).table(inputs_of(document, table))
    assert np.allclose(answers.margins[:, 0], expected, rtol=1e-12)
    report = check_parity(rows_wh, document, inputs_of(document, table), rows=100, adversarial=600)
    assert report.is_equal, str(report)


@pytest.mark.parametrize("ratio", [0.0, 0.5, 1.0])
def test_a_penalised_fit(rows_wh: Warehouse, measured: Measured, table: pa.Table, ratio: float):
    path = penalty_path(measured.total, FEATURES, "y", ratio=ratio, penalties=4)
    document = penalised_document(path, 2, measured.kinds, "fares")
    expected = path.intercepts[2] + matrix(table, path.names) @ path.coefficients[2]
    answers = Evaluator(document).table(inputs_of(document, table))
    assert np.allclose(answers.margins[:, 0], expected, rtol=1e-12)
    report = check_parity(rows_wh, document, inputs_of(document, table), rows=100, adversarial=600)
    assert report.is_equal, str(report)


def test_the_same_document_from_any_order_and_any_workers(
    rows_wh: Warehouse, measured: Measured, table: pa.Table
):
    wanted = least_squares_document(
        least_squares(measured.total, FEATURES, "y"), measured.kinds, "fares"
    ).sha256
    shuffled = table.take(np.random.default_rng(3).permutation(table.num_rows))
    rows_wh.load_arrow("public", "reordered", shuffled, "create")
    with rows_wh.transaction():
        rows_wh.execute("set local debug_parallel_query = on; set local min_parallel_table_scan_size = 0")
        rows_wh.execute("set local parallel_setup_cost = 0; set local parallel_tuple_cost = 0")
        for workers in (0, 1, 2):
            rows_wh.execute(f"set local max_parallel_workers_per_gather = {workers}")
            again = measure(rows_wh, "reordered", NUMBERS, CATEGORIES)
            fit = least_squares(again.total, FEATURES, "y")
            assert least_squares_document(fit, again.kinds, "fares").sha256 == wanted


def test_a_category_that_is_new_counts_as_the_reference(measured: Measured):
    fit = least_squares(measured.total, ["shape"], "y")
    row = Evaluator(least_squares_document(fit, measured.kinds, "fares")).row
    assert row({"shape": "never seen"})[0] == row({"shape": "round"})[0] == [fit.coefficients[0]]
    assert row({"shape": None})[0][0] == pytest.approx(
        fit.coefficients[0] + fit.coefficients[fit.names.index("shape=(missing)")]
    )
