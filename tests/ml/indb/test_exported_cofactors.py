"""Cofactors of exported rows are those of the statement in the warehouse, bit for bit.

Belongs here: that equality, and what an export refuses. Does not belong here: what cofactors mean.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from ml.indb import exported_cofactors
from ml.indb.cofactor_scan import measure
from ml.indb.columns import Category, Number
from ml.indb.errors import InDatabaseError
from ml.indb.exported_cofactors import measure_exported
from tests.ml.indb.sample import CATEGORIES, NUMBERS, sample
from warehouse.client import Warehouse

STEPS = [number for number in NUMBERS if number.name != "wide"]


@pytest.mark.parametrize("chunk", [7, 2**17])
@pytest.mark.parametrize("by", [[], ["fold"], ["day", "shape"]])
def test_they_equal_the_statement(
    rows_wh: Warehouse, monkeypatch: pytest.MonkeyPatch, chunk: int, by: list[str]
):
    monkeypatch.setattr(exported_cofactors, "CHUNK", chunk)
    rows_wh.load_arrow("public", "sampled", sample(), "replace")
    relation = "(select * from sampled where shape is not null)" if "shape" in by else "sampled"
    found = measure_exported(rows_wh, relation, STEPS, CATEGORIES, by)
    expected = measure(rows_wh, relation, STEPS, CATEGORIES, by)
    assert (found.groups, found.keys, found.types) == (expected.groups, expected.keys, expected.types)
    assert found.bytes_out > 240 * 8 * len(STEPS)


def test_large_numbers_lose_no_bit(rows_wh: Warehouse):
    """Sums of products of 2**53 and its like, which doubles would round."""
    random = np.random.default_rng(2)
    values = random.integers(-(2**53) + 1, 2**53, (500, 3))
    rows_wh.load_arrow("public", "large", pa.table({f"x{at}": values[:, at] for at in range(3)}), "replace")
    numbers = [Number(f"x{at}", limit=2.0**53) for at in range(3)]
    found = measure_exported(rows_wh, "large", numbers).total
    exact = values.astype(object)
    for i in range(3):
        assert found.total(f"x{i}") == exact[:, i].sum()
        for j in range(3):
            assert found.product(f"x{i}", f"x{j}") == (exact[:, i] * exact[:, j]).sum()
    assert found == measure(rows_wh, "large", numbers).total


@pytest.mark.parametrize(
    ("rows", "numbers", "by", "message"),
    [
        (
            "select 1.5::float8 as x, 1 as k",
            [Number("x")],
            [],
            "columns \\['x'\\] are declared without decimals",
        ),
        ("select null::int as x, 1 as k", [Number("x")], [], "column 'x' is missing in 1 rows"),
        ("select 'NaN'::float8 as x, 1 as k", [Number("x", 2)], [], "column 'x': 1 rows .* NaN"),
        ("select 1 as x, null::int as k", [Number("x")], ["k"], "key 'k' is missing in some rows"),
        ("select 1 as x, 1 as k where false", [Number("x")], [], "it has no rows. Widen the window"),
        ("select 'a' as x, 1 as k", [Number("x")], [], "column 'x' is text where a number is needed"),
    ],
)
def test_it_refuses_as_the_statement_does(rows_wh: Warehouse, rows: str, numbers, by, message: str):
    with pytest.raises(InDatabaseError, match=message):
        measure_exported(rows_wh, f"({rows})", numbers, by=by)


def test_categories_alone(rows_wh: Warehouse):
    rows_wh.load_arrow("public", "sampled", sample(), "replace")
    categories = [*CATEGORIES, Category("is_open")]
    found = measure_exported(rows_wh, "sampled", [], categories)
    assert found.groups == measure(rows_wh, "sampled", [], categories).groups
