"""Logistic regression in the warehouse against exporting the rows to scikit-learn.

`python -m tests.benchmarks.indb_glm [rows] [repeats]` writes `indb_glm_<case>_<solver>.json`. Cases:
`binned`, ten features of two or three values, whose rows collapse to covariate patterns; `continuous`, ten
doubles, where every row is its own pattern and an export is expected to win. The peer exports by ADBC and
fits `LogisticRegression` without a penalty: with `lbfgs`, its default, which stops early, and with
`newton-cholesky`, its fastest exact way for many rows and few columns.

Belongs here: this one comparison. Both sides start from the same table and end with coefficients; only ours
has their standard errors. The sides take turns in one run; memory is the peak of a whole client process.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from time import perf_counter
from typing import Any

import numpy as np
import pyarrow as pa

from ml.indb.glm import fit_glm
from ml.indb.glm_fit import GlmFit
from tests.benchmarks.document_tables import bench_database, store
from tests.benchmarks.memory import watch
from tests.benchmarks.progress import progress
from tests.benchmarks.record import record, versions
from warehouse.client import Warehouse, load_settings, open_warehouse

DATABASE = "starhouse_bench_glm"
ROWS, REPEATS = 1_000_000, 3
NAMES = {case: [f"{case[0]}{place}" for place in range(10)] for case in ("binned", "continuous")}
SOLVERS = ("lbfgs", "newton-cholesky")
GOALS = {"binned": 1.0, "continuous": 1.0}
INCLUDES = {
    "start": "a vacuumed table of ten features of two or three values, ten doubles, and a truth value",
    "ours": "the scan of ranges, the table of patterns or rows, every pass, coefficients, standard errors",
    "theirs": "export of features and target by ADBC, LogisticRegression(C=inf)",
    "neither": "connecting, importing libraries",
}


def made_rows(count: int) -> pa.Table:
    """The table; the chances of the target depend on the bins and, but for rounding, on the doubles."""
    random = np.random.default_rng(3)
    x = random.normal(size=(count, 10))
    bins = np.where(np.arange(10) < 3, np.digitize(x, [-0.6, 0.6]), x > 0.3).astype(np.int16)
    slopes = random.normal(size=10) / 3
    y = random.random(count) < 1 / (1 + np.exp(-(x @ slopes) + 1.0))
    columns = {
        **{name: bins[:, at] for at, name in enumerate(NAMES["binned"])},
        **{name: x[:, at] for at, name in enumerate(NAMES["continuous"])},
    }
    return pa.table({"id": pa.array(range(count), pa.int64()), **columns, "y": pa.array(y)})


def ours(wh: Warehouse, case: str) -> tuple[GlmFit, int]:
    """The fit, and the bytes of text that left the warehouse."""
    fit = fit_glm(wh, "rows", NAMES[case], "y", "logistic")
    return fit, fit.bytes_out


def theirs(wh: Warehouse, case: str, solver: str) -> tuple[Any, int]:
    """The fitted model, and the bytes exported."""
    from sklearn.linear_model import LogisticRegression

    table = wh.fetch_arrow(f"select {', '.join(NAMES[case])}, y from rows")
    x = np.stack([table[name].to_numpy() for name in NAMES[case]], axis=1).astype(np.float64)
    tolerance = 1e-4 if solver == "lbfgs" else 1e-8  # of Newton's method one step more
    model = LogisticRegression(C=np.inf, solver=solver, tol=tolerance, max_iter=1000)
    return model.fit(x, table["y"].to_numpy()), table.nbytes


def main(rows: int, repeats: int) -> None:
    with bench_database(DATABASE) as wh:
        store(wh, "rows", made_rows(rows))
        for case, goal in GOALS.items():
            for solver in SOLVERS:
                with progress(f"{case}, {solver}"):
                    _compare(wh, case, solver, goal, rows, repeats)


def difference(fit: GlmFit, model: Any) -> float:
    """The largest difference of two coefficients."""
    return float(np.abs(fit.coefficients - np.column_stack([model.intercept_, model.coef_])).max())


def _compare(wh: Warehouse, case: str, solver: str, goal: float, rows: int, repeats: int) -> None:
    sides: dict[str, Callable[[], tuple[Any, int]]] = {
        "ours": lambda: ours(wh, case),
        "theirs": lambda: theirs(wh, case, solver),
    }
    times: dict[str, list[float]] = {"ours": [], "theirs": []}
    moved, fits, hashes = {}, {}, set()
    for _ in range(repeats):
        for side, work in sides.items():
            began = perf_counter()
            fits[side], moved[side] = work()
            times[side].append(perf_counter() - began)
        hashes.add(sha256(fits["ours"].coefficients.tobytes()).hexdigest())
    fit = fits["ours"]
    memory = {side: _memory(side, case, solver) for side in sides}
    result = record(
        f"indb_glm_{case}_{solver.partition('-')[0]}",
        peer=f"LogisticRegression ({solver}) after an ADBC export", rows=rows, ours=times["ours"],
        theirs=times["theirs"], goal=1 / goal, unit="s", includes=INCLUDES, direction="at_most",
        versions=versions("scikit-learn", "adbc-driver-postgresql", "pyarrow",
                          postgres=wh.scalar("show server_version")),
        lines=fit.lines, passes=fit.passes, hashes=sorted(hashes), bytes_out=moved,
        client_peak_bytes=memory, largest_difference=difference(fit, fits["theirs"]),
    )  # fmt: skip
    print(
        f"{case}, {solver}: {result['ours']:.2f} s against {result['theirs']:.2f} s, {result['ratio']:.2f} "
        f"times as fast (goal {goal:g}); {fit.lines:,} lines, {moved['ours']:,} bytes out against "
        f"{moved['theirs']:,}, coefficients within {result['largest_difference']:.1e}",
        flush=True,
    )


def _memory(side: str, case: str, solver: str) -> int:
    command = [sys.executable, "-m", "tests.benchmarks.indb_glm", "--side", side, case, solver]
    return watch(command).peak_bytes


def one_side(side: str, case: str, solver: str) -> None:
    """One side once, on the database that the comparison has open: for its memory."""
    with open_warehouse(replace(load_settings(), database=DATABASE)) as wh:
        if side == "ours":
            ours(wh, case)
        else:
            theirs(wh, case, solver)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--side"]:
        one_side(*sys.argv[2:5])
    else:
        given = [int(value) for value in sys.argv[1:]]
        main(*[*given, *(ROWS, REPEATS)[len(given) :]])
