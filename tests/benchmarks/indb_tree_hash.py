"""One model, whatever the way: sha256 of trees trained in the warehouse over 100 runs, beside LightGBM's.

`python -m tests.benchmarks.indb_tree_hash [rows] [runs]` writes `indb_tree_hash_<case>.json`: how many
different documents the runs gave. Each run stores the rows in another order and takes the next way: SQL over
rows without and with parallel workers, SQL over cells, cells in memory, exported rows in memory, the
reference in Python on the rows. LightGBM, in its deterministic mode, gets the same rows in the same orders,
with one thread and with two. Cases: boosting of numbers, of two classes and of three, and a forest that draws
rows (which has no SQL over cells), all with missing values, categories and weights of hundredths; boosting
with early stopping in order of time.

Belongs here: this one count. Does not belong here: any time (`indb_boosting`).
"""

from __future__ import annotations

import hashlib
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from ml.indb.reference import reference_trees
from ml.indb.train_trees import train_trees
from ml.indb.tree_settings import Boosting, Forest, Growth, TreeRows
from tests.benchmarks.document_tables import bench_database
from tests.benchmarks.progress import progress
from tests.benchmarks.record import record, versions
from warehouse.client import Warehouse

DATABASE = "starhouse_bench_tree_hash"
ROWS, RUNS, ROUNDS, BINS = 10_000, 100, 4, 32
WAYS = ("serial", "parallel", "cells", "memory", "export", "reference")
PARALLEL = {
    "parallel_setup_cost": 0, "parallel_tuple_cost": 0, "min_parallel_table_scan_size": 0,
    "max_parallel_workers_per_gather": 2,
}  # fmt: skip
NUMBERS = ("x", "z", "u")
DECLARED = TreeRows("rows", "y", NUMBERS, ("b",), ("c",), weight="w", key="id", time="day", validation=0.2)
GROWTH = Growth(max_depth=5, max_leaves=20)
BOOSTING = Boosting(ROUNDS, 0.3, growth=GROWTH)
CASES: dict[str, tuple[TreeRows, Boosting | Forest]] = {
    "numbers": (DECLARED, BOOSTING),
    "two_classes": (replace(DECLARED, label="is_high", objective="binary"), BOOSTING),
    "three_classes": (replace(DECLARED, label="grade", objective="multiclass"), BOOSTING),
    "forest": (replace(DECLARED, time=None, validation=0.0), Forest(ROUNDS, growth=GROWTH)),
}
INCLUDES = {
    "ours": "different sha256 of documents over all runs, the ways in turns",
    "theirs": "different model texts of LightGBM over as many runs, deterministic=True, force_col_wise=True",
    "both": "the same rows, each run in another order",
}


def made_rows(count: int) -> pa.Table:
    """Rows with missing values, ties, categories, weights, days and three labels."""
    random = np.random.default_rng(21)
    x, z = random.normal(size=count), random.integers(0, 9, count)
    b, c = random.random(count) < 0.4, np.array(["ash", "beech", "élm", "oak"])[random.integers(0, 4, count)]
    u = random.exponential(size=count)
    y = np.round(2 * x + 3 * (z > 4) - 2 * (c == "oak") + b * u + random.normal(size=count), 3)
    return pa.table({
        "id": np.arange(count), "x": pa.array(x, mask=random.random(count) < 0.1), "z": z,
        "u": pa.array(u, mask=random.random(count) < 0.02), "b": b,
        "c": pa.array(c, mask=random.random(count) < 0.05), "w": random.integers(0, 400, count) / 100,
        "day": random.integers(0, 60, count), "y": y, "is_high": y > 1.5, "grade": np.digitize(y, [0.5, 3.0]),
    })  # fmt: skip


def fitted(wh: Warehouse, table: pa.Table, case: str, way: str) -> str:
    """The sha256 of the case's document, trained on these rows in one of the ways."""
    rows, settings = CASES[case]
    if way == "reference":
        return reference_trees(table, rows, settings, "m", most_bins=BINS).document.sha256
    wh.load_arrow("public", "rows", table, "replace")
    wh.execute("; ".join(f"reset {name}" for name in PARALLEL))
    given = PARALLEL if way == "parallel" else {"max_parallel_workers_per_gather": 0}
    wh.execute("; ".join(f"set {name} = {value}" for name, value in given.items()))
    engine = {"serial": "rows", "parallel": "rows"}.get(way, way)
    return train_trees(wh, rows, settings, "m", most_bins=BINS, engine=engine).fitted.document.sha256


def library_text(table: pa.Table, case: str, threads: int) -> str:
    """The sha256 of LightGBM's model text."""
    import lightgbm

    rows, _ = CASES[case]
    frame = table.to_pandas()
    x = frame[list(rows.features)].astype({"c": "category", "b": "int8"})
    kind = lightgbm.LGBMRegressor if rows.objective == "regression" else lightgbm.LGBMClassifier
    options: dict[str, Any] = {"boosting_type": "rf", "subsample": 0.6, "subsample_freq": 1}
    model = kind(
        n_estimators=ROUNDS, num_leaves=GROWTH.max_leaves, max_depth=GROWTH.max_depth, max_bin=BINS,
        deterministic=True, force_col_wise=True, verbose=-1, n_jobs=threads,
        **(options if case == "forest" else {}),
    ).fit(x, frame[rows.label], sample_weight=frame["w"])  # fmt: skip
    text = model.booster_.model_to_string().split("\nparameters:")[0]  # the threads are one of them
    return hashlib.sha256(text.encode()).hexdigest()


def ways_of(case: str) -> list[str]:
    """The ways that a case has."""
    return [way for way in WAYS if case != "forest" or way != "cells"]


def counted(wh: Warehouse, case: str, rows: int, runs: int) -> tuple[set[str], set[str], dict[str, int]]:
    """Different documents, different texts of LightGBM, and how many runs each way had."""
    table, ways = made_rows(rows), ways_of(case)
    ours, theirs, taken = set(), set(), dict.fromkeys(ways, 0)
    for run in range(runs):
        shuffled = table.take(np.random.default_rng(run).permutation(rows))
        way = ways[run % len(ways)]
        ours.add(fitted(wh, shuffled, case, way))
        theirs.add(library_text(shuffled, case, 1 + run % 2))
        taken[way] += 1
    return ours, theirs, taken


def main(rows: int, runs: int) -> None:
    with bench_database(DATABASE) as wh:
        for case in CASES:
            with progress(case):
                ours, theirs, taken = counted(wh, case, rows, runs)
            result = record(
                f"indb_tree_hash_{case}", peer="LightGBM, deterministic", rows=rows, ours=[len(ours)],
                theirs=[len(theirs)], goal=1 / len(theirs), unit="different models", includes=INCLUDES,
                direction="at_most", runs=taken, hashes=sorted(ours),
                versions=versions("lightgbm", "numpy", postgres=wh.scalar("show server_version")),
            )  # fmt: skip
            print(f"{case}: {result['ours']:g} document in {runs} runs ({taken}), LightGBM "
                  f"{result['theirs']:g}", flush=True)  # fmt: skip


if __name__ == "__main__":
    given = [int(value) for value in sys.argv[1:]]
    main(*[*given, *(ROWS, RUNS)[len(given) :]])
