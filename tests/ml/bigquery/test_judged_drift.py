"""Drift by BigQuery's SQL, evaluated by ZetaSQL: the same bins, counts, distances and decisions; what goes
through exp, ln or a sum of doubles within the bound of its column.
"""

from __future__ import annotations

import datetime
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest

from ml import drift_sql
from ml.drift_functions import DRIFT_FUNCTIONS
from ml.drift_statistics import STATISTICS

pytestmark = pytest.mark.slow
KEY = {"model_name": "m", "version": 1, "bins": 10}
ROUNDED = {"psi": 1e-13, "js": 1e-13, "chi_square": 1e-13, "p_value": 1e-12, "q_value": 1e-12,
           "scaled": 1e-12, "ks_p_value": 1e-12}  # fmt: skip
"""Of columns that are not the same to the bit, how far apart they may be, relative."""
KINDS = ("number", "number", "category", "number")
WINDOWS = ((None, 0.0), (datetime.date(2024, 1, 1), 0.1), (datetime.date(2024, 2, 1), 1.0))
BIN = pa.schema(
    [
        ("position", pa.int64()),
        ("bin", pa.int64()),
        ("bin_kind", pa.string()),
        ("lower_bound", pa.float64()),
        ("upper_bound", pa.float64()),
        ("category", pa.string()),
    ]
)


def drawn(random: np.random.Generator, position: int, shift: float) -> list:
    """150 values of one column: rounded normals, many zeros, categories (one unseen), almost all missing."""
    missing = random.random(150) < 0.05
    if position == 0:
        values = np.round(random.normal(shift, 1.0, 150), 1).tolist()
    elif position == 1:
        values = np.where(random.random(150) < 0.6, 0.0, np.floor(random.exponential(3.0, 150))).tolist()
    elif position == 2:
        values = random.choice(["a", "b", "c", *(["new"] if shift else [])], 150).tolist()
    else:
        return [1.0, 2.0] if shift else [None] * 20
    return [None if gone else value for value, gone in zip(values, missing, strict=True)]


def value_counts() -> pa.Table:
    random, rows = np.random.default_rng(0), []
    for window, shift in WINDOWS:
        for position, kind in enumerate(KINDS):
            for value, count in Counter(drawn(random, position, shift)).items():
                number, category = (value, None) if kind == "number" else (None, value)
                rows.append((position, number, category, window, float(count)))
    types = {
        "position": pa.int64(), "number": pa.float64(), "category": pa.string(),
        "window_start": pa.date32(), "rows": pa.float64(),
    }  # fmt: skip
    columns = zip(*rows, strict=True)
    return pa.table({n: pa.array(c, t) for (n, t), c in zip(types.items(), columns, strict=True)})


@pytest.fixture
def asked(rows_wh, judged, judge):
    """Asks both engines; and puts a table into both."""

    def load(name: str, table: pa.Table) -> None:
        schema, _, bare = name.rpartition(".")
        rows_wh.load_arrow(schema or "public", bare, table, "create")
        judge.load(name, table)

    def ask(sql: str) -> list[list[dict]]:
        both = [wh.query(sql, KEY) for wh in (rows_wh, judged)]
        return [sorted(rows, key=lambda row: repr(list(row.values())[:3])) for rows in both]

    rows_wh.execute("create schema ml")
    rows_wh.execute(DRIFT_FUNCTIONS)
    subjects = {"position": range(4), "subject": ["feature"] * 4, "name": list("abcd"), "kind": KINDS}
    load("drift_subject", pa.table({name: pa.array(list(values)) for name, values in subjects.items()}))
    load("drift_value", value_counts())
    return ask, load


def test_bins_counts_and_statistics(asked):
    ask, load = asked
    numbers, categories = (
        ask(text.format(only="")) for text in (drift_sql.NUMBER_BINS, drift_sql.CATEGORY_BINS)
    )
    assert repr(numbers[0]) == repr(numbers[1]) and repr(categories[0]) == repr(categories[1])
    bins = pa.Table.from_pylist(numbers[0] + categories[0], schema=BIN)
    load("drift_new_bin", bins)
    assigned = ask(drift_sql.ASSIGN.format(bins="drift_new_bin"))
    assert Counter(map(repr, assigned[0])) == Counter(map(repr, assigned[1]))
    counts: Counter = Counter()
    for row in assigned[0]:
        counts[row["position"], row["bin"], row["window_start"]] += row["rows"]
    places = zip(bins["position"].to_pylist(), bins["bin"].to_pylist(), strict=True)
    reference = pa.array([float(counts[position, number, None]) for position, number in places])
    load("drift_frozen_bin", bins.append_column("reference_rows", reference))
    current = [
        {"model_name": "m", "model_version": 1, "subject": "feature", "name": "abcd"[position],
         "window_start": window, "bin": number, "current_rows": count}
        for (position, number, window), count in counts.items() if window is not None
    ]  # fmt: skip
    load("ml.drift_bin_count", pa.Table.from_pylist(current))
    for part in ("effect", "chi", "ks", "adjusted"):
        one, two = ask(f"{STATISTICS.split('insert into ml.drift')[0]} select * from {part}")
        assert len(one) == len(two) > 3
        for postgres, bigquery in zip(one, two, strict=True):
            assert postgres.keys() == bigquery.keys()
            for name, value in postgres.items():
                rounds = name in ROUNDED and value is not None
                wanted = pytest.approx(value, rel=ROUNDED[name], abs=1e-300) if rounds else value
                assert bigquery[name] == wanted, name
