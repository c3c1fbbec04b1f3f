"""One model, one answer, on the real flights: dbt view, stored predictions and Python agree bit by bit."""

from __future__ import annotations

import dagster as dg
import pytest

from ml import registry
from ml.feature_query import feature_sql
from ml.predictor import Predictor
from ml.spec import load_specs
from orchestration.instance import open_instance
from warehouse.client import Settings, Warehouse, open_warehouse


@pytest.fixture(scope="module")
def built(house: Settings):
    with open_warehouse(house) as wh:
        yield wh


def test_every_champion_was_compared_on_every_surface(built: Warehouse):
    for name in load_specs():
        champion = registry.champion(built, name)
        found = registry.parity_of(built, name, champion.version)
        assert [row["surface"] for row in found] == ["http", "numpy", "python", "sql"]
        assert all(row["is_equal"] and row["rows_compared"] > 1_000 for row in found)


def test_the_dbt_view_of_the_champion_has_the_bits_of_every_stored_prediction(built: Warehouse):
    differing = built.query(
        """
        select count(*) as rows, count(*) filter (
            where float8send(v.margin) <> float8send(p.margin) or float8send(v.score) <> float8send(p.score)
               or v.is_positive is distinct from p.is_positive or v.model_version <> p.model_version
        ) as differing
        from scoring.scr_late_arrival v join ml.prd_late_arrival p using (flight_key)
        """
    )
    assert differing == [{"rows": 336_776, "differing": 0}]


def test_the_stored_predictions_have_the_bits_of_python(built: Warehouse):
    for name, spec in load_specs().items():
        sample = built.fetch_arrow(
            f"select f.*, p.margin as stored from ({feature_sql(spec)}) f "
            f"join ml.prd_{name} p using (flight_key) "
            "order by md5(flight_key) limit 5000"
        )
        answers = Predictor.load(built, name).predict(sample.drop_columns(["stored"]))
        assert answers.column("margin").to_numpy().tobytes() == sample.column("stored").to_numpy().tobytes()


@pytest.mark.parametrize("key", [["ml", "prd_late_arrival"], ["scoring", "scr_late_arrival"]])
def test_a_prediction_has_lineage_from_its_feature_columns(house: Settings, key: list[str]):
    spec = load_specs()["late_arrival"]
    with open_instance(house) as instance:
        event = instance.get_latest_materialization_event(dg.AssetKey(key))
    lineage = event.asset_materialization.metadata["dagster/column_lineage"].value.deps_by_column
    for column in ("margin", "score"):
        found = {(dep.asset_key.path[-1], dep.column_name) for dep in lineage[column]}
        assert found == {(f.table.split(".")[1], f.name) for f in spec.features}


def test_scoring_says_how_and_why_and_what_moved(house: Settings):
    with open_instance(house) as instance:
        event = instance.get_latest_materialization_event(dg.AssetKey(["ml", "prd_late_arrival"]))
    found = {name: value.value for name, value in event.asset_materialization.metadata.items()}
    assert found["engine"] in ("warehouse", "stream") and "rows" in found["reason"]
    assert (found["bytes_out"] > 0) == (found["engine"] == "stream")
    assert found["scored_rows"] == found["window_rows"] == 336_776 and found["engine_seconds"] > 0
