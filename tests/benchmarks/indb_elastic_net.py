"""A cross-validated penalty path inside the warehouse against exporting the rows to scikit-learn.

`python -m tests.benchmarks.indb_elastic_net [rows] [repeats]` writes `indb_elastic_net_<case>_<peer>.json`:
50 penalties, 5 folds. Cases: `dense`, 20 numbers of three decimals; `categories`, 5 columns of text with 10
to 40 values; `window`, a new window of days from cofactors that are kept by day. Peers: `adbc`, Arrow export,
and `pandas`, `read_sql`; both then fit `ElasticNetCV` on all cores.

Belongs here: this one comparison. Both sides start from the same table and end with the chosen penalty and
its coefficients. The sides take turns in one run; memory is the peak of a whole client process.
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

from ml.indb.cofactor_scan import measure
from ml.indb.cofactor_store import CofactorStore
from ml.indb.cofactors import Cofactors
from ml.indb.columns import Category, Number
from ml.indb.penalty_search import PenaltySearch, penalty_search
from tests.benchmarks.document_tables import bench_database, store
from tests.benchmarks.memory import watch
from tests.benchmarks.progress import progress
from tests.benchmarks.record import record, versions
from warehouse.client import Warehouse, load_settings, open_warehouse

DATABASE = "starhouse_bench_elastic_net"
ROWS, REPEATS, FOLDS, PENALTIES, DAYS = 1_000_000, 5, 5, 50, 100
NAMES = tuple(f"x{place}" for place in range(20))
TEXTS = {f"c{place}": levels for place, levels in enumerate((10, 20, 20, 30, 40))}
WINDOW = 60
GOALS = {"dense": {"adbc": 3.0, "pandas": 8.0}, "categories": {"adbc": 10.0}, "window": {"adbc": 100.0}}
NUMBERS = [*(Number(name, 3, 100.0) for name in NAMES), Number("y", 3, 1000.0)]
STORE = CofactorStore("public", "kept", tuple(NUMBERS), (), "day", "fold")
INCLUDES = {
    "start": "a table of key, day, 20 numbers, 5 texts and the target, vacuumed; window: cofactors kept by "
    "day and fold in a table",
    "ours": "one statement of sums, the path, the cross-validation; window: reading the kept days, adding "
    "them up, the path, the cross-validation",
    "theirs": "export of features, fold and target, one-hot encoding of texts, ElasticNetCV on all cores",
    "neither": "connecting, importing libraries",
}


def made_rows(count: int) -> pa.Table:
    """The table; the target depends on half of the numbers and on three of the texts."""
    random = np.random.default_rng(11)
    numbers = np.round(random.normal(size=(count, len(NAMES))), 3)
    codes = {name: random.integers(levels, size=count) for name, levels in TEXTS.items()}
    y = numbers[:, :10] @ random.normal(size=10) + random.normal(size=count)
    for name in ("c0", "c2", "c4"):
        y = y + random.normal(size=TEXTS[name])[codes[name]]
    texts = {name: pa.array([f"v{level:02d}" for level in found]) for name, found in codes.items()}
    return pa.table(
        {
            "id": pa.array(range(count), pa.int64()),
            "day": pa.array(np.arange(count) * DAYS // count, pa.int32()),
            **{name: numbers[:, place] for place, name in enumerate(NAMES)},
            **texts,
            "y": np.round(y, 3),
        }
    )


def relation(case: str) -> str:
    where = f" where day >= {DAYS - WINDOW}" if case == "window" else ""
    return f"(select *, mod(id, {FOLDS}) as fold from rows{where})"


def features(case: str) -> list[str]:
    return list(TEXTS) if case == "categories" else list(NAMES)


def by_fold(wh: Warehouse, case: str) -> tuple[dict[str, Cofactors], int]:
    """Cofactors by fold and the bytes that left the warehouse."""
    numbers = NUMBERS[-1:] if case == "categories" else NUMBERS
    categories = [Category(name) for name in TEXTS] if case == "categories" else []
    found = measure(wh, relation(case), numbers, categories, by=["fold"])
    return found.by("fold"), found.bytes_out


def keep_days(wh: Warehouse) -> None:
    """Measure every day once, as a daily run would have."""
    STORE.measure_days(wh, relation("dense"), [str(day) for day in range(DAYS)])


WINDOW_DAYS = [str(day) for day in range(DAYS - WINDOW, DAYS)]


def ours(wh: Warehouse, case: str) -> tuple[PenaltySearch, int]:
    """The search, and the bytes of text that left the warehouse (window: `window_bytes`)."""
    folds, size = (STORE.window(wh, WINDOW_DAYS), 0) if case == "window" else by_fold(wh, case)
    return penalty_search(folds, features(case), "y", penalties=PENALTIES), size


def window_bytes(wh: Warehouse) -> int:
    sql = f"select sum(length(cofactors::text)) from {STORE.place} where day = any(%s)"
    return int(wh.scalar(sql, (WINDOW_DAYS,)))


def theirs(wh: Warehouse, case: str, way: str) -> tuple[Any, int]:
    """The fitted ElasticNetCV and the bytes exported."""
    from sklearn.linear_model import ElasticNetCV
    from sklearn.model_selection import PredefinedSplit

    names = features(case)
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
    if case == "categories":
        from sklearn.preprocessing import OneHotEncoder

        x = OneHotEncoder(sparse_output=False).fit_transform(x)
    split = PredefinedSplit(frame["fold"].to_numpy())
    model = ElasticNetCV(alphas=PENALTIES, cv=split, n_jobs=-1)
    return model.fit(x, frame["y"].to_numpy()), size


def main(rows: int, repeats: int) -> None:
    with bench_database(DATABASE) as wh:
        store(wh, "rows", made_rows(rows))
        for case, goals in GOALS.items():
            if case == "window":
                keep_days(wh)
            for way, goal in goals.items():
                with progress(f"{case}, {way}"):
                    _compare(wh, case, way, goal, rows, repeats)


def _compare(wh: Warehouse, case: str, way: str, goal: float, rows: int, repeats: int) -> None:
    sides: dict[str, Callable[[], tuple[Any, int]]] = {
        "ours": lambda: ours(wh, case),
        "theirs": lambda: theirs(wh, case, way),
    }
    times: dict[str, list[float]] = {"ours": [], "theirs": []}
    moved, fits, hashes = {}, {}, set()
    for number in range(repeats):
        for side, work in sides.items():
            began = perf_counter()
            fits[side], moved[side] = work()
            times[side].append(perf_counter() - began)
        hashes.add(sha256(fits["ours"].path.coefficients.tobytes()).hexdigest())
        print(f"{case}, {way}, {number + 1} of {repeats}: {times['ours'][-1]:.2f} s, "
              f"{times['theirs'][-1]:.2f} s", flush=True)  # fmt: skip
    if case == "window":
        moved["ours"] = window_bytes(wh)
    path, place = fits["ours"].path, fits["ours"].best
    memory = {side: _memory(side, case, way) for side in sides} if case != "window" else {}
    result = record(
        f"indb_elastic_net_{case}_{way}",
        peer=f"ElasticNetCV after {way}", rows=rows, ours=times["ours"], theirs=times["theirs"],
        goal=1 / goal, unit="s", includes=INCLUDES, direction="at_most",
        versions=versions("scikit-learn", "adbc-driver-postgresql", "pandas", "pyarrow",
                          postgres=wh.scalar("show server_version")),
        goal_ratio=goal, hashes=sorted(hashes), bytes_out=moved, client_peak_bytes=memory,
        penalty={"ours": float(path.penalties[place]), "theirs": float(fits["theirs"].alpha_)},
        largest_difference=float(np.abs(path.coefficients[place] - fits["theirs"].coef_).max()),
    )  # fmt: skip
    print(f"{case}, {way}: {result['ratio']:.2f} times as fast (goal {goal:g}), "
          f"{moved['ours']:,} bytes out against {moved['theirs']:,}", flush=True)  # fmt: skip


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


if __name__ == "__main__":
    if sys.argv[1:2] == ["--side"]:
        one_side(*sys.argv[2:5])
    else:
        given = [int(value) for value in sys.argv[1:]]
        main(*[*given, *(ROWS, REPEATS)[len(given) :]])
