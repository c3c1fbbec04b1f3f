"""Every kind of bad input is refused with the column, a value, and what to do; never a number.

Belongs here: refusals of data. Does not belong here: refusals of fits with good data (`test_linear`).
"""

from __future__ import annotations

import pytest

from ml.indb.cofactor_scan import measure
from ml.indb.columns import Category, Number
from ml.indb.errors import InDatabaseError
from warehouse.client import Warehouse, WarehouseError

REFUSED = [
    ("'NaN'::float8", Number("x"), "column 'x': 1 rows .* such as NaN; allowed: finite numbers"),
    ("'NaN'::float8", Number("x", decimals=2), "such as NaN; allowed: finite numbers"),
    ("'Infinity'::float8", Number("x"), "such as Infinity; allowed: finite numbers"),
    ("'-Infinity'::float8", Number("x", missing="indicator"), "such as -Infinity"),
    ("'NaN'::numeric", Number("x"), "such as NaN"),
    ("null::float8", Number("x"), "'x' is missing in 1 rows; allowed: a number in every row"),
    ("null::integer", Number("x"), "'x' is missing in 1 rows"),
    ("0.125::float8", Number("x", decimals=2), "such as 0.125; allowed: 2 decimals"),
    ("0.125::numeric", Number("x", decimals=2), "such as 0.125; allowed: 2 decimals"),
    ("1e12::float8", Number("x", decimals=2), "such as 1000000000000; allowed: the default size at 2"),
    ("50::float8", Number("x", decimals=2, limit=49.0), "such as 50; allowed: sizes up to 49.0"),
    ("1e300::float8", Number("x", limit=1e9), r"such as 1e\+300; allowed: sizes up to 1000000000.0"),
    ("9223372036854775807::bigint", Number("x"), "such as 9223372036854775807; allowed: sizes up to"),
    ("'12'::text", Number("x"), "'x' is text where a number is needed.* Cast it in the relation"),
    ("now()", Number("x"), "timestamp with time zone where a number is needed"),
]


@pytest.mark.parametrize(("value", "number", "message"), REFUSED)
def test_a_value_that_has_no_sum(rows_wh: Warehouse, value: str, number: Number, message: str):
    with pytest.raises(InDatabaseError, match=message):
        measure(rows_wh, f"(select {value} as x)", [number])


def test_no_rows(rows_wh: Warehouse):
    source = "(select 1 as x, 2 as day where false)"
    for by in ([], ["day"]):
        with pytest.raises(InDatabaseError, match="it has no rows"):
            measure(rows_wh, source, [Number("x")], by=by)


def test_a_column_that_is_not_there(rows_wh: Warehouse):
    with pytest.raises(WarehouseError, match="nothing"):
        measure(rows_wh, "(select 1 as x)", [Number("nothing")])


def test_a_missing_key(rows_wh: Warehouse):
    with pytest.raises(InDatabaseError, match="key 'fold' is missing in some rows"):
        measure(rows_wh, "(select 1 as x, null::int as fold)", [Number("x")], by=["fold"])


def test_declarations(rows_wh: Warehouse):
    source = "(select 1 as x, 2.5::float8 as c)"
    with pytest.raises(InDatabaseError, match=r"\['x'\] are declared twice"):
        measure(rows_wh, source, [Number("x"), Number("x")])
    with pytest.raises(InDatabaseError, match="category 'c' is double precision"):
        measure(rows_wh, source, [Number("x")], [Category("c")])
    with pytest.raises(InDatabaseError, match="no column is named"):
        measure(rows_wh, source, [])
    for wrong in ({"decimals": -1}, {"limit": 0.0}, {"missing": "zero"}):
        with pytest.raises(InDatabaseError, match="column 'x': .* allowed: "):
            Number("x", **wrong)
    with pytest.raises(InDatabaseError, match="column 'c': limit 1000000000000000.0 with 5 decimals"):
        measure(rows_wh, source, [Number("c", decimals=5, limit=1e15)])


def test_a_category_with_a_value_for_every_row(rows_wh: Warehouse):
    source = "(select i as x, i as c from generate_series(1, 100002) as i)"
    with pytest.raises(InDatabaseError, match="categories c have more than 100000 levels"):
        measure(rows_wh, source, [Number("x")], [Category("c")])
