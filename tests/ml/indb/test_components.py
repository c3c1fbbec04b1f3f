"""Components and correlations against NumPy and scikit-learn on the same rows.

Belongs here: what has no target. Does not belong here: fits.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from ml.document import Evaluator
from ml.document.parity import check_parity
from ml.indb.cofactor_scan import Measured, measure
from ml.indb.columns import Number
from ml.indb.components import components, correlations
from ml.indb.errors import InDatabaseError
from tests.ml.indb.sample import NUMBERS, matrix, sample
from warehouse.client import Warehouse

COLUMNS = ["price", "count", "wide", "y"]


@pytest.fixture(scope="module")
def table() -> pa.Table:
    return sample()


@pytest.fixture(scope="module")
def measured(rows_wh: Warehouse, table: pa.Table) -> Measured:
    rows_wh.load_arrow("public", "described", table, "create")
    return measure(rows_wh, "described", NUMBERS)


@pytest.mark.parametrize("standardize", [False, True])
def test_components_are_scikit_learns(
    rows_wh: Warehouse, measured: Measured, table: pa.Table, standardize: bool
):
    from sklearn.decomposition import PCA

    x = matrix(table, COLUMNS)
    scaled = (x - x.mean(axis=0)) / (x.std(axis=0, ddof=1) if standardize else 1.0)
    found, peer = components(measured.total, COLUMNS, 3, standardize=standardize), PCA(3).fit(scaled)
    assert np.allclose(found.variances, peer.explained_variance_, rtol=1e-10)
    assert np.allclose(found.shares, peer.explained_variance_ratio_, rtol=1e-10)
    assert np.allclose(found.directions, peer.components_, rtol=0, atol=1e-9)
    document = found.document(measured.kinds, "components")
    rows = pa.table({name: table.column(name).cast(pa.float64()) for name in COLUMNS})
    assert np.allclose(Evaluator(document).table(rows).scores, peer.transform(scaled), rtol=0, atol=1e-6)
    report = check_parity(rows_wh, document, rows=50, adversarial=300)
    assert report.is_equal, str(report)


def test_correlations(measured: Measured, table: pa.Table):
    found = correlations(measured.total, COLUMNS)
    assert np.allclose(found, np.corrcoef(matrix(table, COLUMNS), rowvar=False), rtol=0, atol=1e-13)
    assert np.array_equal(found, found.T)


def test_a_perfect_correlation_is_exactly_one(rows_wh: Warehouse):
    source = "(select i + 1e6 as x, 7 - 0.5 * i as y from generate_series(1, 99) as i)"
    found = correlations(measure(rows_wh, source, [Number("x"), Number("y")]).total, ["x", "y"])
    assert found.tolist() == [[1.0, -1.0], [-1.0, 1.0]]


def test_refusals(rows_wh: Warehouse, measured: Measured):
    with pytest.raises(InDatabaseError, match="number of components is 9; allowed: 1 to 4"):
        components(measured.total, COLUMNS, 9)
    flat = measure(
        rows_wh, "(select i as x, 2 as y from generate_series(1, 3) as i)", [Number("x"), Number("y")]
    )
    with pytest.raises(InDatabaseError, match=r"one value in all 3 rows: 'y' \(2.0\)"):
        correlations(flat.total, ["x", "y"])
