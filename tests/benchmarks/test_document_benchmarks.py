"""The benchmarks of model documents: their cases can be fitted, imported and compared, on few rows.

Belongs here: that they measure what they say. Does not belong here: any time or size.
"""

from __future__ import annotations

import numpy as np
import pytest

from ml.scoring_engines import ENGINES
from tests.benchmarks import document_limits, document_one_row, document_scoring
from tests.benchmarks.document_families import FAMILIES, FEATURES, Family, fitted, library_answer, made_rows
from tests.benchmarks.document_tables import ANSWER, answer_table, answers, arrow_rows, store
from tests.benchmarks.orbital import reason
from tests.benchmarks.record import benchmarks
from tests.peers.environment import PeerError
from warehouse.client import WarehouseError


def test_the_benchmarks_are_the_modules_that_measure():
    found = benchmarks()
    assert {"load", "document_parity", "document_scoring", "document_limits", "document_one_row"} <= set(
        found
    )
    assert not {"record", "memory", "orbital", "orbital_script", "test_record"} & set(found)


LARGE = {"hist_gradient_boosting", "lightgbm", "gradient_boosting_regressor", "gradient_boosting_classifier"}
"""Families of which a fit takes seconds; the suite sees them in `tests/ml/document`."""


@pytest.mark.parametrize(
    "family",
    [
        pytest.param(one, marks=[pytest.mark.slow] if one.name in LARGE else [], id=one.name)
        for one in FAMILIES
    ],
)
def test_a_family_is_answered_as_its_library_answers(family: Family):
    from ml.document import Evaluator, Input
    from ml.document.importers import import_estimator

    estimator, rows = fitted(family), made_rows(50, 3, family.has_missing)
    document = import_estimator(estimator, [Input(name, "number") for name in FEATURES], family.name)
    given = Evaluator(document).table(arrow_rows(rows, FEATURES))
    mine = given.decision[:, None] if family.name == "k_means" else given.scores
    np.testing.assert_allclose(mine, library_answer(family, estimator, rows), rtol=1e-9, atol=1e-12)


def test_both_sides_of_scoring_give_the_scores(wh):
    rows = document_scoring.made_rows(300, 3)
    store(wh, document_scoring.RELATION, arrow_rows(rows, document_scoring.NAMES))
    case = document_scoring.Case("few_trees", 1.0, 3)
    estimator = case.fitted()
    document = document_scoring._document(estimator, case.name)
    for engine in ENGINES:
        wh.execute(f"drop table if exists {ANSWER}")
        moved = document_scoring.ours(wh, engine, document_scoring.scoring_of(document))
        assert (moved["out"] > moved["in"] > 0) is (engine == "stream")
        assert document_scoring._differing(wh, document, 300) == 0
    wh.execute(f"drop table {ANSWER}")
    document_scoring.exported(wh, estimator, document_scoring.RELATION)
    np.testing.assert_allclose(answers(wh).column("score").to_numpy(), estimator.predict(rows), rtol=1e-12)


def test_a_one_row_comparison_states_what_a_call_takes():
    pair = document_one_row.Pair("sums", lambda: sum(range(10)), lambda: sum(range(20_000)))
    found = document_one_row.measured(pair, 2)
    assert found["ours_us"] < found["theirs_us"]
    assert found["is_met"] is (found["ratio"] >= document_one_row.GOAL)


def test_both_sides_of_the_grown_forest_answer_the_same_rows():
    pair = document_one_row.grown_forest(2, 300)
    for _ in range(3):
        assert pair.ours() == pytest.approx(pair.theirs(), rel=1e-12)


def test_a_statement_that_takes_too_long_is_ended(wh):
    with pytest.raises(WarehouseError, match="timeout"):
        answer_table(wh, "select 1 as id from pg_sleep(5)", seconds=0.1)
    assert answer_table(wh, "select 1 as id") < 5


def test_a_reason_is_one_line():
    assert reason(PeerError("orbital: no\nmore")) == "orbital: no"


@pytest.mark.slow
def test_a_thousand_trees_of_depth_twenty_are_scored_in_sql_by_parallel_workers(wh):
    found = document_limits.deep_forest(wh, rows=2_000)
    assert found["trees"] == 1_000 and found["leaves"] > 900_000
    assert found["equal_share"] == 1.0
    assert found["least_workers"] >= 1
