"""The door of the stages to the warehouse."""

from __future__ import annotations

from orchestration.stages.house import House


def test_a_stage_labels_its_jobs(bigquery, monkeypatch):
    monkeypatch.setenv("STARHOUSE_WAREHOUSE_URL", bigquery.warehouse_url.reveal())
    house = House(database=bigquery.database, home=str(bigquery.home), env="test")
    with house.locked("score:delay", "5c1f-07") as wh:
        labels = wh._engine.jobs.labels
        assert labels == {"starhouse_env": "test", "stage": "score", "model": "delay", "run": "5c1f-07"}
    with house.locked("load:nycflights13") as wh:
        assert wh._engine.jobs.labels == {"starhouse_env": "test", "stage": "load", "source": "nycflights13"}
