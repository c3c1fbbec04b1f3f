"""The planner: chooses by what was measured, says why, and can be overruled."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pytest

from ml import scoring_calibration, scoring_engines, scoring_plan
from ml.document import DocumentError
from ml.document.adversarial import adversarial_rows
from ml.predictor import Predictor
from ml.score import score
from ml.scoring_calibration import Calibration
from ml.scoring_engines import ENGINES, Scored, Scoring
from ml.scoring_plan import plan, plan_relation
from tests.ml.document.documents import logistic
from tests.ml.small_model import champion_late

MEASURED = Calibration(
    sample_rows=4_000, warehouse_fixed_seconds=0.1, warehouse_row_seconds=1e-5, stream_fixed_seconds=0.2,
    stream_row_seconds=4e-5, stream_row_bytes=200.0,
)  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "engine"),
    [({}, "warehouse"), ({"warehouse_row_seconds": 1e-3}, "stream"), ({"stream_row_seconds": 1e-9}, "stream"),
     ({"warehouse_row_seconds": float("inf")}, "stream")],
)  # fmt: skip
def test_the_cheaper_way_is_chosen_and_the_reason_holds_the_numbers(changed, engine):
    chosen = scoring_plan._choose(replace(MEASURED, **changed), 1_000_000, 2)
    assert chosen.engine == engine
    assert "1,000,000 rows" in chosen.reason and "200.0 MB" in chosen.reason
    assert (chosen.warehouse_seconds <= chosen.stream_seconds) == (engine == "warehouse")
    assert chosen.stream_bytes == 200_000_000


def test_it_is_measured_once_and_kept(wh, monkeypatch):
    champion_late(wh)
    predictor = Predictor.load(wh, "late")
    calls = []
    real = scoring_plan.calibrate
    monkeypatch.setattr(scoring_plan, "calibrate", lambda *a: calls.append(1) or real(*a))
    first, second = plan(wh, predictor, 100_000), plan(wh, predictor, 100_000)
    assert len(calls) == 1 and first == second
    stored = wh.query("select * from ml.scoring_calibration")
    assert [row["artifact_sha256"] for row in stored] == [predictor.sha256]
    assert stored[0]["stream_row_bytes"] > 0 and stored[0]["warehouse_row_seconds"] > 0
    wh.execute("update ml.scoring_calibration set measured_at = now() - interval '8 days'")
    plan(wh, predictor, 100_000)
    assert len(calls) == 2


def test_the_sample_grows_until_rows_outweigh_what_is_fixed(monkeypatch):
    """Against a clock of 120 ms fixed and 12 µs a row; and against one that cannot tell rows from nothing."""
    asked = []
    monkeypatch.setattr(
        scoring_calibration,
        "_seconds",
        lambda w, e, s, rows: asked.append(rows) or (0.12 + rows * 12e-6, Scored(rows)),
    )
    rows, fixed, row, _ = scoring_calibration._measured(None, "stream", None)
    assert asked == [4_000, 1, 1, 4_000, 16_000] and rows == 16_000
    assert fixed == pytest.approx(0.12, rel=1e-3) and row == pytest.approx(12e-6, rel=1e-3)
    monkeypatch.setattr(
        scoring_calibration, "_seconds", lambda w, e, s, rows: (0.01, Scored(min(rows, 3_000)))
    )
    rows, fixed, row, _ = scoring_calibration._measured(None, "stream", None)
    assert rows == 3_000 and 0 < row < fixed / 3_000


def test_any_relation_is_measured_and_nothing_of_it_is_left(wh):
    document = logistic()
    rows = adversarial_rows(document, cap=300)
    wh.load_arrow("public", "rows", rows.add_column(0, "id", pa.array(range(300), pa.int64())), "create")
    chosen = plan_relation(wh, Scoring(document, "rows", ("id",)), 1_000_000)
    assert chosen.engine in ENGINES and "estimated from 300 rows" in chosen.reason
    assert chosen.stream_bytes > 1_000_000 and chosen.warehouse_seconds > 0
    assert not wh.scalar("select count(*) from pg_class where relnamespace = 'ml_work'::regnamespace")
    wh.execute("delete from rows")
    assert "no feature rows" in plan_relation(wh, Scoring(document, "rows", ("id",)), 0).reason


def test_a_document_that_the_warehouse_cannot_take_is_streamed(wh, monkeypatch):
    document = logistic()
    rows = adversarial_rows(document, cap=20)
    wh.load_arrow("public", "rows", rows.add_column(0, "id", pa.array(range(20), pa.int64())), "create")

    def refuse(*_):
        raise DocumentError("too deep")

    monkeypatch.setattr(scoring_engines, "_by_sql", refuse)
    chosen = plan_relation(wh, Scoring(document, "rows", ("id",)), 1_000_000)
    assert chosen.engine == "stream" and chosen.warehouse_seconds == float("inf")


def test_few_rows_are_not_measured(wh):
    champion_late(wh)
    chosen = plan(wh, Predictor.load(wh, "late"), 10)
    assert chosen.engine == "warehouse" and "too few to measure" in chosen.reason
    assert wh.scalar("select count(*) from ml.scoring_calibration") == 0


@pytest.mark.parametrize("engine", ["warehouse", "stream"])
def test_the_choice_can_be_overruled(wh, engine):
    champion_late(wh)
    result = score(wh, "late", engine=engine)
    assert (result.plan.engine, result.plan.reason) == (engine, "as asked for")
    with pytest.raises(ValueError, match="engine 'elsewhere'; allowed: auto, warehouse, stream"):
        score(wh, "late", engine="elsewhere")


def test_both_engines_leave_the_same_bits(wh):
    champion_late(wh)
    found = []
    for engine in ("warehouse", "stream"):
        wh.execute("delete from ml.prediction")
        score(wh, "late", engine=engine)
        rows = wh.query(
            "select flight_key, float8send(margin) as margin, float8send(score) as score, is_positive, "
            "features_hash, prediction_at from ml.prediction order by 1"
        )
        found.append([{**row, "margin": bytes(row["margin"]), "score": bytes(row["score"])} for row in rows])
    assert found[0] == found[1] and len(found[0]) > 3_000
