"""A cross-validated penalty path inside the warehouse against exporting the rows to scikit-learn.

`python -m tests.benchmarks.indb_elastic_net [rows …]` writes `indb_elastic_net_<case>_<peer>_<rows>.json`,
by default of 10^5, 10^6 and, where disk and memory hold it, 10^7 rows: 50 penalties, 5 folds. Cases: `dense`,
20 numbers of three decimals; `categories`, 5 columns of text with 10 to 40 values; `binned`, 6 numbers cut
into 8 to 32 bins; `window`, a new window of days from cofactors that are kept by day. Peers: `adbc`, Arrow
export, and `pandas`, `read_sql`; both then fit `ElasticNetCV` on all cores. And
`indb_elastic_net_bytes.json`, what leaves the warehouse at 50 features; `indb_elastic_net_memory.json`, the
client at the most rows against the fewest.

Belongs here: this comparison. Both sides start from the same table and end with the chosen penalty and its
coefficients. The sides take turns in one run; memory is the peak of a whole client process.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from time import perf_counter
from typing import Any

import numpy as np

from ml.indb.cofactor_scan import measure
from ml.indb.cofactor_store import CofactorStore
from ml.indb.cofactors import Cofactors
from ml.indb.columns import Number
from ml.indb.elastic_net import PenaltyPath
from ml.indb.penalty_search import PenaltySearch, penalty_search
from tests.benchmarks.document_tables import bench_database
from tests.benchmarks.elastic_net_rows import (
    DAYS,
    FEATURES,
    FOLDS,
    WIDE,
    WINDOW,
    declared,
    relation,
    store_rows,
    store_wide,
)
from tests.benchmarks.memory import watch
from tests.benchmarks.progress import progress
from tests.benchmarks.record import record, versions
from warehouse.client import Warehouse, load_settings, open_warehouse

DATABASE = "starhouse_bench_elastic_net"
SIZES, LARGE, PENALTIES = (100_000, 1_000_000), 10_000_000, 50
REPEATS = {LARGE: 3}  # five of fewer rows
DISK, MEMORY = 25e9, 16e9
"""Bytes that 10^7 rows take: of the table, and of the peer's matrices for five folds."""

GOALS = {
    "dense": {"adbc": 3.0, "pandas": 8.0},
    "categories": {"adbc": 10.0},
    "binned": {"adbc": 10.0},
    "window": {"adbc": 100.0},
}
BYTES_GOAL, MEMORY_GOAL, WIDE_ROWS = 20_000, 1.1, 100_000
STORE = CofactorStore("public", "kept", tuple(declared("window")[0]), (), "day", "fold")
WINDOW_DAYS = [str(day) for day in range(DAYS - WINDOW, DAYS)]
INCLUDES = {
    "start": "a table of key, day, 20 numbers, 5 texts, 6 bins and the target, vacuumed; window: cofactors "
    "kept by day and fold in a table",
    "ours": "one statement of sums, the path, the cross-validation; window: reading the kept days, adding "
    "them up, the path, the cross-validation",
    "theirs": "export of features, fold and target, one-hot encoding of texts and bins, ElasticNetCV on all "
    "cores",
    "neither": "connecting, importing libraries",
}


def by_fold(wh: Warehouse, case: str) -> tuple[dict[str, Cofactors], int]:
    """Cofactors by fold and the bytes that left the warehouse."""
    found = measure(wh, relation(case), *declared(case), by=["fold"])
    return found.by("fold"), found.bytes_out


def keep_days(wh: Warehouse) -> None:
    """Measure every day once, as a daily run would have."""
    wh.execute("drop table if exists kept")
    rows = f"(select *, mod(id, {FOLDS}) as fold from rows)"
    STORE.measure_days(wh, rows, [str(day) for day in range(DAYS)])


def ours(wh: Warehouse, case: str) -> tuple[PenaltySearch, int]:
    """The search, and the bytes of text that left the warehouse (window: `window_bytes`)."""
    folds, size = (STORE.window(wh, WINDOW_DAYS), 0) if case == "window" else by_fold(wh, case)
    return penalty_search(folds, FEATURES[case], "y", penalties=PENALTIES), size


def window_bytes(wh: Warehouse) -> int:
    sql = f"select sum(length(totals) + length(layout::text)) from {STORE.place} where day = any(%s)"
    return int(wh.scalar(sql, (WINDOW_DAYS,)))


def theirs(wh: Warehouse, case: str, way: str) -> tuple[Any, int]:
    """The fitted ElasticNetCV and the bytes exported."""
    from sklearn.linear_model import ElasticNetCV
    from sklearn.model_selection import PredefinedSplit

    names = list(FEATURES[case])
    sql = f"select {', '.join(names)}, fold, y from {relation(case)} as r"
    if way == "pandas":
        import pandas as pd
        from sqlalchemy import create_engine

        from warehouse.client import connection_urls

        frame = pd.read_sql(sql, create_engine(connection_urls(wh.settings).sqlalchemy))
        size = int(frame.memory_usage(deep=True).sum())
    else:
        table = wh.fetch_arrow(sql)
        frame, size = table.to_pandas(), table.nbytes
    x: Any = frame[names].to_numpy()
    if case in ("categories", "binned"):
        from sklearn.preprocessing import OneHotEncoder

        x = OneHotEncoder(sparse_output=False).fit_transform(x)
    split = PredefinedSplit(frame["fold"].to_numpy())
    model = ElasticNetCV(alphas=PENALTIES, cv=split, n_jobs=-1)
    return model.fit(x, frame["y"].to_numpy()), size


def in_their_order(path: PenaltyPath, place: int) -> np.ndarray:
    """Coefficients (p,) at a penalty; bins by number, where ours come in order of their text."""
    columns = [term.column for term in path.terms]
    levels = [int(term.level) if (term.level or "").isdecimal() else at for at, term in enumerate(path.terms)]
    order = sorted(range(len(levels)), key=lambda at: (columns.index(columns[at]), levels[at]))
    return path.coefficients[place][order]


def main(sizes: list[int]) -> None:
    peaks: dict[int, int] = {}
    with bench_database(DATABASE) as wh:
        for rows in sizes:
            store_rows(wh, rows)
            keep_days(wh)
            for case, goals in GOALS.items():
                for way, goal in goals.items():
                    with progress(f"{case}, {way}, {rows:,} rows"):
                        _compare(wh, case, way, goal, rows)
            peaks[rows] = _memory("ours", "dense", "adbc")
        store_wide(wh, WIDE_ROWS)
        _record_bytes(wh)
    _record_memory(peaks)


def _compare(wh: Warehouse, case: str, way: str, goal: float, rows: int) -> None:
    sides: dict[str, Callable[[], tuple[Any, int]]] = {
        "ours": lambda: ours(wh, case),
        "theirs": lambda: theirs(wh, case, way),
    }
    times: dict[str, list[float]] = {"ours": [], "theirs": []}
    moved, fits, hashes = {}, {}, set()
    for _ in range(REPEATS.get(rows, 5)):
        for side, work in sides.items():
            began = perf_counter()
            fits[side], moved[side] = work()
            times[side].append(perf_counter() - began)
        hashes.add(sha256(fits["ours"].path.coefficients.tobytes()).hexdigest())
    if case == "window":
        moved["ours"] = window_bytes(wh)
    path, place = fits["ours"].path, fits["ours"].best
    result = record(
        f"indb_elastic_net_{case}_{way}_{rows}",
        peer=f"ElasticNetCV after {way}", rows=rows, ours=times["ours"], theirs=times["theirs"],
        goal=1 / goal, unit="s", includes=INCLUDES, direction="at_most",
        versions=versions("scikit-learn", "adbc-driver-postgresql", "pandas", "pyarrow",
                          postgres=wh.scalar("show server_version")),
        goal_ratio=goal, hashes=sorted(hashes), bytes_out=moved,
        client_peak_bytes={side: _memory(side, case, way) for side in sides},
        penalty={"ours": float(path.penalties[place]), "theirs": float(fits["theirs"].alpha_)},
        largest_difference=float(np.abs(in_their_order(path, place) - fits["theirs"].coef_).max()),
    )  # fmt: skip
    print(f"{case}, {way}, {rows:,} rows: {result['ratio']:.2f} times as fast (goal {goal:g}), "
          f"{moved['ours']:,} bytes out against {moved['theirs']:,}", flush=True)  # fmt: skip


def _record_bytes(wh: Warehouse) -> None:
    """What leaves the warehouse for all that least squares on 50 features needs, and split by fold."""
    numbers = [*(Number(name, 3, 100.0) for name in WIDE), Number("y", 3, 1000.0)]
    rows = f"(select *, mod(id, {FOLDS}) as fold from wide)"
    whole, split = (measure(wh, rows, numbers, by=by).bytes_out for by in ([], ["fold"]))
    result = record(
        "indb_elastic_net_bytes", peer="20 KB", rows=WIDE_ROWS, ours=[whole], theirs=[BYTES_GOAL],
        goal=1.0, unit="bytes", direction="at_most", versions=versions(),
        includes={"ours": "the text of all sums and products of 50 features and the target"},
        by_fold=split, exported=wh.fetch_arrow("select * from wide").nbytes,
    )  # fmt: skip
    print(f"50 features: {whole:,} bytes out, by {FOLDS} folds {split:,}, as rows {result['exported']:,}")


def _record_memory(peaks: dict[int, int]) -> None:
    few, many = min(peaks), max(peaks)
    result = record(
        "indb_elastic_net_memory", peer=f"the same on {few} rows", rows=many, ours=[peaks[many]],
        theirs=[peaks[few]], goal=MEMORY_GOAL, unit="bytes", direction="at_most", versions=versions(),
        includes={"ours": "the client's process, dense"}, peaks={str(rows): peaks[rows] for rows in peaks},
    )  # fmt: skip
    print(f"client memory: {result['quotient']:.2f} of that at {few:,} rows (goal {MEMORY_GOAL:g})")


def _memory(side: str, case: str, way: str) -> int:
    command = [sys.executable, "-m", "tests.benchmarks.indb_elastic_net", "--side", side, case, way]
    return watch(command).peak_bytes


def one_side(side: str, case: str, way: str) -> None:
    """One side once, on the database that the comparison has open: for its memory."""
    with open_warehouse(replace(load_settings(), database=DATABASE)) as wh:
        if side == "ours":
            ours(wh, case)
        else:
            theirs(wh, case, way)


def fitting_sizes() -> list[int]:
    import psutil

    has_room = shutil.disk_usage(load_settings().home).free > DISK
    has_room = has_room and psutil.virtual_memory().available > MEMORY
    if not has_room:
        print(f"{LARGE:,} rows are left out: {DISK:.0e} bytes of disk or {MEMORY:.0e} of memory lack")
    return [*SIZES, *([LARGE] if has_room else [])]


if __name__ == "__main__":
    if sys.argv[1:2] == ["--side"]:
        one_side(*sys.argv[2:5])
    else:
        main([int(value) for value in sys.argv[1:]] or fitting_sizes())
