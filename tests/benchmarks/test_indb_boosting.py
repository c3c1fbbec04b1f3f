"""The benchmark of boosting: its sides fit the same rows about as well, on few rows.

Belongs here: that it measures what it says. Does not belong here: any time or size.
"""

from __future__ import annotations

import pytest

from tests.benchmarks import indb_boosting as bench
from tests.benchmarks.document_tables import store


@pytest.mark.parametrize("case", list(bench.GOALS))
def test_both_sides_learn_the_same(wh, case: str):
    store(
        wh, bench.table_of(case), bench.made_rows(2000, bench.WIDE if bench.is_wide(case) else bench.NUMBERS)
    )
    document, known = bench.ours(wh, case, 5)
    model, exported = bench.theirs(wh, case, 5)
    assert known["bytes"] > 0 and exported["bytes"] > 0
    found = bench.errors(wh, case, document, model)
    assert found["ours"] == pytest.approx(found["theirs"], rel=0.05)
