"""The whole job on all flights, as `starhouse run` left it: rows at each step, gates, keys and lineage."""

from __future__ import annotations

import pytest

from ml.spec import load_specs
from warehouse.client import Settings, Warehouse, open_warehouse

SOURCE_ROWS = {"flights": 336_776, "weather": 26_115, "airlines": 16, "airports": 1_458, "planes": 3_322}


@pytest.fixture(scope="module")
def built(house: Settings):
    with open_warehouse(house) as wh:
        yield wh


def test_no_row_is_lost_or_doubled_between_source_and_features(built: Warehouse):
    for table, rows in SOURCE_ROWS.items():
        assert built.scalar(f"select count(*) from raw.nycflights13__{table}") == rows
    for table in ("core.fct_flight", "features.ftr_flight__schedule", "features.ftr_flight__weather_2h"):
        found = built.query(f"select count(*) as n, count(distinct flight_key) as keys from {table}")
        assert found == [{"n": SOURCE_ROWS["flights"], "keys": SOURCE_ROWS["flights"]}], table
    assert built.scalar("select count(*) from core.fct_weather_hour") == SOURCE_ROWS["weather"]


def test_every_declared_model_has_one_champion_whose_gates_all_passed(built: Warehouse):
    champions = built.query("select model_name, version from ml.model_champion order by 1")
    assert [row["model_name"] for row in champions] == sorted(load_specs())
    for row in champions:
        gates = built.query(
            """
            select is_passed from ml.gate_result
            where model_name = %(model_name)s and version = %(version)s
            """,
            row,
        )
        assert gates and all(gate["is_passed"] for gate in gates)


def test_late_arrival_reaches_its_goal_two_hours_before_departure(built: Warehouse):
    rows = built.query(
        """
        select m.metric, m.value from ml.model_metric m join ml.model_champion c using (model_name, version)
        where model_name = 'late_arrival' and m.split = 'test' and m.subject = 'model'
        """
    )
    found = {row["metric"]: row["value"] for row in rows}
    assert found["auc"] >= 0.72
    assert found["log_loss"] <= 0.445


def test_stored_metrics_agree_with_the_stored_predictions(built: Warehouse):
    """The log loss in the registry is the log loss of the rows in the prediction table, computed in SQL."""
    computed = built.scalar(
        """
        select avg(-ln(case when f.is_late_arrival then p.score else 1 - p.score end))
        from ml.prediction p join core.fct_flight f using (flight_key)
        where p.model_name = 'late_arrival' and f.is_arrived and f.flight_date >= date '2013-09-01'
        """
    )
    stored = built.scalar(
        """
        select m.value from ml.model_metric m join ml.model_champion c using (model_name, version)
        where (model_name, m.metric, m.split, m.subject) = ('late_arrival', 'log_loss', 'test', 'model')
        """
    )
    assert computed == pytest.approx(stored, abs=1e-9)


def test_predictions_come_home_and_join_the_star(built: Warehouse):
    joined = built.scalar(
        """
        select count(*) from reporting.rpt_flight_prediction p
        join core.fct_flight f using (flight_key) join core.dim_carrier c on c.carrier_key = f.carrier_key
        """
    )
    assert joined == built.scalar("select count(*) from ml.prediction") > 0


def test_drift_speaks_of_every_feature_and_of_the_score(built: Warehouse):
    for name, spec in load_specs().items():
        rows = built.query(
            "select subject, name, count(*) as windows from ml.drift where model_name = %(n)s group by 1, 2",
            {"n": name},
        )
        assert {row["name"] for row in rows if row["subject"] == "feature"} == {f.name for f in spec.features}
        assert [row["windows"] for row in rows if row["subject"] == "score"] == [4]  # September to December
