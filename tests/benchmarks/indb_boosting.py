"""Gradient boosting in the warehouse against exporting the rows to LightGBM.

`python -m tests.benchmarks.indb_boosting [rows] [repeats] [trees]` writes `indb_boosting_<case>.json`, with
`_<rows>` behind the case where there are not 10^6; without arguments at 10^5 and 10^6 rows. Cases:
`cells_lightgbm`, cells of five features with few values each, exported to LightGBM; `cells_ours`, the same
cells with our own trees in memory; on six continuous features cut into 64 bins, `codes_ours`, where the codes
of all rows leave as cells and our own trees grow on them in memory, `exported_ours`, where the rows leave as
they are and are cut into bins in memory, and `rows_ours`, every histogram by SQL over the rows.
`wide_planned` has forty continuous features, and the planner chooses; its reason is kept. The peer exports
all rows by ADBC.

Belongs here: this one comparison. Both sides start from the same table and end with a fitted model. The sides
take turns in one run.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any

import numpy as np
import pyarrow as pa

from ml.document import Document, Evaluator
from ml.indb.lossless_cells import cells_document, lossless_cells
from ml.indb.train_trees import train_trees
from ml.indb.training_plan import TrainingPlan, plan_training
from ml.indb.training_work import TrainingWork
from ml.indb.tree_settings import Boosting, Growth, TreeRows
from tests.benchmarks.document_tables import bench_database, store
from tests.benchmarks.progress import progress
from tests.benchmarks.record import record, versions
from warehouse.client import Warehouse

DATABASE = "starhouse_bench_boosting"
ROWS, SIZES, REPEATS, TREES = 1_000_000, (100_000, 1_000_000), 3, 50
DEPTH, LEAVES, LEAST, RATE, BINS = 6, 31, 20, 0.1, 64
LEVELS = {"c0": 8, "c1": 10, "c2": 12, "c3": 8, "c4": 10}
NUMBERS, WIDE = tuple(f"x{place}" for place in range(6)), tuple(f"x{place}" for place in range(40))
CASES = ("cells_lightgbm", "cells_ours", "codes_ours", "exported_ours", "wide_planned", "rows_ours")
GOALS = dict.fromkeys(CASES, 1.0)
ENGINES = {"cells_ours": "memory", "codes_ours": "memory", "exported_ours": "export", "rows_ours": "rows"}
OF_WAY = {"cells": "memory", "joined": "rows", "export": "export"}
LARGEST = {
    "codes_ours": 2_000_000,
    "exported_ours": 2_000_000,
    "wide_planned": 1_000_000,
    "rows_ours": 1_000_000,
}
"""Rows from which a case is left out: codes would take gigabytes in memory, and SQL hours."""
INCLUDES = {
    "start": "a vacuumed table of five features with 8 to 12 values, six continuous ones, and the target; of "
    "forty continuous ones where the case is wide; unit costs of the planner measured before",
    "ours": "planning where the case is planned, bins, the binned table, cells or export where the case has "
    "them, all trees, the document",
    "theirs": "export of features and target by ADBC, LightGBM on all cores",
    "neither": "connecting, importing libraries",
}


def made_rows(count: int, names: Sequence[str] = NUMBERS) -> pa.Table:
    """The table; the target depends on some of the features of each kind."""
    random = np.random.default_rng(5)
    levels = {name: random.integers(most, size=count).astype(np.int32) for name, most in LEVELS.items()}
    numbers = {name: random.normal(size=count) for name in names}
    y = 3 * np.sin(levels["c0"]) + levels["c1"] * (levels["c2"] > 5) + 2 * numbers["x0"] * (numbers["x1"] > 0)
    y = np.round(y + np.abs(numbers["x2"]) + random.normal(size=count), 3)
    return pa.table({"id": pa.array(range(count), pa.int64()), **levels, **numbers, "y": y})


def features(case: str) -> tuple[str, ...]:
    return tuple(LEVELS) if case.startswith("cells") else WIDE if is_wide(case) else NUMBERS


def is_wide(case: str) -> bool:
    return case.startswith("wide")


def table_of(case: str) -> str:
    return "wide_rows" if is_wide(case) else "rows"


def declared(case: str) -> TreeRows:
    return TreeRows(table_of(case), "y", numbers=features(case))


def planned(wh: Warehouse, case: str, trees: int) -> TrainingPlan:
    """What the planner chooses, and why."""
    kinds, shape = dict.fromkeys(features(case), "number"), {"depth": DEPTH, "leaves": LEAVES}
    return plan_training(wh, TrainingWork(table_of(case), kinds, "y", "trees", rounds=trees, **shape))


def lightgbm_model(trees: int) -> Any:
    import lightgbm

    return lightgbm.LGBMRegressor(
        n_estimators=trees, num_leaves=LEAVES, max_depth=DEPTH, min_child_samples=LEAST, learning_rate=RATE,
        max_bin=BINS, min_child_weight=0.0, verbose=-1,
    )  # fmt: skip


def ours(wh: Warehouse, case: str, trees: int) -> tuple[Document, dict[str, Any]]:
    """The document, and how it came about."""
    if case == "cells_lightgbm":
        cells = lossless_cells(wh, declared(case), most_bins=BINS)
        # A cell is one row to LightGBM, which could leave fewer rows than the least in a leaf.
        # Threads cost more than they save on so few rows.
        model = lightgbm_model(trees).set_params(min_child_samples=1, min_child_weight=LEAST, n_jobs=1)
        model.fit(cells.x, cells.y, sample_weight=cells.weight)
        moved = cells.x.nbytes + cells.y.nbytes + cells.weight.nbytes
        return cells_document(model, cells, "m"), {"cells": len(cells.x), "bytes": moved}
    settings, known = Boosting(trees, RATE, growth=Growth(DEPTH, LEAVES, LEAST)), {}
    engine = ENGINES.get(case)
    if engine is None:
        plan = planned(wh, case, trees)
        engine, known = OF_WAY[plan.way], {"plan": plan.to_dict()}
    done = train_trees(wh, declared(case), settings, "m", most_bins=BINS, engine=engine)
    known |= {"cells": done.cells, "bytes": done.bytes_out, "engine": done.engine}
    return done.fitted.document, known


def theirs(wh: Warehouse, case: str, trees: int) -> tuple[Any, dict[str, Any]]:
    """The fitted model and the bytes exported."""
    table = wh.fetch_arrow(f"select {', '.join(features(case))}, y from {table_of(case)}")
    x = np.stack([table[name].to_numpy() for name in features(case)], axis=1)
    return lightgbm_model(trees).fit(x, table["y"].to_numpy()), {"bytes": table.nbytes}


def errors(wh: Warehouse, case: str, document: Document, model: Any) -> dict[str, float]:
    """Root mean squared errors on the first rows, and the largest difference of both answers there."""
    table = wh.fetch_arrow(f"select {', '.join(features(case))}, y from {table_of(case)} where id < 20000")
    y, x = table["y"].to_numpy(), np.stack([table[name].to_numpy() for name in features(case)], axis=1)
    mine, other = Evaluator(document).table(table).margins[:, 0], model.predict(x)
    answers = {"ours": mine, "theirs": other}
    found = {side: float(np.sqrt(np.mean((answer - y) ** 2))) for side, answer in answers.items()}
    return {**found, "largest_difference": float(np.abs(mine - other).max())}


def main(sizes: Sequence[int], repeats: int, trees: int) -> None:
    with bench_database(DATABASE) as wh:
        for rows in sizes:
            store(wh, "rows", made_rows(rows))
            for case, goal in GOALS.items():
                if is_wide(case) and rows <= LARGEST[case]:
                    store(wh, "wide_rows", made_rows(rows, WIDE))
                    planned(wh, case, trees)  # measures unit costs
                if rows > LARGEST.get(case, rows):
                    print(f"{case}: left out at {rows} rows", flush=True)
                    continue
                with progress(case):
                    # SQL over the rows takes minutes: once says enough.
                    _compare(wh, case, goal, rows, 1 if case == "rows_ours" else repeats, trees)


def _compare(wh: Warehouse, case: str, goal: float, rows: int, repeats: int, trees: int) -> None:
    sides: dict[str, Callable[..., tuple[Any, dict[str, Any]]]] = {"ours": ours, "theirs": theirs}
    times: dict[str, list[float]] = {"ours": [], "theirs": []}
    fits: dict[str, Any] = {}
    known: dict[str, dict[str, Any]] = {}
    hashes = set()
    for _ in range(repeats):
        for side, work in sides.items():
            began = perf_counter()
            fits[side], known[side] = work(wh, case, trees)
            times[side].append(perf_counter() - began)
        hashes.add(fits["ours"].sha256)
    name = f"indb_boosting_{case}{'' if rows == ROWS else f'_{rows}'}"
    result = record(
        name, peer="LightGBM after an ADBC export", rows=rows, ours=times["ours"], theirs=times["theirs"],
        goal=1 / goal, unit="s", includes=INCLUDES, direction="at_most",
        versions=versions("lightgbm", "adbc-driver-postgresql", "pyarrow",
                          postgres=wh.scalar("show server_version")),
        trees=trees, known=known, hashes=sorted(hashes),
        errors=errors(wh, case, fits["ours"], fits["theirs"]),
    )  # fmt: skip
    print(f"{case} of {rows} rows: {result['ours']:.2f} s against {result['theirs']:.2f} s, "
          f"{result['ratio']:.2f} times as fast (goal {goal:g}); {known}, {result['errors']}",
          flush=True)  # fmt: skip


if __name__ == "__main__":
    given = [int(value) for value in sys.argv[1:]]
    main(given[:1] or SIZES, *[*given[1:], *(REPEATS, TREES)[max(len(given) - 1, 0) :]])
