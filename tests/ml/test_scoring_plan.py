"""The planner: chooses by what was measured, says why, and can be overruled."""

from __future__ import annotations

import pytest

from ml import scoring_plan
from ml.predictor import Predictor
from ml.score import score
from ml.scoring_plan import plan
from tests.ml.small_model import champion_late

MEASURED = {
    "sample_rows": 4_000,
    "warehouse_fixed_seconds": 0.1,
    "warehouse_row_seconds": 1e-5,
    "stream_fixed_seconds": 0.2,
    "stream_row_seconds": 4e-5,
    "stream_row_bytes": 200.0,
}


@pytest.mark.parametrize(
    ("changed", "engine"),
    [({}, "warehouse"), ({"warehouse_row_seconds": 1e-3}, "stream"), ({"stream_row_seconds": 1e-9}, "stream"),
     ({"warehouse_row_seconds": float("inf")}, "stream")],
)  # fmt: skip
def test_the_cheaper_way_is_chosen_and_the_reason_holds_the_numbers(changed, engine):
    chosen = scoring_plan._choose({**MEASURED, **changed}, 1_000_000, 2)
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
    """Against a clock of 10 ms fixed and 1 µs a row; and against one that cannot tell rows from nothing."""
    asked = []
    monkeypatch.setattr(scoring_plan, "_sample", lambda predictor, rows: rows)
    monkeypatch.setattr(
        scoring_plan,
        "_warehouse_seconds",
        lambda w, p, rows: asked.append(rows) or (rows, 0.01 + rows * 1e-6),
    )
    rows, fixed, row = scoring_plan._measure_warehouse(None, None)
    assert asked == [1, 1, 4_000, 16_000] and rows == 16_000
    assert fixed == pytest.approx(0.01, rel=1e-3) and row == pytest.approx(1e-6, rel=1e-3)
    monkeypatch.setattr(scoring_plan, "_warehouse_seconds", lambda w, p, rows: (min(rows, 3_000), 0.01))
    rows, fixed, row = scoring_plan._measure_warehouse(None, None)
    assert rows == 3_000 and 0 < row < fixed / 3_000


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
