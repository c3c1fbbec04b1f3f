"""The count of different models: one from every way, on few rows.

Belongs here: that the benchmark takes every way and finds one document. Does not belong here: its figures.
"""

from __future__ import annotations

import pytest

from tests.benchmarks import indb_tree_hash as bench

QUICK = "three_classes"
CASES = [case if case == QUICK else pytest.param(case, marks=pytest.mark.slow) for case in bench.CASES]


@pytest.mark.parametrize("case", CASES)
def test_every_way_gives_one_document(wh, case: str):
    runs = len(bench.ways_of(case))
    ours, theirs, taken = bench.counted(wh, case, 400, runs)
    assert len(ours) == 1 and len(theirs) >= 1
    assert set(taken.values()) == {1}
