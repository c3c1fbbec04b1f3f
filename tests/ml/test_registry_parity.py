"""One differing bit between a version's evaluators blocks its promotion."""

from __future__ import annotations

import json

import pytest

from ml import registry
from ml.document import Evaluator, warehouse_answers
from ml.document.mutation import mutate
from ml.document.passes import run_scoring
from ml.registry import PromotionError
from tests.ml.small_model import fitted_late, random_rows, registered_late


def test_judging_compares_every_evaluator_and_keeps_what_it_found(wh):
    (version,) = registered_late(wh)
    found = registry.parity_of(wh, "late", version.version)
    assert [row["surface"] for row in found] == ["numpy", "python", "sql"]
    assert all(row["is_equal"] and row["rows_compared"] > 500 for row in found)
    assert registry.promote(wh, "late", version.version, "tester", "equal").version == version.version


def test_a_version_that_was_not_compared_is_not_promoted(wh):
    (version,) = registered_late(wh)
    wh.execute("delete from ml.parity_check")
    with pytest.raises(PromotionError, match="not checked. Judge it first"):
        registry.promote(wh, "late", version.version, "tester", "hope")
    assert registry.champion(wh, "late") is None


def test_sql_of_another_document_blocks(wh, monkeypatch):
    fitted, training_set = fitted_late(wh)
    version = registry.register(wh, fitted, training_set, "code")
    other = changed(fitted.document)
    monkeypatch.setattr(
        warehouse_answers, "run_scoring", lambda wh, document, *rest: run_scoring(wh, other, *rest)
    )
    registry.judge_version(wh, "late", version.version)
    wrong = {row["surface"]: row["rows_different"] for row in registry.parity_of(wh, "late", 1)}
    assert wrong["sql"] > 0 and wrong["numpy"] == wrong["python"] == 0
    with pytest.raises(PromotionError, match=r"same bits. sql: \d+ rows differ"):
        registry.promote(wh, "late", version.version, "tester", "hope")


def changed(document):
    """The document with one constant changed by one unit in the last place, one that some row shows: the last
    bit of a small leaf may vanish in a large sum.
    """
    rows = random_rows(2_000)
    margins = Evaluator(document).table(rows).margins
    for seed in range(50):
        other = mutate(document, seed)
        if (Evaluator(other).table(rows).margins != margins).any():
            return other
    raise AssertionError("no mutation shows")


def test_a_surface_without_an_answer_blocks(wh):
    (version,) = registered_late(wh)

    def broken(table):
        raise RuntimeError("the service said 503")

    registry.judge_version(wh, "late", version.version, http=broken)
    with pytest.raises(PromotionError, match="http: no answer: RuntimeError: the service said 503"):
        registry.promote(wh, "late", version.version, "tester", "hope")


def test_an_evaluator_that_changed_since_registration_is_found(wh):
    (version,) = registered_late(wh)
    rows = wh.scalar("select rows from ml.golden_rows")
    first = float.fromhex(rows[0]["margins"][0])
    rows[0]["margins"][0] = (first * (1 + 2**-52)).hex()
    wh.execute("update ml.golden_rows set rows = %(rows)s::jsonb", {"rows": json.dumps(rows)})
    report = registry.check_version(wh, version)
    assert not report.is_equal
    assert {surface.differing for surface in report.surfaces} == {1}
    assert report.surfaces[0].examples[0].kind == "golden"
