"""Random small relations: separation against linear programs, coefficients against scikit-learn.

Belongs here: many draws of one question. Does not belong here: cases with a name (`test_glm_refusals`).
"""

from __future__ import annotations

from hashlib import sha256

import numpy as np
import pyarrow as pa
import pytest

from ml.indb.errors import InDatabaseError
from ml.indb.glm import fit_glm
from ml.indb.kmeans import fit_kmeans
from tests.ml.indb.test_glm import COLUMNS, TARGETS, coefficients, made, peer
from warehouse.client import Warehouse


def margins_of(x: np.ndarray, y: np.ndarray, family: str) -> tuple[np.ndarray, np.ndarray]:
    """Rows (·, size) whose product with a direction of recession is at least 0, and those where it is 0."""
    wide = np.column_stack([np.ones(len(x)), x])
    if family == "poisson":
        return -wide[y == 0], wide[y > 0]
    count = len(np.unique(y))
    rows = []
    for at, own in enumerate(y):
        for other in range(count):
            if other != own:
                row = np.zeros((count, wide.shape[1]))
                row[own], row[other] = wide[at], -wide[at]
                rows.append(row[1:].ravel())
    return np.array(rows), np.zeros((0, rows[0].size))


def is_separated(x: np.ndarray, y: np.ndarray, family: str) -> bool:
    """By the linear program of Konis (2007): some direction leaves no row on a wrong side, and not all on the
    border.
    """
    from scipy.optimize import linprog

    above, border = margins_of(x, y, family)
    equal = {"A_eq": border, "b_eq": np.zeros(len(border))} if len(border) else {}
    found = linprog(
        -above.sum(axis=0), A_ub=-above, b_ub=np.zeros(len(above)), bounds=[(-1.0, 1.0)] * above.shape[1],
        method="highs", **equal,
    )  # fmt: skip
    return bool(-found.fun > 1e-7)


def drawn(random: np.random.Generator) -> tuple[str, np.ndarray, np.ndarray]:
    """A family, columns of whole numbers and of doubles, and a target that they nearly decide."""
    family = str(random.choice(["logistic", "multinomial", "poisson"]))
    rows, width = int(random.integers(10, 45)), int(random.integers(1, 4))
    x = random.normal(size=(rows, width)).round(int(random.integers(0, 3)))
    signal = x @ random.normal(size=width) * random.choice([0.5, 2.0, 6.0])
    if family == "poisson":
        return family, x, random.poisson(np.exp(np.clip(signal - 1.0, -8.0, 2.0)))
    cuts = [0.0] if family == "logistic" else [-0.7, 0.7]
    return family, x, np.digitize(signal + random.logistic(size=rows), cuts)


def check(wh: Warehouse, seed: int) -> str:
    family, x, y = drawn(np.random.default_rng(seed))
    columns = {f"x{at}": x[:, at] for at in range(x.shape[1])}
    is_full = np.linalg.matrix_rank(np.column_stack([np.ones(len(x)), x])) == x.shape[1] + 1
    if len(np.unique(y)) < (3 if family == "multinomial" else 2) or not is_full:
        return "skipped"
    wh.load_arrow("public", "drawn", pa.table({**columns, "y": pa.array(y, pa.int32())}), "replace")
    if is_separated(x, y, family):
        with pytest.raises(InDatabaseError, match="separation|no bound"):
            fit_glm(wh, "drawn", list(columns), "y", family)
        return "separated"
    fit = fit_glm(wh, "drawn", list(columns), "y", family)
    expected = coefficients(peer(family, 0.0, len(y)).fit(x, y))
    expected = expected[1:] - expected[0] if family == "multinomial" else expected
    assert np.allclose(fit.coefficients, expected, rtol=1e-6, atol=1e-8), (seed, fit.coefficients, expected)
    return "fitted"


def test_a_few_draws(rows_wh: Warehouse):
    found = [check(rows_wh, seed) for seed in range(12)]
    assert "separated" in found and "fitted" in found


@pytest.mark.slow
def test_many_draws(rows_wh: Warehouse):
    found = [check(rows_wh, seed) for seed in range(100, 700)]
    assert min(found.count("separated"), found.count("fitted")) > 100


@pytest.mark.slow
def test_a_hundred_runs_have_the_same_bits(rows_wh: Warehouse):
    """Rows in another order each time, with and without workers."""
    table, hashes = made(400), set()
    for seed in range(100):
        mixed = table.take(np.random.default_rng(seed).permutation(400))
        rows_wh.load_arrow("public", "mixed", mixed, "replace")
        with rows_wh.transaction():
            rows_wh.execute(f"set local debug_parallel_query = {'on' if seed % 2 else 'off'}")
            rows_wh.execute("set local min_parallel_table_scan_size = 0; set local parallel_setup_cost = 0")
            fits = [
                fit_glm(rows_wh, "mixed", COLUMNS, TARGETS[family], family, patterns=bool(seed % 3))
                for family in ("multinomial", "gamma")
            ]
            clusters = fit_kmeans(rows_wh, "mixed", ["price", "count"], 5)
        parts = [part for fit in fits for part in (fit.coefficients, fit.covariance)]
        hashes.add(
            (bool(seed % 3), sha256(b"".join(part.tobytes() for part in [*parts, clusters.centres])).digest())
        )
    assert len(hashes) == 2  # of patterns, and of rows
