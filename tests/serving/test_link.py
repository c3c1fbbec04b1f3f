"""The warehouse goes and comes back: 503 and not ready in between, no restart of the service needed."""

from __future__ import annotations

import time

import pytest

from serving.link import WarehouseLink
from serving.problems import Problem
from warehouse.client import open_warehouse, quote


def close_the_door(server, name, is_open):
    """Let nobody into the database and throw everybody out, or open it again."""
    with open_warehouse(server) as wh:
        wh.execute(f"alter database {quote(name)} allow_connections {str(is_open).lower()}")
        if not is_open:
            sql = "select pg_terminate_backend(pid) from pg_stat_activity where datname = %(name)s"
            wh.query(sql, {"name": name})


def test_a_dead_connection_is_replaced_unseen(toy, server):
    link = WarehouseLink(toy.settings)
    first = link.run(lambda wh: wh.scalar("select pg_backend_pid()"))
    assert link.run(lambda wh: wh.scalar("select pg_backend_pid()")) == first
    with open_warehouse(server) as wh:
        wh.query("select pg_terminate_backend(%(pid)s)", {"pid": first})
    assert link.run(lambda wh: wh.scalar("select pg_backend_pid()")) != first
    link.close()


def test_a_query_that_hangs_is_ended(toy, monkeypatch):
    from serving import link as module

    monkeypatch.setattr(module, "STATEMENT_TIMEOUT_MS", 200)
    link, started = WarehouseLink(toy.settings), time.monotonic()
    with pytest.raises(Problem, match="warehouse_unavailable"):
        link.run(lambda wh: wh.scalar("select pg_sleep(30)"))
    assert time.monotonic() - started < 5
    link.close()


def test_without_the_warehouse_503_and_with_it_again_200(toy, serve, row, server):
    with serve(toy.settings, {"late": toy.specs["late"]}) as client:
        assert client.post("/late/predict", json={"rows": [row]}).status_code == 200
        close_the_door(server, toy.settings.database, False)
        time.sleep(1.1)  # the champion is believed for a second
        for path, body in (
            ("/late/predict", {"rows": [row]}),
            ("/late/predict_by_flight", {"flight_keys": ["k"]}),
        ):
            reply = client.post(path, json=body)
            assert reply.status_code == 503 and reply.json()["error"]["code"] == "warehouse_unavailable"
            assert toy.settings.database not in reply.text and "retry-after" in reply.headers
        assert client.get("/readyz").status_code == 503 and client.get("/livez").status_code == 200
        close_the_door(server, toy.settings.database, True)
        assert client.post("/late/predict", json={"rows": [row]}).status_code == 200
        assert client.get("/readyz").status_code == 200
