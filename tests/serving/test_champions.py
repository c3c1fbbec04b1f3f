"""Which version answers: promotion, rollback, none, damaged, and a declaration that has moved on."""

from __future__ import annotations

import time

from ml import registry
from tests.serving.conftest import declare, train_and_promote
from warehouse.client import open_warehouse


def ask(client, row):
    return client.post("/late/predict", json={"rows": [row]})


def version_within(client, row, wanted, seconds=5.0):
    """The version that answers, polled until it is the wanted one or the time is up."""
    end = time.monotonic() + seconds
    while (found := ask(client, row).json()["version"]) != wanted and time.monotonic() < end:
        time.sleep(0.1)
    return found


def test_promotion_and_rollback_are_served_without_a_restart(toy, serve, row):
    with serve(toy.settings, {"late": toy.specs["late"]}) as client:
        assert ask(client, row).json()["version"] == 1
        with open_warehouse(toy.settings) as wh:
            assert train_and_promote(wh, toy.specs["late"]) == 2
            assert version_within(client, row, 2) == 2
            registry.rollback(wh, "late", "test", "back")
            assert version_within(client, row, 1) == 1


def test_a_model_without_champion_is_503_and_the_others_answer(toy, serve, row):
    with serve(toy.settings, {name: toy.specs[name] for name in ("late", "fresh")}) as client:
        reply = client.post("/fresh/predict", json={"rows": [row]})
        assert reply.status_code == 503 and reply.json()["error"]["code"] == "no_champion"
        assert (
            "starhouse train fresh" in reply.json()["error"]["next_step"] and "retry-after" in reply.headers
        )
        assert ask(client, row).status_code == 200
        ready = client.get("/readyz")
        assert ready.status_code == 503 and not ready.json()["models"]["fresh"]["is_ready"]
        assert ready.json()["models"]["late"]["is_ready"]
        with open_warehouse(toy.settings) as wh:
            train_and_promote(wh, toy.specs["fresh"])
        assert client.get("/readyz").status_code == 200
        assert client.post("/fresh/predict", json={"rows": [row]}).status_code == 200


def test_a_damaged_artifact_is_never_served(toy, serve, row, monkeypatch):
    from ml import predictor

    monkeypatch.setattr(predictor, "_cache", type(predictor._cache)())
    with open_warehouse(toy.settings) as wh, wh.transaction():
        # The database refuses such bytes, so the guards are taken off: a disk can flip a bit without asking.
        wh.execute("alter table ml.artifact disable trigger user")
        for name in wh.query(
            "select conname from pg_constraint where conrelid = 'ml.artifact'::regclass and contype = 'c'"
        ):
            wh.execute(f'alter table ml.artifact drop constraint "{name["conname"]}"')
        wh.execute("update ml.artifact set content = set_byte(content, 100, get_byte(content, 100) # 1)")
    with serve(toy.settings, {"late": toy.specs["late"]}) as client:
        reply = ask(client, row)
        assert reply.status_code == 503 and reply.json()["error"]["code"] == "champion_unusable"
        assert client.get("/readyz").status_code == 503


def test_a_champion_of_other_features_is_not_asked(toy, serve, row, tmp_path):
    path = tmp_path / "late.yml"
    declare(tmp_path)
    text = path.read_text(encoding="utf-8")
    gone = "  - {name: is_even, table: features.ftr_flight__state, kind: boolean}\n"
    assert gone in text
    path.write_text(text.replace(gone, ""), encoding="utf-8")
    from ml.spec import load_spec

    del row["is_even"]
    with serve(toy.settings, {"late": load_spec(path)}) as client:
        reply = ask(client, row)
        assert reply.status_code == 503 and reply.json()["error"]["code"] == "champion_unusable"
