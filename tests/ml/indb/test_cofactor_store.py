"""Days are kept, added up and forgotten exactly.

Belongs here: the store. Does not belong here: measuring.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from ml.indb.cofactor_scan import measure
from ml.indb.cofactor_store import CofactorStore
from ml.indb.cofactors import summed
from ml.indb.columns import Number
from ml.indb.errors import InDatabaseError
from tests.ml.indb.sample import CATEGORIES, NUMBERS, sample
from warehouse.client import Warehouse

STORE = CofactorStore("public", "kept", NUMBERS, CATEGORIES, "day", "fold")


@pytest.fixture(scope="module")
def relation(rows_wh: Warehouse) -> str:
    rows_wh.load_arrow("public", "daily", sample(), "create")
    return "daily"


def test_a_window_of_kept_days_is_the_scan_of_the_window(rows_wh: Warehouse, relation: str):
    assert STORE.days(rows_wh) == []
    with pytest.raises(InDatabaseError, match="keeps none of 2 days"):
        STORE.window(rows_wh, ["1", "2"])
    assert STORE.measure_days(rows_wh, relation, ["0", "1", "2"]) == 120
    assert STORE.measure_days(rows_wh, relation, ["3", "9"]) == 40
    assert STORE.days(rows_wh) == ["0", "1", "2", "3"]
    scan = measure(rows_wh, "(select * from daily where day in (1, 3))", NUMBERS, CATEGORIES, by=["fold"])
    window = STORE.window(rows_wh, ["1", "3"])
    assert window.keys() == scan.by("fold").keys()
    total = summed(window.values())
    assert total == scan.total.in_steps(total.scales)


@pytest.mark.parametrize("factor", [1, 2_000_000_000])
def test_totals_of_any_size_add_up(rows_wh: Warehouse, factor: int):
    """The larger ones leave 64 bits within a day, or between days."""
    relation = f"(select i % 9 as day, i * {factor}::bigint as x, -i as z from generate_series(1, 99) as i)"
    store = CofactorStore("public", f"kept_{factor}", (Number("x", limit=1e12), Number("z")), (), "day")
    store.measure_days(rows_wh, relation, [str(day) for day in range(9)])
    whole = measure(rows_wh, relation, store.numbers).total
    assert store.window(rows_wh, store.days(rows_wh)) == {"0": whole}
    assert whole.product("x", "x") == sum((i * factor) ** 2 for i in range(1, 100))


def test_a_day_is_measured_anew_or_forgotten(rows_wh: Warehouse, relation: str):
    rows_wh.execute("create table changed as select * from daily where day = 4 and id < 100")
    assert STORE.measure_days(rows_wh, relation, ["4"]) == 40
    assert STORE.measure_days(rows_wh, "changed", ["4"]) == 16
    assert summed(STORE.window(rows_wh, ["4"]).values()).rows == 16
    STORE.forget_days(rows_wh, ["4"])
    assert "4" not in STORE.days(rows_wh)
    assert STORE.measure_days(rows_wh, relation, []) == 0


def test_another_declaration_does_not_mix(rows_wh: Warehouse, relation: str):
    other = replace(STORE, numbers=NUMBERS[:2], categories=(), fold=None)
    assert other.declaration != STORE.declaration
    other.measure_days(rows_wh, relation, ["5"])
    assert other.days(rows_wh) == ["5"] and "5" not in STORE.days(rows_wh)
    assert list(other.window(rows_wh, ["5"])) == ["0"]


def test_what_is_refused_changes_nothing(rows_wh: Warehouse, relation: str):
    STORE.measure_days(rows_wh, relation, ["5"])
    rows_wh.execute("create table broken as select * from daily")
    rows_wh.execute("update broken set price = 'NaN' where id = 11")
    with pytest.raises(InDatabaseError, match="such as NaN"):
        STORE.measure_days(rows_wh, "broken", ["5"])
    assert summed(STORE.window(rows_wh, ["5"]).values()).rows == 40
