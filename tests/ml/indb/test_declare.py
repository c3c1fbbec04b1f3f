"""Declarations read from values are those a person would write, and every value passes them.

Belongs here: proposals. Does not belong here: what a declaration refuses (`test_refusals`).
"""

from __future__ import annotations

import pyarrow as pa

from ml.indb.cofactor_scan import measure
from ml.indb.columns import Number
from ml.indb.declare import declared
from tests.ml.indb.sample import sample
from warehouse.client import Warehouse


def test_decimals_limits_and_missing_values(rows_wh: Warehouse):
    table = sample()
    rows_wh.load_arrow("public", "declared", table, "create")
    found = declared(rows_wh, "declared", ["price", "count", "is_open", "wide", "age", "id", "y"])
    assert found[:2] == [Number("price", 2, 1000.0), Number("count")]
    assert found[2:5] == [Number("is_open"), Number("wide"), Number("age", 1, 1000.0, "indicator")]
    assert found[5:] == [Number("id", limit=1000.0), Number("y", 3, 1000.0)]
    total = measure(rows_wh, "declared", found).total
    assert total.rows == table.num_rows
    assert float(total.total("y")) == round(sum(table.column("y").to_pylist()), 3)


def test_numeric_real_and_large(rows_wh: Warehouse):
    source = """(select * from (values (1.250::numeric(9, 3), 0.1::real, 1e14::float8, null::float8,
                'NaN'::float8), (-7.5, 16777216.5, 0.25, null, 2.5)) as t(money, small, large, none, odd))"""
    found = declared(rows_wh, source, ["money", "small", "large", "none", "odd"])
    assert found[0] == Number("money", 2, 100.0)
    assert found[1] == Number("small", 1, 1e8)
    assert found[2] == Number("large")
    assert found[3] == Number("none", 0, 1.0, "indicator")
    assert found[4] == Number("odd", 1, 10.0)
    exact = measure(rows_wh, source, found[:3]).total
    assert exact.total("money") * 4 == -25
    assert exact.total("large") * 4 == 4 * 10**14 + 1


def test_a_declaration_of_one_day_measures_another(rows_wh: Warehouse):
    table = sample(8)
    rows_wh.load_arrow("public", "days", pa.concat_tables([table, sample(9)]), "create")
    numbers = declared(rows_wh, "(select * from days where day = 0)", ["price", "y"])
    days = measure(rows_wh, "days", numbers, by=["day"])
    assert days.total.rows == 2 * table.num_rows
