"""Documents beyond one statement of BigQuery: passes that fit its text, or the stream instead."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from ml.document import Evaluator, layout
from ml.document.adversarial import adversarial_rows
from ml.document.parity import same_bits
from ml.document.passes import prepared_scoring, scoring_passes
from ml.scoring_engines import Scoring
from ml.scoring_plan import LARGEST_TEXT, plan_relation
from tests.ml.document.documents import forest
from warehouse.client.googlesql import TranslatedWarehouse

pytestmark = pytest.mark.slow


def test_passes_keep_every_bit_and_leave_nothing(judged, judge, load, monkeypatch):
    monkeypatch.setattr(layout, "BIGQUERY_SIZE", 150)
    document = forest(30, 6)
    assert len(scoring_passes(document, "r", dialect="bigquery").statements) > 1
    rows = adversarial_rows(document, cap=200)
    rows = rows.add_column(0, "place", pa.array(range(rows.num_rows), pa.int64()))
    load("passed", rows)
    with prepared_scoring(judged, document, '"s"."passed"', ["place"]) as select:
        found = sorted(judged.query(select), key=lambda row: row["place"])
    margins = np.array([[row["margin"]] for row in found], dtype=np.float64)
    assert same_bits(margins, Evaluator(document).table(rows).margins).all()
    assert "DROP TABLE" in judge.statements[-1]


def test_each_pass_of_a_large_document_fits_a_text_of_bigquery():
    passes = scoring_passes(forest(2_000, 12), "r", ["k"], dialect="bigquery")
    texts = [*passes.statements, passes.select]
    assert len(texts) > 3 and max(map(len, texts)) < LARGEST_TEXT


def test_the_choice_is_by_what_bigquery_takes(judge):
    wh = TranslatedWarehouse(judge)
    small, large = (plan_relation(wh, Scoring(d, "r", ("k",)), 5) for d in (forest(3, 4), forest(2_000, 12)))
    assert (small.engine, large.engine) == ("warehouse", "warehouse")
    assert "one statement" in small.reason and " statements" in large.reason
    chosen = plan_relation(wh, Scoring(forest(1, 14_000), "r", ("k",)), 5)
    assert chosen.engine == "stream" and "bytes is more than BigQuery takes" in chosen.reason
