"""The planner of training: statistics read before running, choices that follow the measured costs, a record.

Belongs here: what it reads, chooses, says and keeps. Does not belong here: training, or how quick it is.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from ml.indb import calibrate_arrays, calibrate_sums, calibrate_trees, unit_costs
from ml.indb.errors import InDatabaseError
from ml.indb.star import Dimension, Star
from ml.indb.training_plan import TrainingPlan, choose, plan_training
from ml.indb.training_record import last_training, last_trainings, record_training, training_text
from ml.indb.training_work import TrainingWork
from ml.indb.way_costs import estimates
from ml.indb.work_statistics import WorkStatistics, distinct, read_statistics
from tests.ml.indb.way_units import UNIT
from warehouse.client import Warehouse

NUMBERS = {f"x{at}": "number" for at in range(20)}
WIDE = Dimension("wide", "wide", "k", tuple(f"w{at}" for at in range(40)))
STAR = Star("fact", ("x0", "y"), (WIDE,))
LINEAR = TrainingWork("rows", NUMBERS, "y", "cofactors", folds=5)
TREES = TrainingWork("rows", NUMBERS, "y", "trees", rounds=100)
HUNDREDS = replace(LINEAR, features={f"x{at}": "number" for at in range(200)})
DENSE = replace(TREES, features={f"x{at}": "number" for at in range(60)})
TEXTS = replace(TREES, features={f"c{at}": "category" for at in range(5)})
FACTORISED = TrainingWork(STAR.joined, {"x0": "number", **{f"w{at}": "number" for at in range(40)}}, "y",
                          "cofactors", star=STAR)  # fmt: skip
MILLION = WorkStatistics(1_000_000, 168.0)


def plan(work: TrainingWork, found: WorkStatistics, **changed: float) -> TrainingPlan:
    return choose(work, found, estimates(work, found, {**UNIT, **changed}))


FLIPS = [
    ("sums beat an export", LINEAR, MILLION, {}, "joined"),
    ("cheap exports", LINEAR, MILLION, {"exact_value": 1e-9}, "export"),
    ("dear products", LINEAR, MILLION, {"product": 1e-7}, "export"),
    ("many columns", HUNDREDS, MILLION, {}, "export"),
    ("numbers that are summed as NUMERIC", LINEAR, replace(MILLION, wide=20), {}, "export"),
    ("few cells", TEXTS, replace(MILLION, cells=5_000), {}, "cells"),
    ("as many cells as rows", TEXTS, replace(MILLION, cells=1_000_000), {}, "export"),
    ("quantiles, few trees", replace(TREES, rounds=10), replace(MILLION, cells=5_000), {}, "export"),
    ("quantiles for many trees", TREES, replace(MILLION, cells=5_000), {}, "cells"),
    ("wide and dense trees", DENSE, WorkStatistics(1_000_000, 488.0, cells=1_000_000), {}, "export"),
    ("the same where values leave slowly", replace(DENSE, rounds=1),
     WorkStatistics(1_000_000, 488.0, cells=1_000_000), {"export_value": 1e-5}, "joined"),
    ("trees where memory is slow", TREES, replace(MILLION, cells=1_000_000),
     {"cell": 1e-6, "bin": 1e-9, "histogram": 1e-9, "scored": 1e-9}, "joined"),
    ("many facts a key", FACTORISED,
     replace(MILLION, dimension_rows=(5_000,), keys=(5_000,)), {}, "factorised"),
    ("as many keys as facts", FACTORISED,
     replace(MILLION, dimension_rows=(1_000_000,), keys=(1_000_000,)), {"exact_value": 1.0}, "joined"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("work", "found", "changed", "way"), [one[1:] for one in FLIPS], ids=[f[0] for f in FLIPS]
)
def test_the_choice_follows_statistics_and_costs(work, found, changed, way):
    chosen = plan(work, found, **changed)
    assert chosen.way == way and {one.way for one in chosen.estimates} == set(work.ways)
    assert chosen.seconds == min(one.seconds for one in chosen.estimates)
    for one in chosen.estimates:
        assert f"{one.way} {one.seconds:.2f} s with" in chosen.reason
    assert "1,000,000 rows" in chosen.reason and chosen.reason.startswith(f"{way} is the quickest")
    assert json.loads(json.dumps(chosen.to_dict()))["estimates"][way]["bytes_out"] == chosen.bytes_out


def test_a_way_that_is_not_open_is_estimated_and_not_chosen():
    work = replace(TREES, open_ways=("cells", "joined"))
    chosen = plan(work, replace(MILLION, cells=1_000_000))
    assert chosen.way == "joined" and chosen.estimates[0].way == "export"
    assert chosen.reason.startswith("joined is the quickest of joined and cells, export would be quicker: ")
    with pytest.raises(InDatabaseError, match="allowed: some of cells, joined, export"):
        replace(TREES, open_ways=("factorised",))


def test_an_export_that_memory_does_not_hold_is_no_candidate():
    dense = replace(MILLION, rows=10_000_000, cells=10_000_000)
    held = {one.way: one.memory_bytes for one in estimates(TREES, dense, UNIT)}
    assert held["export"] == 10_000_000 * (20 * 24 + 150) and held["joined"] == held["cells"] == 0
    chosen = plan(TREES, dense)
    assert chosen.estimates[0].way == "export" and chosen.way != "export"
    assert "export would be quicker; export would hold 6.3 GB in memory of 2.0 GB allowed: " in chosen.reason
    assert plan(replace(TREES, memory_bytes=10**10), dense).way == "export"
    assert plan(LINEAR, dense, product=1e-7).way == "export"  # its sums are added up batch by batch


@pytest.mark.parametrize("changed", [{"rows": 2_000_000}, {"row_bytes": 336.0}])
def test_bytes_of_an_export_grow_with_rows_and_width_and_sums_do_not(changed):
    small, large = (
        {one.way: one.bytes_out for one in plan(LINEAR, found).estimates}
        for found in (MILLION, replace(MILLION, **changed))
    )
    assert large["export"] == 2 * small["export"] == 336_000_000
    assert large["joined"] == small["joined"] < 20_000


def test_width_of_a_dimension_decides_between_join_and_messages():
    """Of one column the join is the quicker, of forty the message: between them it turns once."""
    ways = []
    for width in range(1, 41):
        star = Star("fact", ("x0", "y"), (replace(WIDE, columns=WIDE.columns[:width]),))
        features = {"x0": "number", **{f"w{at}": "number" for at in range(width)}}
        work = TrainingWork(star.joined, features, "y", "cofactors", star=star)
        found = replace(MILLION, dimension_rows=(5_000,), keys=(5_000,))
        ways.append(plan(work, found, join=1e-9, exact_value=1.0).way)
    assert (ways[0], ways[-1]) == ("joined", "factorised")
    assert sum(one != two for one, two in zip(ways, ways[1:], strict=False)) == 1


@pytest.fixture(scope="module")
def table(rows_wh: Warehouse) -> Iterator[str]:
    random = np.random.default_rng(3)
    rows = 30_000
    rows_wh.load_arrow("public", "planned", pa.table({
        "few": [f"c{at}" for at in random.integers(0, 40, rows)],
        "many": [f"m{at:04d}" for at in random.integers(0, 8_000, rows)],
        "cents": np.round(random.normal(size=rows), 2), "wide": random.normal(size=rows),
        "k": pa.array(random.integers(0, 500, rows), pa.int32()), "y": random.integers(0, 2, rows),
    }), "replace")  # fmt: skip
    rows_wh.execute("create table planned_dim as select k, k * 2 as a, 'b' || k % 5 as b "
                    "from generate_series(0, 499) as k; analyze planned")  # fmt: skip
    yield "planned"


def test_statistics_agree_with_what_analyze_finds(rows_wh: Warehouse, table: str):
    """Postgres samples every row of a table this small, so its counts are near the truth."""
    features = {"few": "category", "many": "category", "cents": "number", "wide": "number"}
    found = read_statistics(rows_wh, TrainingWork(table, features, "y", "passes"))
    counted = dict(
        rows_wh.query(f"select array_agg(attname::text) as a, array_agg(case when n_distinct < 0 then "
                      f"-n_distinct * {found.rows} else n_distinct end) as n from pg_stats "
                      f"where tablename = '{table}'")[0]
    )  # fmt: skip
    known = dict(zip(counted["a"], counted["n"], strict=True))
    assert found.rows == 30_000 and found.wide == 1 and found.levels["few"] == known["few"] == 40
    assert found.levels["many"] == pytest.approx(known["many"], rel=0.15)
    exported = rows_wh.fetch_arrow(f"select few, many, cents, wide, y::float8 from {table}")
    assert found.row_bytes == pytest.approx(exported.nbytes / 30_000, rel=0.05)
    assert found.cells == 30_000
    in_select = read_statistics(rows_wh, TrainingWork(f"(select * from {table})", features, "y", "passes"))
    assert in_select.levels["many"] == pytest.approx(found.levels["many"], rel=0.15)


def test_statistics_of_cells_and_of_a_star(rows_wh: Warehouse, table: str):
    binned = TrainingWork(table, {"cents": "number", "few": "category"}, "y", "trees", most_bins=4)
    assert read_statistics(rows_wh, binned).cells == pytest.approx(160, rel=0.05)
    star = Star(table, ("few", "y"), (Dimension("dim", "planned_dim", "k", ("a", "b")),))
    work = TrainingWork(
        star.joined, {"few": "category", "a": "number", "b": "category"}, "y", "cofactors", star
    )
    found = read_statistics(rows_wh, work)
    assert found.dimension_rows == (500,) and found.keys[0] == pytest.approx(500, rel=0.05)
    assert found.pairs[0, 1] == pytest.approx(rows_wh.scalar(
        f"select count(*) from (select distinct k, few from {table}) as d"), rel=0.25)  # fmt: skip


@pytest.mark.parametrize(
    ("given", "expected"), [((100, 50, 0, 100), 50), ((100, 100, 100, 10**6), 10**6),
                            ((100, 10, 0, 10**6), 10), ((10_000, 5_000, 2_500, 10_000), 5_000)]
)  # fmt: skip
def test_distinct_values_at_the_ends_of_the_estimator(given: tuple[int, int, int, int], expected: int):
    assert distinct(*given) == expected


def test_costs_are_measured_once_a_week_and_kept(
    rows_wh: Warehouse, table: str, monkeypatch: pytest.MonkeyPatch
):
    for module, rows in ((calibrate_sums, 3_000), (calibrate_trees, 1_500)):
        monkeypatch.setattr(module, "ROWS", rows)
        monkeypatch.setattr(module, "REPEATS", 1, raising=False)
    monkeypatch.setattr(calibrate_sums, "LIBRARY_ROWS", 1_000)
    monkeypatch.setattr(calibrate_trees, "ROUNDS", {"rows": (1, 2), "memory": (1, 2)})
    monkeypatch.setattr(calibrate_arrays, "ROWS", 5_000)
    found = unit_costs.unit_costs(rows_wh, "trees") | unit_costs.unit_costs(rows_wh, "cofactors")
    assert set(found) == set(UNIT) and all(0 < cost < math.inf for cost in found.values())
    monkeypatch.setattr(unit_costs, "_measured", lambda *_: pytest.fail("measured twice"))
    assert unit_costs.unit_costs(rows_wh, "passes").items() <= found.items()
    chosen = plan_training(rows_wh, TrainingWork(table, {"cents": "number"}, "y", "cofactors"))
    assert chosen.seconds == min(one.seconds for one in chosen.estimates) > 0 and not chosen.is_asked
    rows_wh.execute("update ml.training_calibration set measured_at = now() - interval '8 days'")
    with pytest.raises(pytest.fail.Exception, match="measured twice"):
        unit_costs.unit_costs(rows_wh, "passes")


def test_few_rows_are_not_measured_and_a_way_can_be_asked_for(rows_wh: Warehouse, table: str):
    few = TrainingWork(f"(select * from {table} limit 50)", {"cents": "number"}, "y", "trees")
    chosen = plan_training(rows_wh, few)
    assert (chosen.way, chosen.seconds, chosen.bytes_out) == ("cells", None, None)
    assert "50 rows are too few to measure" in chosen.reason
    asked = plan_training(rows_wh, few, "export")
    assert (asked.way, asked.is_asked, asked.reason) == ("export", True, "as asked for")
    assert choose(LINEAR, MILLION, estimates(LINEAR, MILLION, UNIT), "export").reason.startswith(
        "as asked for: 1,"
    )
    with pytest.raises(
        InDatabaseError, match="way is 'factorised'; allowed for trees: auto, cells, joined, export"
    ):
        plan_training(rows_wh, few, "factorised")
    with pytest.raises(InDatabaseError, match="it has no rows. Widen the window"):
        plan_training(
            rows_wh, TrainingWork(f"(select * from {table} limit 0)", {"cents": "number"}, "y", "trees")
        )


@pytest.mark.parametrize(
    ("changed", "message"),
    [({"trainer": "magic"}, "trainer is 'magic'; allowed: cofactors, passes, trees"),
     ({"features": {}}, "at least one feature"), ({"rounds": 0}, "rounds is 0; allowed: from 1")],
)  # fmt: skip
def test_work_is_checked(changed: dict, message: str):
    with pytest.raises(InDatabaseError, match=message):
        replace(LINEAR, **changed)


def test_what_came_of_a_plan_is_kept(rows_wh: Warehouse):
    assert last_training(rows_wh, "late") is None
    first, second = plan(LINEAR, MILLION), plan(TEXTS, replace(MILLION, cells=5_000))
    record_training(rows_wh, "late", first, 2.5, 12_345)
    record_training(rows_wh, "late", second, 3.5, 1_000_000, version=3)
    newest, older = last_trainings(rows_wh, "late")
    assert (newest["way"], newest["version"], newest["actual_seconds"]) == ("cells", 3, 3.5)
    assert (older["estimated_seconds"], older["actual_bytes_out"]) == (first.seconds, 12_345)
    assert older["estimates"]["export"]["bytes_out"] == 168_000_000
    text = training_text(older)
    assert (
        "joined of " in text and "took 2.50 s with 12.3 kB out (estimated " in text and first.reason in text
    )
