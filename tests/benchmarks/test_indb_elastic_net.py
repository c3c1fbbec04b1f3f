"""The benchmark of penalised paths: its sides choose the same penalty and coefficients, on few rows.

Belongs here: that it measures what it says. Does not belong here: any time or size.
"""

from __future__ import annotations

import numpy as np
import pytest

from tests.benchmarks import indb_elastic_net as bench
from tests.benchmarks.elastic_net_rows import store_rows


@pytest.mark.parametrize(
    ("case", "way"), [("dense", "adbc"), ("categories", "pandas"), ("binned", "adbc"), ("window", "adbc")]
)
def test_both_sides_find_the_same(wh, case: str, way: str):
    store_rows(wh, 800)
    if case == "window":
        bench.keep_days(wh)
    search, ours = bench.ours(wh, case)
    peer, theirs = bench.theirs(wh, case, way)
    assert theirs > 0 and (bench.window_bytes(wh) if case == "window" else ours) > 0
    assert np.allclose(search.path.penalties, peer.alphas_, rtol=1e-9)
    assert np.allclose(search.errors, peer.mse_path_.T, rtol=5e-3)  # theirs stops at a tolerance of 1e-4
    best = np.flatnonzero(peer.alphas_ == peer.alpha_)[0]
    assert np.allclose(bench.in_their_order(search.path, best), peer.coef_, atol=5e-3)
