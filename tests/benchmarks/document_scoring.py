"""Scoring in the database against taking the rows out, predicting, and loading the scores back.

`python -m tests.benchmarks.document_scoring [rows] [repeats] [case]` writes `document_scoring_<case>.json`
for a linear model, 100 trees and 500 trees of 31 leaves, over 20 features. Belongs here: this one comparison.
Both sides start from the same table and end with an unlogged table of key and score. The peer is the best way
out and in that we have: Arrow by ADBC both ways, the library's own predict on all cores. Ours is the
product's own path: the way that `ml.scoring_plan` chooses for this table, measured beforehand as it always
is, and the scoring that `ml.score` runs (`ml.scoring_engines`). The sides take turns in one run; `memory` is
the peak of a whole client process.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import Any

import numpy as np
import pyarrow as pa

from ml.scoring_engines import ENGINES, TUPLE_COST, Scoring, fill
from tests.benchmarks.document_tables import ANSWER, KEY, answers, arrow_rows, bench_database, store
from tests.benchmarks.memory import watch
from tests.benchmarks.progress import progress
from tests.benchmarks.record import record, versions

DATABASE = "starhouse_bench_scoring"
ROWS, REPEATS, TRAIN_ROWS = 1_000_000, 5, 20_000
NAMES = tuple(f"x{place}" for place in range(20))
RELATION = "rows"
INCLUDES = {
    "start": "a table of key and 20 numbers, vacuumed; the fitted model, the document in memory",
    "ours": "by SQL: writing it, `create unlogged table as` of key and score; by stream: as theirs with the "
    "document's evaluator, batch by batch",
    "theirs": "ADBC Arrow export of key and features, the library's predict on all cores, ADBC load of key "
    "and score into a new unlogged table",
    "neither": "fitting, importing, connecting; the plan's calibration (`plan_seconds`), kept for a week",
}


@dataclass(frozen=True)
class Case:
    """A model and what is asked of it: theirs in seconds divided by ours."""

    name: str
    goal: float
    trees: int = 0

    def fitted(self) -> Any:
        """The estimator on made rows; the same on each call."""
        rows = made_rows(TRAIN_ROWS, 1)
        random = np.random.default_rng(2)
        target = rows @ random.normal(size=len(NAMES)) + 2.0 * np.sin(rows[:, 0] * rows[:, 1])
        if not self.trees:
            from sklearn.linear_model import LinearRegression

            return LinearRegression().fit(rows, target)
        from lightgbm import LGBMRegressor

        return LGBMRegressor(n_estimators=self.trees, num_leaves=31, verbose=-1).fit(rows, target)


CASES = (Case("linear", 6.0), Case("100_trees", 1.5, 100), Case("500_trees", 1.0, 500))


def made_rows(count: int, seed: int) -> np.ndarray:
    """(count, 20) float64."""
    return np.random.default_rng(seed).normal(size=(count, len(NAMES)))


def main(rows: int, repeats: int, only: str = "") -> None:
    with bench_database(DATABASE) as wh:
        store(wh, RELATION, arrow_rows(made_rows(rows, 3), NAMES))
        for case in (case for case in CASES if only in ("", case.name)):
            with progress(case.name):
                _compare(wh, case, rows, repeats)


def _compare(wh: Any, case: Case, rows: int, repeats: int) -> None:
    from ml.scoring_plan import plan_relation

    estimator = case.fitted()
    scoring = scoring_of(_document(estimator, case.name))
    began = perf_counter()
    plan = plan_relation(wh, scoring, rows)
    plan_seconds = perf_counter() - began
    print(f"{case.name}: {plan.engine}. {plan.reason}", flush=True)
    sides: dict[str, Callable[[], dict[str, int]]] = {
        "ours": lambda: ours(wh, plan.engine, scoring),
        "theirs": lambda: exported(wh, estimator, RELATION),
    }
    times: dict[str, list[float]] = {"ours": [], "theirs": []}
    moved: dict[str, dict[str, int]] = {}
    for number in range(repeats):
        for side, work in sides.items():
            times[side].append(_timed(wh, work, moved, side))
            if not number and side == "ours":
                differing = _differing(wh, scoring.document, rows)
        seconds = f"{times['ours'][-1]:.2f} s, {times['theirs'][-1]:.2f} s"
        print(f"{case.name} {number + 1} of {repeats}: {seconds}", flush=True)
    other = next(engine for engine in ENGINES if engine != plan.engine)
    result = record(
        f"document_scoring_{case.name}",
        peer="export, predict, load", rows=rows, ours=times["ours"], theirs=times["theirs"],
        goal=1 / case.goal, unit="s", includes=INCLUDES, direction="at_most",
        versions=versions("lightgbm", "scikit-learn", "adbc-driver-postgresql", "pyarrow",
                          postgres=wh.scalar("show server_version")),
        goal_ratio=case.goal, engine=plan.engine, plan=asdict(plan), plan_seconds=plan_seconds,
        other_engine_seconds=_timed(wh, lambda: ours(wh, other, scoring), {}, other),
        client_peak_bytes={side: _memory(case, plan.engine, side) for side in sides}, bytes_moved=moved,
        rows_compared=_compared(rows), rows_differing=differing,
        parallel_workers=_workers(wh, scoring.document),
    )  # fmt: skip
    print(
        f"{case.name}: {result['ratio']:.2f} times as fast (goal {case.goal:g}) by {plan.engine}, "
        f"{differing} of {_compared(rows):,} rows differ", flush=True,
    )  # fmt: skip


def _timed(wh: Any, work: Callable[[], dict[str, int]], moved: dict[str, dict[str, int]], side: str) -> float:
    """Seconds of one scoring; neither side pays for what the other wrote."""
    wh.execute(f"drop table if exists {ANSWER}")
    wh.execute("checkpoint")
    began = perf_counter()
    moved[side] = work()
    return perf_counter() - began


def _document(estimator: Any, name: str) -> Any:
    from ml.document import Input
    from ml.document.importers import import_estimator

    return import_estimator(estimator, [Input(column, "number") for column in NAMES], name)


def scoring_of(document: Any) -> Scoring:
    """The scoring of the table, key and score kept."""
    return Scoring(document, RELATION, (KEY,), ("score",))


def ours(wh: Any, engine: str, scoring: Scoring) -> dict[str, int]:
    """Score by an engine of the product; bytes of Arrow out and in."""
    done = fill(wh, engine, scoring, ("public", ANSWER))
    return {"out": done.bytes_out, "in": done.bytes_in}


def exported(wh: Any, estimator: Any, relation: str) -> dict[str, int]:
    """Score by the library; bytes of Arrow out and in."""
    model = getattr(estimator, "booster_", estimator)

    def predict(table: pa.Table) -> np.ndarray:
        matrix = np.empty((table.num_rows, len(NAMES)))
        for place, name in enumerate(NAMES):
            matrix[:, place] = table.column(name).to_numpy()
        return model.predict(matrix)

    table = wh.fetch_arrow(f"select {KEY}, {', '.join(NAMES)} from {relation} as r")
    given = pa.table({KEY: table.column(KEY), "score": predict(table)})
    wh.execute(f"create unlogged table {ANSWER} ({KEY} bigint, score double precision)")
    wh.load_arrow("public", ANSWER, given)
    return {"out": table.nbytes, "in": given.nbytes}


def _workers(wh: Any, document: Any) -> int:
    """Parallel workers that the server plans for the statement."""
    from ml.document.passes import with_settings
    from ml.document.sql import scoring_sql
    from ml.document.unguarded import unguarded_sql

    text = unguarded_sql(document, RELATION, [KEY]) or scoring_sql(document, RELATION, [KEY])
    with with_settings(wh, parallel_tuple_cost=TUPLE_COST):
        plan = wh.query(f"explain create unlogged table planned as {text}")
    lines = [row["QUERY PLAN"] for row in plan if "Workers Planned" in row["QUERY PLAN"]]
    return int(lines[0].split(":")[1]) if lines else 0


def _compared(rows: int) -> int:
    return min(rows, 100_000)


def _differing(wh: Any, document: Any, rows: int) -> int:
    """Rows of `answer` whose score has other bits than the document's evaluator gives."""
    from ml.document import Evaluator
    from ml.document.parity import same_bits

    step = max(rows // _compared(rows), 1)
    chosen = answers(wh).take(pa.array(np.arange(_compared(rows)) * step))
    table = arrow_rows(made_rows(rows, 3)[::step][: len(chosen)], NAMES)
    return int(
        (~same_bits(chosen.column("score").to_numpy(), Evaluator(document).table(table).scores[:, 0])).sum()
    )


def _memory(case: Case, engine: str, side: str) -> int:
    """Peak bytes of a client process that scores once."""
    command = [sys.executable, "-m", "tests.benchmarks.document_scoring", "once", case.name, engine, side]
    usage = watch(command)
    if usage.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {usage.returncode}")
    return usage.peak_bytes


def once(name: str, engine: str, side: str) -> None:
    """One scoring, in a process whose memory is watched from outside."""
    from dataclasses import replace

    from warehouse.client import load_settings, open_warehouse

    case = next(case for case in CASES if case.name == name)
    estimator = case.fitted()
    with open_warehouse(replace(load_settings(), database=DATABASE)) as wh:
        wh.execute(f"drop table if exists {ANSWER}")
        if side == "theirs":
            exported(wh, estimator, RELATION)
        else:
            ours(wh, engine, scoring_of(_document(estimator, name)))


if __name__ == "__main__":
    if sys.argv[1:2] == ["once"]:
        once(*sys.argv[2:])
    else:
        rows, repeats, only = [*sys.argv[1:], *[str(ROWS), str(REPEATS), ""][len(sys.argv) - 1 :]]
        main(int(rows), int(repeats), only)
