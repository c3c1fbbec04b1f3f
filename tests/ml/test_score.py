"""Batch scoring: every feature row once, the bits the service would give, replaced in one transaction."""

from __future__ import annotations

import datetime as dt

import pytest

from ml import registry
from ml.feature_query import feature_sql
from ml.predictor import NoChampionError, Predictor
from ml.score import ScoreError, score
from tests.ml.small_model import champion_late, fitted_late, late_spec, other_fit
from tests.ml.small_star import build_star
from warehouse.client import WarehouseError

DAY = dt.date(2013, 2, 10)


def rows(wh, columns="*"):
    return wh.query(f"select {columns} from ml.prediction where model_name = 'late' order by flight_key")


@pytest.mark.parametrize("engine", ["warehouse", "stream"])
def test_every_feature_row_is_scored_with_the_predictors_bits(wh, engine):
    champion_late(wh)
    lines = []
    result = score(wh, late_spec(), progress=lines.append, engine=engine)
    features = wh.fetch_arrow(f"select * from ({feature_sql(late_spec())}) f order by flight_key")
    loaded = Predictor.load(wh, "late")
    answers = loaded.predict(features)
    stored = rows(wh)
    assert result.rows == len(stored) == features.num_rows > 3000
    assert len(lines) >= 2 + (engine == "stream")
    for name, column in (
        ("flight_key", features.column("flight_key")),
        ("flight_date", features.column("flight_date")),
        ("prediction_at", features.column("prediction_at")),
        ("margin", answers.column("margin")),
        ("score", answers.column("score")),
        ("is_positive", answers.column("is_positive")),
    ):
        assert [row[name] for row in stored] == column.to_pylist()
    alone = [loaded.predict(features.slice(i, 1)).column("score")[0].as_py() for i in range(0, 3000, 111)]
    assert [stored[i]["score"] for i in range(0, 3000, 111)] == alone
    assert {row["model_version"] for row in stored} == {1}
    assert {row["threshold"] for row in stored} == {loaded.threshold}
    is_streamed = engine == "stream"
    assert (result.bytes_out > 0, result.bytes_in > 0) == (is_streamed, is_streamed)
    assert result.artifact_sha256 == loaded.sha256 and result.plan.engine == engine


def test_flights_without_an_outcome_are_scored_too(wh):
    champion_late(wh)
    score(wh, "late")
    unlabelled = """
        select count(*) from ml.prediction p join core.fct_flight f using (flight_key)
        where not f.is_arrived
    """
    assert wh.scalar(unlabelled) > 0


def test_twice_scores_nothing_the_second_time(wh):
    champion_late(wh)
    first = score(wh, "late"), rows(wh)
    second = score(wh, "late"), rows(wh)
    assert first[1] == second[1]
    assert first[0].scored_rows == first[0].rows == second[0].rows
    assert (second[0].scored_rows, second[0].replaced_rows, second[0].removed_rows) == (0, 0, 0)


@pytest.mark.parametrize("engine", ["warehouse", "stream"])
def test_only_rows_whose_features_changed_are_scored_again(wh, engine):
    champion_late(wh)
    score(wh, "late", engine=engine)
    before = {r["flight_key"]: r for r in rows(wh)}
    key = min(before)
    wh.execute(
        "update features.ftr_flight__state set queue_count = coalesce(queue_count, 0) + 5, "
        "is_even = is_even where flight_key = %(key)s", {"key": key},
    )  # fmt: skip
    result = score(wh, "late", engine=engine)
    changed = {r["flight_key"] for r in rows(wh) if r != before[r["flight_key"]]}
    assert changed == {key} and (result.scored_rows, result.replaced_rows) == (1, 1)
    fresh = wh.fetch_arrow(f"select * from ({feature_sql(late_spec())}) f where flight_key = '{key}'")
    stored = next(r for r in rows(wh) if r["flight_key"] == key)
    assert stored["margin"] == Predictor.load(wh, "late").predict(fresh).column("margin")[0].as_py()


def test_a_window_touches_only_its_days(wh):
    champion_late(wh)
    score(wh, "late")
    before = {r["flight_key"]: r["scored_at"] for r in rows(wh)}
    wh.execute("update features.ftr_flight__state set queue_count = 9")
    result = score(wh, "late", start=DAY, end=DAY)
    touched = {r["flight_date"] for r in rows(wh) if r["scored_at"] != before[r["flight_key"]]}
    assert touched == {DAY}
    assert result.scored_rows == result.replaced_rows and 0 < result.scored_rows <= result.rows <= 30
    assert len(rows(wh)) == len(before)


def test_new_days_are_added_alone(wh):
    champion_late(wh)
    early = score(wh, "late", end=DAY)
    late = score(wh, "late", start=DAY + dt.timedelta(days=1))
    assert late.replaced_rows == 0
    assert (
        early.rows + late.rows
        == wh.scalar(f"select count(*) from ({feature_sql(late_spec())}) f")
        == len(rows(wh))
    )


def test_rows_gone_from_the_features_go_from_the_predictions(wh):
    champion_late(wh)
    score(wh, "late")
    wh.execute("delete from features.ftr_flight__state where flight_date = %(day)s", {"day": DAY})
    result = score(wh, "late", start=DAY, end=DAY + dt.timedelta(days=1))
    assert result.removed_rows > 0
    assert not [r for r in rows(wh) if r["flight_date"] == DAY]


def test_a_new_champion_scores_from_then_on(wh):
    fitted, training_set = fitted_late(wh)
    for one in (fitted, other_fit(fitted)):
        version = registry.register(wh, one, training_set, "x").version
        registry.judge_version(wh, "late", version)
        registry.promote(wh, "late", version, "t", "r")
        score(wh, "late", start=DAY if version == 2 else None)
    versions = {(r["flight_date"] >= DAY, r["model_version"]) for r in rows(wh)}
    assert versions == {(False, 1), (True, 2)}


@pytest.mark.parametrize(("engine", "word"), [("stream", "predicted"), ("warehouse", "warehouse")])
def test_a_failure_in_the_middle_leaves_the_old_rows(wh, engine, word):
    champion_late(wh)
    score(wh, "late")
    before = rows(wh)
    wh.execute("update features.ftr_flight__state set queue_count = 9")

    def fail(message):
        if word in message:
            raise RuntimeError("the machine stops")

    with pytest.raises((RuntimeError, WarehouseError), match="the machine stops"):
        score(wh, "late", progress=fail, engine=engine)
    assert rows(wh) == before
    assert not wh.table_exists("ml", "scored_late")


def test_without_a_champion_nothing_is_scored(wh):
    build_star(wh)
    with pytest.raises(NoChampionError, match="no champion"):
        score(wh, late_spec())
    assert not wh.table_exists("ml", "prd_late")


def test_a_window_turned_round_or_empty_is_refused(wh):
    champion_late(wh)
    score(wh, "late")
    before = len(rows(wh))
    with pytest.raises(ScoreError, match="Turn the two round"):
        score(wh, "late", start=DAY, end=DAY - dt.timedelta(days=1))
    with pytest.raises(
        ScoreError, match=r"no feature rows from 2020-01-01 to the last day.*ftr_flight__state"
    ):
        score(wh, "late", start=dt.date(2020, 1, 1))
    assert len(rows(wh)) == before
