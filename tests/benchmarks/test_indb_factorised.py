"""The benchmark of stars: its sides measure the same bits, and both ways of its dense rows find one model.

Belongs here: that it measures what it says. Does not belong here: any time or size.
"""

from __future__ import annotations

import numpy as np
import pytest

from tests.benchmarks import indb_factorised as bench


@pytest.mark.parametrize(("case", "width"), [("one", 4), ("two", 4)])
def test_both_sides_measure_the_same(wh, case: str, width: int):
    bench.store_star(wh, 500)
    star = bench.star_of(case, width)
    assert len(bench.features_of(star)) == 3 + width
    ours, theirs = (bench.measured(wh, star, side) for side in ("ours", "theirs"))
    assert ours.groups == theirs.groups and ours.sql != theirs.sql
    assert bench.plan_star(wh, star).statistics.dimension_rows[0] == bench.KEYS


def test_both_ways_find_the_same_path(wh):
    names = bench.store_dense(wh, 600, 12)
    (joined, small), (exported, large) = (bench.path_of(wh, names, way) for way in ("joined", "export"))
    assert np.array_equal(joined.path.coefficients, exported.path.coefficients)
    assert joined.best == exported.best and 0 < small < 600 * 8 * 13 < large
