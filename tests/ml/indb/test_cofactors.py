"""Cofactors are exact: equal to sums in fractions, whatever the order or the workers; they add and subtract.

Belongs here: what is measured. Does not belong here: what is refused (`test_refusals`), or fits.
"""

from __future__ import annotations

import json
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest

from ml.indb.cofactor_scan import Measured, measure
from ml.indb.cofactors import Cofactors, summed
from ml.indb.columns import Number
from ml.indb.errors import InDatabaseError
from tests.ml.indb.sample import CATEGORIES, NUMBERS, sample
from warehouse.client import Warehouse

COLUMNS = ["price", "count", "is_open", "wide", "age", "age__is_missing", "y"]
PARALLEL = """
set parallel_setup_cost = 0; set parallel_tuple_cost = 0; set min_parallel_table_scan_size = 0;
set max_parallel_workers_per_gather = {workers}; set debug_parallel_query = {force};
"""


@pytest.fixture(scope="module")
def table() -> pa.Table:
    return sample()


@pytest.fixture(scope="module")
def measured(rows_wh: Warehouse, table: pa.Table) -> Measured:
    rows_wh.load_arrow("public", "measured", table, "create")
    return measure(rows_wh, "measured", NUMBERS, CATEGORIES, by=["day", "fold"])


def as_fractions(table: pa.Table) -> dict[str, list[Fraction]]:
    """Each measured column of each row, as its shortest decimal reads."""
    found = {}
    for name in ("price", "count", "is_open", "wide", "age", "y"):
        values = [None if v is None else float(v) for v in table.column(name).to_pylist()]
        found[name] = [Fraction(repr(v)) if v is not None else Fraction(0) for v in values]
        if name == "age":
            found["age__is_missing"] = [Fraction(int(v is None)) for v in values]
    return found


def test_every_sum_is_exact(measured: Measured, table: pa.Table):
    total, rows = measured.total, as_fractions(table)
    assert total.rows == table.num_rows and list(total.columns) == COLUMNS
    for one in COLUMNS:
        assert total.total(one) == sum(rows[one])
        for two in COLUMNS:
            assert total.product(one, two) == sum(a * b for a, b in zip(rows[one], rows[two], strict=True))


def test_categories_and_their_pairs_are_counted(measured: Measured, table: pa.Table):
    total, rows = measured.total, as_fractions(table)
    shape, zone = table.column("shape").to_pylist(), [str(v) for v in table.column("zone").to_pylist()]
    assert total.texts("shape") == ["", "flat", "it's square", "round", None]
    for text in total.texts("shape"):
        count, sums = total.levels[0, text]
        is_in = [value == text for value in shape]
        assert count == sum(is_in)
        y = sum(value for value, kept in zip(rows["y"], is_in, strict=True) if kept)
        assert Fraction(sums[-1], total.scales[-1]) == y
        for other in total.texts("zone"):
            both = sum(kept and z == other for kept, z in zip(is_in, zone, strict=True))
            assert total.pair_rows((0, text), (1, other)) == both
            assert total.pair_rows((1, other), (0, text)) == both


def test_only_observed_pairs_are_kept(measured: Measured):
    parts = measured.by("fold")
    assert all(rows > 0 for part in parts.values() for rows in part.pairs.values())
    assert measured.bytes_out > 0


@pytest.mark.parametrize(("workers", "force"), [(0, "off"), (4, "on")])
def test_order_and_workers_change_no_bit(
    rows_wh: Warehouse, table: pa.Table, measured: Measured, workers, force
):
    shuffled = table.take(np.random.default_rng(workers).permutation(table.num_rows))
    name = f"shuffled_{workers}"
    rows_wh.load_arrow("public", name, shuffled, "create")
    with rows_wh.transaction():
        rows_wh.execute(PARALLEL.format(workers=workers, force=force).replace("set ", "set local "))
        again = measure(rows_wh, name, NUMBERS, CATEGORIES, by=["day", "fold"])
        plan = "\n".join(row["QUERY PLAN"] for row in rows_wh.query(f"explain {again.sql}"))
    assert ("Parallel" in plan or "Gather" in plan) == (force == "on")
    assert json.dumps(again.total.to_dict()) == json.dumps(measured.total.to_dict())
    assert again.groups == measured.groups


def test_days_add_up_and_a_day_comes_off(rows_wh: Warehouse, measured: Measured):
    days = measured.by("day")
    assert summed(days.values()) == measured.total
    rest = measure(rows_wh, "(select * from measured where day <> 3)", NUMBERS, CATEGORIES).total
    assert measured.total - days["3"] == rest.in_steps(measured.total.scales)
    assert rest + days["3"] == measured.total


def test_what_was_not_added_does_not_come_off(measured: Measured):
    days = measured.by("day")
    with pytest.raises(InDatabaseError, match="Subtract only what was added"):
        _ = days["1"] - measured.total
    with pytest.raises(InDatabaseError, match="do not add up; allowed: the same columns"):
        _ = days["1"] + Cofactors(("x",), (1,), 1, (1,), (1,))
    with pytest.raises(InDatabaseError, match="there are none"):
        summed([])


def test_json_gives_them_back(measured: Measured):
    text = json.dumps(measured.total.to_dict())
    assert Cofactors.from_dict(json.loads(text)) == measured.total
    with pytest.raises(InDatabaseError, match="stored cofactors lack a part"):
        Cofactors.from_dict({"columns": []})
    with pytest.raises(InDatabaseError, match="Measure them again"):
        Cofactors.from_dict({**json.loads(text), "sums": []})


@pytest.mark.parametrize("workers", [0, 4])
def test_more_sums_than_a_row_has_columns(rows_wh: Warehouse, workers: int):
    names = [f"c{at}" for at in range(60)]
    listed = ", ".join(f"(i * {at + 1} % 17) as {name}" for at, name in enumerate(names))
    rows_wh.execute(
        f"create table broad_{workers} as select i % 2 as half, {listed} from generate_series(1, 40) i"
    )
    with rows_wh.transaction():
        force = "on" if workers else "off"
        rows_wh.execute(PARALLEL.format(workers=workers, force=force).replace("set ", "set local "))
        found = measure(rows_wh, f"broad_{workers}", map(Number, names), by=["half"]).total
    assert len(found.products) == 1830
    for one, two in ((2, 59), (0, 0), (59, 59), (23, 24)):
        expected = sum((i * (one + 1) % 17) * (i * (two + 1) % 17) for i in range(1, 41))
        assert found.product(f"c{one}", f"c{two}") == expected == found.product(f"c{two}", f"c{one}")


def test_the_ends_of_what_fits(rows_wh: Warehouse):
    source = """(select * from (values (3037000499::bigint, 9e15::float8, 1e300::float8),
                 (-3037000499, -9e15, 1e-300), (1, 0.1::float8, 5e-324)) as t(whole, large, wide))"""
    numbers = [Number("whole"), Number("large"), Number("wide")]
    found = measure(rows_wh, source, numbers).total
    wide = [Fraction("1e300"), Fraction("1e-300"), Fraction("5e-324")]
    assert found.product("whole", "whole") == 2 * 3037000499**2 + 1
    assert found.product("wide", "wide") == sum(value * value for value in wide)
    assert found.product("large", "wide") == sum(
        a * b
        for a, b in zip([Fraction(9 * 10**15), Fraction(-9 * 10**15), Fraction("0.1")], wide, strict=True)
    )


def test_a_large_limit_multiplies_as_numeric(rows_wh: Warehouse):
    source = "(select * from (values (1e12::float8), (-999999999999.25)) as t(x))"
    found = measure(rows_wh, source, [Number("x", decimals=2, limit=2e12)]).total
    assert found.product("x", "x") == Fraction(10**24) + Fraction("999999999999.25") ** 2
