"""Scores, drift, profiles and look-ups on two engines: executed by the emulator, row by row as in Postgres,
and each statement that was sent analyzed by ZetaSQL.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from ml.champion_sql import champion_select
from ml.drift import DriftResult, monitor
from ml.predictor import Predictor
from ml.profile import profile
from ml.registry_version import champion
from ml.score import ScoreResult, score
from serving.champions import example_row, fetch_features
from tests.ml.bigquery.two_stars import TwoStars, two_stars
from tests.ml.small_model import late_spec
from tests.peers import zetasql
from tests.peers.bqemulator import BqEmulator
from tests.peers.environment import peer_or_skip
from tests.peers.recorded import Recorded, judged, recording
from warehouse.client import Warehouse, load_settings, open_warehouse

pytestmark = pytest.mark.slow
DAY = dt.date(2013, 2, 10)
STORED = """select flight_key, flight_date, prediction_at, model_version, margin, score, threshold,
    is_positive from ml.prd_late order by flight_key"""
COUNTS = ("rows", "scored_rows", "replaced_rows", "removed_rows")
ROUNDED = {"psi": 1e-9, "js": 1e-12, "chi_square": 1e-12, "p_value": 1e-12, "q_value": 1e-12,
           "ks_p_value": 1e-12}  # fmt: skip
"""Of the columns that go through exp, ln or a sum of doubles, how far two engines may be apart, relative;
the others are compared as they are. A PSI near zero is a sum of differences that almost cancel."""


@pytest.fixture(scope="module")
def both(rows_wh: Warehouse, emulator: BqEmulator, tmp_path_factory: Any) -> Iterator[TwoStars]:
    prefix = f"t_{uuid.uuid4().hex[:12]}"
    url = f"bigquery://{emulator.project}/{prefix}?endpoint={emulator.rest_url}"
    home = tmp_path_factory.mktemp("home")
    with open_warehouse(load_settings(env="test", home=home, database=prefix, warehouse_url=url)) as bigquery:
        yield two_stars(rows_wh, bigquery)


@pytest.fixture(scope="module")
def recorded(both: TwoStars) -> Iterator[Recorded]:
    with recording(both.bigquery) as kept:
        yield kept


@pytest.fixture(scope="module")
def scored(both: TwoStars, recorded: Recorded) -> list[ScoreResult]:
    return [score(wh, "late") for wh in both]


@pytest.fixture(scope="module")
def watched(both: TwoStars, scored: list[ScoreResult]) -> list[DriftResult]:
    windows = [(dt.date(2013, month, 1), dt.date(2013, month, 28)) for month in (2, 4)]
    return [monitor(wh, "late", windows) for wh in both]


def counts(results: list[ScoreResult]) -> list[dict[str, int]]:
    return [{name: getattr(one, name) for name in COUNTS} for one in results]


def test_every_row_is_scored_alike(both, scored):
    one, two = both.rows(STORED)
    assert one == two and len(one) == scored[0].rows > 3000
    assert counts(scored)[0] == counts(scored)[1]
    assert scored[1].plan.engine == "warehouse" and "one statement" in scored[1].plan.reason
    assert scored[1].bytes_out == 0


@pytest.mark.parametrize(("engine", "number"), [("warehouse", 9), ("stream", 8)])
def test_only_what_changed_is_scored_again_and_what_is_gone_goes(both, scored, engine, number):
    day, gone = DAY + dt.timedelta(days=number), DAY + dt.timedelta(days=number + 5)
    both.execute(
        f"update features.ftr_flight__state set queue_count = {number} where flight_date = date '{day}'"
    )
    both.execute(f"delete from features.ftr_flight__state where flight_date = date '{gone}'")
    found = [score(wh, "late", day, gone + dt.timedelta(days=1), engine=engine) for wh in both]
    assert counts(found)[0] == counts(found)[1]
    assert found[0].replaced_rows > 0 and found[0].removed_rows > 0
    one, two = both.rows(STORED)
    assert one == two
    assert (found[1].bytes_out > 0) is (engine == "stream")


def test_a_failure_leaves_the_old_scores(both, scored):
    before = both.bigquery.query(STORED)
    both.execute(f"update features.ftr_flight__state set queue_count = 7 where flight_date = date '{DAY}'")

    def fail(message: str) -> None:
        if "predicted" in message:
            raise RuntimeError("the machine stops")

    with pytest.raises(RuntimeError, match="the machine stops"):
        score(both.bigquery, "late", DAY, DAY, progress=fail, engine="stream")
    assert both.bigquery.query(STORED) == before
    assert not both.bigquery.table_exists("ml", "scored_late")
    for wh in both:
        score(wh, "late", DAY, DAY)


def test_drift_is_the_same_but_for_its_last_digits(both, watched):
    one, two = (replace(result, seconds=0.0) for result in watched)
    assert one == two and one.is_score_monitored
    order = "order by subject, name, window_start"
    found = both.rows(f"select * from ml.mon_late {order}")
    assert len(found[0]) == len(found[1]) == one.rows == 10
    for postgres, bigquery in zip(*found, strict=True):
        for name, value in postgres.items():
            if name in ROUNDED and value is not None:
                assert bigquery[name] == pytest.approx(value, rel=ROUNDED[name], abs=1e-300), name
            elif name != "computed_at":
                assert bigquery[name] == value, name
    for table, column in (("drift_bin", "frozen_at"), ("drift_bin_count", "")):
        kept = [
            sorted(repr([v for n, v in row.items() if n != column]) for row in rows)
            for rows in both.rows(f"select * from ml.{table}")
        ]
        assert kept[0] == kept[1] and kept[0]


def test_windows_are_replaced_not_added_to(both, watched):
    window = [(dt.date(2013, 4, 1), dt.date(2013, 4, 28))]
    again = [monitor(wh, "late", window) for wh in both]
    assert [one.rows for one in again] == [5, 5]
    assert [rows[0]["n"] for rows in both.rows("select count(*) as n from ml.mon_late")] == [10, 10]


def test_a_profile_is_the_same(both, recorded):
    found = [profile(wh, "features", "ftr_flight__schedule") for wh in both]
    for one, two in zip(*found, strict=True):
        bare = [replace(column, type="", mean=None, deviation=None) for column in (one, two)]
        assert bare[0] == bare[1]
        for name in ("mean", "deviation"):
            values = [getattr(column, name) for column in (one, two)]
            assert values[1] == (None if values[0] is None else pytest.approx(values[0], rel=1e-14))


def test_the_service_finds_the_same_features_and_answers(both, recorded):
    spec = late_spec()
    keys = [row["flight_key"] for row in both.postgres.query(f"{STORED} limit 3")]
    found = [fetch_features(wh, spec, [*keys, "nobody"]) for wh in both]
    assert found[0] == found[1] and sorted(found[0]) == keys
    rows = [example_row(wh, spec) for wh in both]
    assert rows[0] == rows[1] is not None
    answers = [
        Predictor.load(wh, "late").predict_rows(list(one.values()))
        for wh, one in zip(both, found, strict=True)
    ]
    assert answers[0] == answers[1]


def test_the_champions_own_sql_gives_the_stored_scores(both, scored):
    before, features, after = champion_select(both.bigquery, champion(both.bigquery, "late"))
    text = f"{before}{features}{after}"  # names datasets, for dbt pastes it
    found = both.bigquery.google_client.query(text).result()
    want = {row["flight_key"]: row["margin"] for row in both.bigquery.query(STORED)}
    stands = {row["flight_key"]: row["margin"] for row in found}
    assert stands.keys() == want.keys()
    changed = [key for key, margin in stands.items() if margin != want[key]]
    assert not changed


def test_each_statement_was_analyzed_by_zetasql(recorded, scored, watched):
    with zetasql.ZetaSql(peer_or_skip("zetasql", zetasql.REQUIREMENTS)) as judge:
        analyzed, refused = judged(judge, recorded)
    assert not refused, "\n\n".join(refused)[:4000]
    assert analyzed > 60
