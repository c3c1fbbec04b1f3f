"""The four declared models: valid, gated on what matters, and as good as they promise on the built house."""

from __future__ import annotations

import pytest

from ml.spec import load_specs
from warehouse.client import open_warehouse

MODELS = load_specs()


def test_the_four_models_are_declared():
    assert set(MODELS) == {"arrival_delay", "cancelled", "late_arrival", "late_arrival_at_departure"}


@pytest.mark.parametrize("name", MODELS)
def test_each_is_trained_before_it_is_tested_and_must_beat_a_rival_beyond_chance(name):
    spec = MODELS[name]
    assert str(spec.split.train_end) == "2013-08-31" and str(spec.split.test_start) == "2013-09-01"
    rivals = [gate for gate in spec.gates if gate.better_than]
    assert rivals and all(gate.judged_by == "interval" for gate in rivals)
    assert all(gate.metric != "accuracy" for gate in spec.gates)
    assert spec.description and spec.owner


def test_late_arrival_promises_at_least_the_agreed_quality():
    bounds = {
        gate.metric: gate.at_least or gate.at_most
        for gate in MODELS["late_arrival"].gates
        if not gate.better_than
    }
    assert bounds["auc"] >= 0.72
    assert bounds["log_loss"] <= 0.445


@pytest.mark.parametrize("name", MODELS)
def test_nothing_known_only_later_is_a_feature(name):
    spec = MODELS[name]
    outcomes = {
        "air_time_min",
        "arrived_at",
        "arrival_delay_min",
        "is_diverted",
        "is_cancelled",
        "tail_number",
    }
    if spec.prediction_point != "at departure":
        outcomes |= {"departure_delay_min", "departed_at"}
        assert not any(feature.table.endswith("at_departure") for feature in spec.features)
    assert not outcomes & set(spec.feature_names)


@pytest.mark.parametrize("name", MODELS)
def test_the_built_house_holds_the_training_set_and_passed_gates(house, name):
    spec = MODELS[name]
    with open_warehouse(house) as wh:
        splits = wh.query(
            f"select split, count(*) as n, max(features_known_at - prediction_at) as lead, "
            f"min(label_known_at - prediction_at) as lag from training.trn_{name} group by 1 order by 1"
        )
        assert [row["split"] for row in splits] == ["test", "train"]
        assert all(row["n"] > 100_000 for row in splits)
        assert all(row["lead"].total_seconds() <= 0 < row["lag"].total_seconds() for row in splits)
        metrics = wh.query(
            "select metric, value from ml.model_metric join ml.model_champion using (model_name, version) "
            "where model_name = %(name)s and split = 'test' and subject = 'model'",
            {"name": name},
        )
    values = {row["metric"]: row["value"] for row in metrics}
    assert set(values) == set(spec.metrics)
    for gate in spec.gates:
        if gate.at_least is not None:
            assert values[gate.metric] >= gate.at_least
        if gate.at_most is not None:
            assert values[gate.metric] <= gate.at_most
