"""The benchmark of logistic regression: both sides find the same coefficients, on few rows.

Belongs here: that it measures what it says. Does not belong here: any time or size.
"""

from __future__ import annotations

import pytest

from tests.benchmarks import indb_glm as bench
from tests.benchmarks.document_tables import store


@pytest.mark.parametrize(("case", "solver"), [("binned", "newton-cholesky"), ("continuous", "lbfgs")])
def test_both_sides_find_the_same(wh, case: str, solver: str):
    store(wh, "rows", bench.made_rows(1000))
    fit, ours = bench.ours(wh, case)
    model, theirs = bench.theirs(wh, case, solver)
    assert bench.difference(fit, model) < (1e-3 if solver == "lbfgs" else 1e-6)
    assert 0 < ours < theirs
