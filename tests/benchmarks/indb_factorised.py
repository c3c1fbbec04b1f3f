"""Cofactors of a star without its join against the joined rows; and where the planner leaves the warehouse.

`python -m tests.benchmarks.indb_factorised [rows …]` writes `indb_factorised_<case>_<width>_<rows>.json`: one
dimension of 5,000 keys (case `one`), or two, of 5,000 and 200 keys, that share the columns (case `two`), with
4, 16 and 48 columns, at 100,000 and 1,000,000 facts. Ours sums by key, theirs over the joined rows; both give
the same bits. Then `indb_planner_<columns>.json`: 100,000 rows of 20 and of 200 dense numbers, a penalised
path with cross-validation. Ours is the way that the planner chose, theirs the other one; both give the same
coefficients, bit for bit.

Belongs here: these comparisons. The sides take turns in one run; beside each time stands the plan's estimate.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from hashlib import sha256
from time import perf_counter
from typing import Any

import numpy as np
import pyarrow as pa

from ml.indb.cofactor_scan import Measured, measure
from ml.indb.columns import Number
from ml.indb.exported_cofactors import measure_exported
from ml.indb.penalty_search import PenaltySearch, penalty_search
from ml.indb.star import Dimension, Star
from ml.indb.star_scan import measure_star
from ml.indb.training_plan import TrainingPlan, plan_training
from ml.indb.training_work import TrainingWork
from tests.benchmarks.document_tables import bench_database, store
from tests.benchmarks.progress import progress
from tests.benchmarks.record import record, versions
from warehouse.client import Warehouse

DATABASE = "starhouse_bench_factorised"
ROWS, REPEATS, FOLDS, PENALTIES = (100_000, 1_000_000), 3, 5, 50
WIDTHS, KEYS, OTHER_KEYS = (4, 16, 48), 5_000, 200
DENSE_ROWS, DENSE_WIDTHS = 100_000, (20, 200)
OWN = ("x0", "x1", "x2")
STAR_INCLUDES = {
    "start": "a fact and its dimensions, vacuumed",
    "ours": "the checks of keys, one statement over messages, reading the sums",
    "theirs": "one statement over the joined rows, reading the sums",
    "neither": "connecting; the fit, which is the same",
}
DENSE_INCLUDES = {
    "start": "a table of dense numbers and a target, vacuumed; the planner's unit costs measured",
    "ours": "the way that the planner chose: sums in the warehouse, or export by ADBC and sums in memory; "
    "then the path and its cross-validation from the sums",
    "theirs": "the other way",
    "neither": "connecting, importing libraries, planning",
}


def numbers_of(random: np.random.Generator, rows: int, names: list[str]) -> dict[str, np.ndarray]:
    return {name: np.round(random.normal(size=rows), 3) for name in names}


def store_star(wh: Warehouse, rows: int) -> None:
    """The fact with two keys, three numbers and a target; both dimensions as wide as any case needs."""
    random = np.random.default_rng(17)
    for name, keys in (("a", KEYS), ("b", OTHER_KEYS)):
        columns = numbers_of(random, keys, [f"{name}{at}" for at in range(WIDTHS[-1])])
        store(wh, f"dim_{name}", pa.table({"key": pa.array(range(keys), pa.int64()), **columns}))
    keys = {"key_a": random.integers(0, KEYS, rows), "key_b": random.integers(0, OTHER_KEYS, rows)}
    store(wh, "facts", pa.table({**keys, **numbers_of(random, rows, [*OWN, "y"])}))


def star_of(case: str, width: int) -> Star:
    shares = {"a": width} if case == "one" else {"a": width // 2, "b": width // 2}
    dimensions = [
        Dimension(name, f"dim_{name}", "key", tuple(f"{name}{at}" for at in range(many)), f"key_{name}")
        for name, many in shares.items()
    ]
    return Star("facts", (*OWN, "y"), tuple(dimensions))


def features_of(star: Star) -> list[str]:
    return [*OWN, *(name for one in star.dimensions for name in one.columns)]


def measured(wh: Warehouse, star: Star, way: str) -> Measured:
    numbers = [Number(name, 3, 100.0) for name in (*features_of(star), "y")]
    return measure_star(wh, star, numbers) if way == "ours" else measure(wh, star.joined, numbers)


def plan_star(wh: Warehouse, star: Star) -> TrainingPlan:
    features = dict.fromkeys(features_of(star), "number")
    return plan_training(wh, TrainingWork(star.joined, features, "y", "cofactors", star=star))


def compare_star(wh: Warehouse, case: str, width: int, rows: int) -> None:
    star = star_of(case, width)
    plan = plan_star(wh, star)
    times, found, hashes = _in_turns(
        {side: lambda side=side: measured(wh, star, side) for side in ("ours", "theirs")},
        lambda one: str(one.total.to_dict()),
    )
    name = f"indb_factorised_{case}_{width}_{rows}"
    result = record(
        name, peer="joined rows", rows=rows, ours=times["ours"], theirs=times["theirs"], goal=1.0, unit="s",
        includes=STAR_INCLUDES, direction="at_most",
        versions=versions("pyarrow", postgres=wh.scalar("show server_version")),
        dimension_columns=width, is_equal=hashes["ours"] == hashes["theirs"], hashes=sorted(hashes["ours"]),
        bytes_out={side: one.bytes_out for side, one in found.items()}, **_planned(plan),
    )  # fmt: skip
    print(f"{name}: {result['ratio']:.2f} times as fast, {result['ours']:.2f} s against "
          f"{result['theirs']:.2f} s, equal {result['is_equal']}; {plan.reason}", flush=True)  # fmt: skip


def store_dense(wh: Warehouse, rows: int, width: int) -> list[str]:
    names = [f"x{at}" for at in range(width)]
    columns = numbers_of(np.random.default_rng(width), rows, names)
    y = np.round(sum(columns[name] for name in names[:10]) + np.random.default_rng(1).normal(size=rows), 3)
    store(wh, "dense", pa.table({"id": pa.array(range(rows), pa.int64()), **columns, "y": y}))
    return names


def path_of(wh: Warehouse, names: list[str], way: str) -> tuple[PenaltySearch, int]:
    """The search over penalties, and the bytes out."""
    numbers = [*(Number(name, 3, 100.0) for name in names), Number("y", 3, 1000.0)]
    measuring = measure if way == "joined" else measure_exported
    found = measuring(wh, f"(select *, mod(id, {FOLDS}) as fold from dense)", numbers, by=["fold"])
    return penalty_search(found.by("fold"), names, "y", penalties=PENALTIES), found.bytes_out


def compare_dense(wh: Warehouse, rows: int, width: int) -> None:
    names = store_dense(wh, rows, width)
    plan = plan_training(
        wh, TrainingWork("dense", dict.fromkeys(names, "number"), "y", "cofactors", folds=FOLDS)
    )
    (other,) = {"joined", "export"} - {plan.way}
    sides = {"ours": plan.way, "theirs": other}
    times, found, hashes = _in_turns(
        {side: lambda way=way: path_of(wh, names, way) for side, way in sides.items()},
        lambda one: one[0].path.coefficients.tobytes().hex(),
    )
    result = record(
        f"indb_planner_{width}", peer=other, rows=rows, ours=times["ours"], theirs=times["theirs"], goal=1.0,
        unit="s", includes=DENSE_INCLUDES, direction="at_most",
        versions=versions("numpy", "adbc-driver-postgresql", "pyarrow",
                          postgres=wh.scalar("show server_version")),
        bytes_out={side: one[1] for side, one in found.items()},
        is_equal=hashes["ours"] == hashes["theirs"], **_planned(plan),
    )  # fmt: skip
    print(f"indb_planner_{width}: chose {plan.way}, {result['ours']:.2f} s against {result['theirs']:.2f} s; "
          f"{plan.reason}", flush=True)  # fmt: skip


def _planned(plan: TrainingPlan) -> dict[str, Any]:
    return {"chosen": plan.way, "reason": plan.reason, "estimates": plan.to_dict()["estimates"]}


def _in_turns(
    sides: dict[str, Callable[[], Any]], text: Callable[[Any], str]
) -> tuple[dict[str, list[float]], dict[str, Any], dict[str, set[str]]]:
    """Seconds of each repeat, the last results, and the hashes of all."""
    times: dict[str, list[float]] = {side: [] for side in sides}
    hashes: dict[str, set[str]] = {side: set() for side in sides}
    found: dict[str, Any] = {}
    for _ in range(REPEATS):
        for side, work in sides.items():
            began = perf_counter()
            found[side] = work()
            times[side].append(perf_counter() - began)
            hashes[side].add(sha256(text(found[side]).encode()).hexdigest())
    return times, found, hashes


def main(sizes: tuple[int, ...]) -> None:
    with bench_database(DATABASE) as wh:
        for rows in sizes:
            store_star(wh, rows)
            for case in ("one", "two"):
                for width in WIDTHS:
                    with progress(f"{case}, {width} columns, {rows:,} rows"):
                        compare_star(wh, case, width, rows)
        for width in DENSE_WIDTHS:
            with progress(f"dense, {width} columns"):
                compare_dense(wh, min(DENSE_ROWS, max(sizes)), width)


if __name__ == "__main__":
    main(tuple(int(value) for value in sys.argv[1:]) or ROWS)
