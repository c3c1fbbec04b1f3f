"""One row answered by a document against the library's own predict.

`python -m tests.benchmarks.document_one_row [blocks]` writes `build/bench/document_one_row.json`. Belongs
here: this one comparison. Ours is `Evaluator.row` on a row given as a mapping; theirs is the fitted estimator
on a ready NumPy array of one row, or, for the project's own pipelines, on a ready data frame of one row.
Blocks of calls take turns; a block's figure is its median. The record's figure is the family that gains
least, so the goal holds for each. `lightgbm_booster` stands beside it: LightGBM's inner object, without what
its estimator checks, in one thread.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import cycle
from statistics import median
from time import perf_counter_ns
from typing import Any

import numpy as np
import pyarrow as pa

from tests.benchmarks.document_families import FAMILIES, FEATURES, Family, fitted, made_rows, made_target
from tests.benchmarks.record import record, versions

GOAL = 20.0
BLOCKS, OURS_CALLS, THEIR_CALLS = 7, 300, 40
BESIDE = "lightgbm_booster"
GROWN_TREES, GROWN_ROWS, DIFFERENT_ROWS = 25, 20_000, 300
PIPELINES = {"late_arrival": "classification", "arrival_delay": "regression"}
INCLUDES = {
    "ours": "`Evaluator.row` of a mapping of plain values: margin, score and decision",
    "theirs": "predict, predict_proba or transform of one ready row; neither makes the row",
}


@dataclass(frozen=True)
class Pair:
    """The two calls that are compared; both take no argument."""

    name: str
    ours: Callable[[], Any]
    theirs: Callable[[], Any]


def main(blocks: int) -> None:
    warnings.simplefilter("ignore")  # scikit-learn misses names of columns in plain arrays, each time
    found: dict[str, Any] = {}
    for pair in pairs():
        found[pair.name] = measured(pair, blocks)
        one = found[pair.name]
        times = f"ours {one['ours_us']:.1f} µs, theirs {one['theirs_us']:,.0f} µs"
        print(f"{pair.name}: {times}, {one['ratio']:.0f} times", flush=True)
    beside = {BESIDE: found.pop(BESIDE)}
    least = min(found, key=lambda name: found[name]["ratio"])
    record(
        "document_one_row",
        peer=f"the library ({least})", rows=1, goal=1 / GOAL, direction="at_most", unit="µs",
        ours=found[least]["blocks"]["ours"], theirs=found[least]["blocks"]["theirs"], goal_ratio=GOAL,
        includes=INCLUDES,
        versions=versions("scikit-learn", "lightgbm", "numpy", "pandas"),
        families=found, beside=beside, median_ratio=median(one["ratio"] for one in found.values()),
    )  # fmt: skip


def pairs() -> Iterator[Pair]:
    """Every family as a bare estimator, a large forest, and the project's own pipelines."""
    for family in FAMILIES:
        yield from _bare(family)
    yield grown_forest(GROWN_TREES, GROWN_ROWS)
    for name, task in PIPELINES.items():
        yield _pipeline(name, task)


def measured(pair: Pair, blocks: int) -> dict[str, Any]:
    """Medians of microseconds a call, by block and of all blocks."""
    pair.ours(), pair.theirs()  # what is made once
    taken: dict[str, list[float]] = {"ours": [], "theirs": []}
    for _ in range(blocks):
        taken["ours"].append(_median_us(pair.ours, OURS_CALLS))
        taken["theirs"].append(_median_us(pair.theirs, THEIR_CALLS))
    ratios = [other / mine for mine, other in zip(taken["ours"], taken["theirs"], strict=True)]
    return {
        "ours_us": median(taken["ours"]), "theirs_us": median(taken["theirs"]), "ratio": median(ratios),
        "is_met": median(ratios) >= GOAL, "blocks": taken,
    }  # fmt: skip


def _median_us(call: Callable[[], Any], count: int) -> float:
    taken = []
    for _ in range(count):
        began = perf_counter_ns()
        call()
        taken.append(perf_counter_ns() - began)
    return median(taken) / 1000


def _bare(family: Family) -> Iterator[Pair]:
    from ml.document import Evaluator, Input
    from ml.document.importers import import_estimator

    estimator = fitted(family)
    document = import_estimator(estimator, [Input(name, "number") for name in FEATURES], family.name)
    evaluator, rows = Evaluator(document), made_rows(1, 9, family.has_missing)
    row = {n: None if np.isnan(v) else v for n, v in zip(FEATURES, rows[0].tolist(), strict=True)}
    predict = getattr(estimator, family.method)
    yield Pair(family.name, lambda: evaluator.row(row), lambda: predict(rows))
    if hasattr(estimator, "booster_"):
        inner = estimator.booster_.predict
        yield Pair(BESIDE, lambda: evaluator.row(row), lambda: inner(rows, num_threads=1))


def grown_forest(trees: int, train_rows: int) -> Pair:
    """Fully grown trees, each call on the next of several rows."""
    from sklearn.ensemble import RandomForestRegressor

    from ml.document import Evaluator, Input
    from ml.document.importers import import_estimator

    train = made_rows(train_rows, 1)
    forest = RandomForestRegressor(n_estimators=trees, random_state=0, n_jobs=1)
    forest.fit(train, made_target("number", train, 1))
    evaluator = Evaluator(import_estimator(forest, [Input(name, "number") for name in FEATURES], "grown"))
    rows = made_rows(DIFFERENT_ROWS, 9)
    ours = cycle([dict(zip(FEATURES, row, strict=True)) for row in rows.tolist()])
    theirs = cycle([rows[place : place + 1] for place in range(len(rows))])
    return Pair(
        "grown_forest",
        lambda: evaluator.row(next(ours))[1][0],
        lambda: float(forest.predict(next(theirs))[0]),
    )


def _pipeline(name: str, task: str) -> Pair:
    """The pipeline that training builds for a declared model, fitted on made rows of its features."""
    from ml.algorithms import build, candidates
    from ml.document import Evaluator
    from ml.feature_frame import to_frame
    from ml.fitted_document import document_of
    from ml.row_scores import row_scores
    from ml.spec import load_specs

    spec = load_specs()[name]
    table = _made_features(spec.features, 4_000)
    target = np.random.default_rng(4).normal(size=table.num_rows)
    target = target if task == "regression" else (target > 0).astype(int)
    estimator = build(spec.algorithm, task, next(candidates(spec.algorithm)), spec.features)
    estimator.fit(to_frame(spec.features, table), target)
    evaluator = Evaluator(document_of(spec, estimator, None))
    one = table.slice(0, 1)
    row, frame = one.to_pylist()[0], to_frame(spec.features, one)
    return Pair(f"pipeline of {name}", lambda: evaluator.row(row), lambda: row_scores(estimator, task, frame))


def _made_features(features: Any, rows: int) -> pa.Table:
    random = np.random.default_rng(3)
    made = {}
    for feature in features:
        mask = random.random(rows) < 0.05
        if feature.kind == "category":
            made[feature.name] = pa.array(
                random.choice(["AA", "B6", "UA", "EV"], rows), pa.string(), mask=mask
            )
        elif feature.kind == "boolean":
            made[feature.name] = pa.array(random.random(rows) < 0.5, pa.bool_(), mask=mask)
        else:
            made[feature.name] = pa.array(random.gamma(2.0, 30.0, rows), pa.float64(), mask=mask)
    return pa.table(made)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else BLOCKS)
