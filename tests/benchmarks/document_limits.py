"""The largest forest that a document's SQL and orbital's score on Postgres without failing.

`python -m tests.benchmarks.document_limits [seconds]` writes `document_limits.json`. Belongs here:
this one comparison. Forests grow in trees, at three depths; both sides fit the same one, write their SQL, and
score the same few rows on the same server. A side stops at a depth with its first failure, whose reason is
kept: a larger forest of that depth fails too. The record's figure is the number of leaves of the largest
forest that went through. All ends after `seconds`; what was not tried then is said to be so. `deep` stands
beside it: 1,000 trees that all reach depth 20, scored in SQL by parallel workers.
"""

from __future__ import annotations

import sys
from time import perf_counter
from typing import Any

import numpy as np

from tests.benchmarks.document_families import FEATURES, TRAIN_ROWS, Step, built, made_rows, made_target
from tests.benchmarks.document_tables import (
    ANSWER,
    KEY,
    answer_table,
    answers,
    arrow_rows,
    bench_database,
    store,
)
from tests.benchmarks.orbital import VERSION, export, reason
from tests.benchmarks.progress import progress
from tests.benchmarks.record import record, versions

DATABASE = "starhouse_bench_limits"
DEPTHS, TREES = (3, 6, 12), (10, 50, 100, 300, 1_000)
ROWS = 1_000
SECONDS, SECONDS_A_FOREST = 210.0, 40.0
DEEP_TREES, DEEP_DEPTH, DEEP_ROWS, DEEP_TRAIN_ROWS = 1_000, 20, 5_000, 1_000
INCLUDES = {
    "ours": "leaves of the largest forest scored; seconds of writing the SQL and of scoring",
    "theirs": "the same of orbital: seconds of its export and of its statement",
    "neither": "fitting",
}


def main(seconds: float) -> None:
    until = perf_counter() + seconds
    forests: list[dict[str, Any]] = []
    with bench_database(DATABASE) as wh:
        rows = made_rows(ROWS, 2)
        store(wh, "rows", arrow_rows(rows, FEATURES))
        for depth in DEPTHS:
            failed: set[str] = set()
            for trees in TREES:
                with progress(f"{trees} trees of depth {depth}"):
                    forests.append(_forest(wh, rows, trees, depth, until, failed))
                print(_line(forests[-1]), flush=True)
        with progress(f"{DEEP_TREES} trees of depth {DEEP_DEPTH}"):
            deep = deep_forest(wh)
        print(f"deep: {deep}", flush=True)
        server = wh.scalar("show server_version")
    ours, theirs = (_largest(forests, side) for side in ("ours", "orbital"))
    record(
        "document_limits",
        peer="orbital", rows=ROWS, ours=[float(ours)], theirs=[float(theirs)], goal=1.0, unit="leaves",
        includes=INCLUDES, forests=forests, deep=deep,
        versions=versions("scikit-learn", postgres=server, orbital=VERSION),
    )  # fmt: skip
    print(f"largest forest scored: ours {ours:,} leaves, orbital {theirs:,}")


def _forest(
    wh: Any, rows: np.ndarray, trees: int, depth: int, until: float, failed: set[str]
) -> dict[str, Any]:
    """One size: its leaves, and what each side did with it."""
    step: Step = (
        "sklearn.ensemble.ExtraTreesRegressor",
        {"n_estimators": trees, "max_depth": depth, "random_state": 0, "n_jobs": 1},
    )
    found: dict[str, Any] = {"trees": trees, "depth": depth}
    if perf_counter() > until:
        return {**found, "leaves": 0, "ours": {"failure": "not tried"}, "orbital": {"failure": "not tried"}}
    train = made_rows(TRAIN_ROWS, 1)
    estimator = built(step).fit(train, made_target("number", train, 1))
    found["leaves"] = int(sum(tree.tree_.n_leaves for tree in estimator.estimators_))
    tries = {"ours": lambda: _ours(wh, estimator), "orbital": lambda: _orbital(wh, step, train, rows)}
    for side, attempt in tries.items():
        if side in failed:
            found[side] = {"failure": "not tried: a smaller forest failed"}
            continue
        found[side] = _tried(attempt)
        if "failure" in found[side]:
            failed.add(side)
    return found


def _tried(attempt: Any) -> dict[str, Any]:
    from ml.document import DocumentError
    from warehouse.client import WarehouseError

    try:
        return attempt()
    except (DocumentError, WarehouseError, RuntimeError, MemoryError) as error:
        return {"failure": f"{type(error).__name__}: {reason(error)}"}


def _ours(wh: Any, estimator: Any) -> dict[str, Any]:
    from ml.document import Evaluator, Input
    from ml.document.importers import import_estimator
    from ml.document.parity import same_bits
    from ml.document.passes import prepared_scoring

    document = import_estimator(estimator, [Input(name, "number") for name in FEATURES], "forest")
    began = perf_counter()
    with prepared_scoring(wh, document, "rows", [KEY]) as select:
        prepared = perf_counter() - began
        scoring = answer_table(wh, f"select {KEY}, score from ({select}) as s", SECONDS_A_FOREST)
    given = answers(wh).column("score").to_numpy()
    wh.execute(f"drop table {ANSWER}")
    expected = Evaluator(document).table(arrow_rows(made_rows(ROWS, 2), FEATURES)).scores[:, 0]
    equal = float(same_bits(given, expected).mean())
    return {"write_seconds": prepared, "score_seconds": scoring, "equal_share": equal}


def _orbital(wh: Any, step: Step, train: np.ndarray, rows: np.ndarray) -> dict[str, Any]:
    target = made_target("number", train, 1)
    made = export(
        [step], "predict", FEATURES, "rows", SECONDS_A_FOREST, train=train, rows=rows, target=target
    )
    statement = f'select "id", "variable" from ({made.sql}) as q'
    scoring = answer_table(wh, statement, SECONDS_A_FOREST)
    given = answers(wh).column("variable").to_numpy()
    equal = float((given == made.answer[:, 0]).mean())
    return {"write_seconds": made.export_seconds, "score_seconds": scoring, "equal_share": equal}


def deep_forest(wh: Any, trees: int = DEEP_TREES, rows: int = DEEP_ROWS) -> dict[str, Any]:
    """Extremely randomised trees that all reach depth 20, scored in SQL: their size, the statements and their
    text, seconds, the fewest parallel workers that worked on a statement, and the share of margins with the
    bits of the Python evaluator.
    """
    from ml.document import Evaluator
    from ml.document.parity import same_bits

    document, leaves = _deep_document(trees)
    table = arrow_rows(made_rows(rows, 3), FEATURES)
    store(wh, "deep_rows", table)
    wh.execute("set min_parallel_table_scan_size = 0")  # so few rows are little work but for the trees
    wh.execute("set parallel_setup_cost = 0")
    began = perf_counter()
    found = _run_passes(wh, document)
    seconds = perf_counter() - began
    given = wh.fetch_arrow(f"select margin from {ANSWER} order by {KEY}").column("margin").to_numpy()
    wh.execute(f"drop table {ANSWER}, deep_rows")
    wh.execute("reset min_parallel_table_scan_size")
    wh.execute("reset parallel_setup_cost")
    equal = same_bits(given, Evaluator(document).table(table).margins[:, 0])
    return {
        "trees": trees, "depth": DEEP_DEPTH, "leaves": leaves, "rows": rows, "seconds": seconds, **found,
        "equal_share": float(equal.mean()),
    }  # fmt: skip


def _deep_document(trees: int) -> tuple[Any, int]:
    """So many trees, each of depth 20, and the number of their leaves."""
    from sklearn.ensemble import ExtraTreesRegressor

    from ml.document import Input
    from ml.document.importers import import_estimator

    train = made_rows(DEEP_TRAIN_ROWS, 1)
    grown = ExtraTreesRegressor(n_estimators=trees + trees // 8 + 2, max_depth=DEEP_DEPTH, random_state=0)
    grown.fit(train, made_target("number", train, 1))
    deep = [tree for tree in grown.estimators_ if tree.get_depth() == DEEP_DEPTH][:trees]
    if len(deep) < trees:
        raise SystemExit(f"only {len(deep)} of {trees} trees reach depth {DEEP_DEPTH}")
    grown.estimators_, grown.n_estimators = deep, trees
    document = import_estimator(grown, [Input(name, "number") for name in FEATURES], "deep forest")
    return document, int(sum(tree.get_n_leaves() for tree in deep))


def _run_passes(wh: Any, document: Any) -> dict[str, Any]:
    """Run a document's statements under EXPLAIN ANALYZE, which says how many workers took part."""
    from ml.document.passes import scoring_passes
    from ml.document.work_tables import prepare

    prepare(wh)
    passes = scoring_passes(document, "deep_rows", [KEY])
    wh.execute(f"drop table if exists {ANSWER}")
    final = f"create unlogged table {ANSWER} as {passes.select}"
    launched = []
    for number, statement in enumerate([*passes.statements, final]):
        plan = wh.query(f"explain (analyze, costs off, timing off) {statement}")
        lines = [row["QUERY PLAN"] for row in plan if "Workers Launched" in row["QUERY PLAN"]]
        launched.append(int(lines[0].split(":")[1]) if lines else 0)
        if number:
            wh.execute(f"drop table {passes.tables[number - 1]}")
    return {
        "statements": len(launched), "sql_bytes": sum(map(len, [*passes.statements, passes.select])),
        "least_workers": min(launched),
    }  # fmt: skip


def _largest(forests: list[dict[str, Any]], side: str) -> int:
    return max((one["leaves"] for one in forests if "failure" not in one[side]), default=0)


def _line(found: dict[str, Any]) -> str:
    said = []
    for side in ("ours", "orbital"):
        one = found[side]
        seconds = "" if "failure" in one else f"{one['write_seconds']:.1f} + {one['score_seconds']:.2f} s"
        said.append(f"{side} {one.get('failure', seconds)}")
    return f"{found['trees']} trees of depth {found['depth']}, {found['leaves']:,} leaves: {'; '.join(said)}"


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS)
