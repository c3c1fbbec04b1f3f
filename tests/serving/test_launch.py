"""The service as its users start it, on the built house of real flights."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from ml.spec import load_specs
from serving import launch
from serving.launch import LaunchError, check_port, free_port, is_loopback, running_service
from warehouse.client import open_warehouse


@pytest.fixture(scope="module")
def service(house):
    with running_service(house) as running:
        yield running


def predictions(house, model, limit):
    sql = """select flight_key, score, is_positive, model_version from ml.prediction
             where model_name = %(model)s order by md5(flight_key) limit %(limit)s"""
    with open_warehouse(house) as wh:
        return wh.query(sql, {"model": model, "limit": limit})


@pytest.mark.parametrize("model", sorted(load_specs()))
def test_every_model_answers_the_bits_that_batch_scoring_stored(service, house, model):
    want = predictions(house, model, 500)
    keys = [row["flight_key"] for row in want]
    status, body = service.post(f"/{model}/predict_by_flight", {"flight_keys": keys})
    assert status == 200 and len(want) == 500
    assert [p["score"].hex() for p in body["predictions"]] == [row["score"].hex() for row in want]
    if load_specs()[model].is_classification:
        assert [p["is_positive"] for p in body["predictions"]] == [row["is_positive"] for row in want]
    assert body["version"] == want[0]["model_version"]


def test_every_documented_example_is_answered_as_documented(service):
    import json

    document = json.loads(service.get("/docs.json")[1])
    posts = {path: item["post"] for path, item in document["paths"].items() if "post" in item}
    assert len(posts) == 4 * len(load_specs())
    for path, operation in posts.items():
        example = operation["requestBody"]["content"]["application/json"]["example"]
        answer = operation["responses"]["200"]["content"]["application/json"]["example"]
        assert service.post(path, example) == (200, answer)


def test_metrics_count_by_model_and_name_the_version(service):
    model = sorted(load_specs())[0]
    assert service.post(f"/{model}/predict", {"rows": []})[0] == 400
    status, text = service.get("/metrics")
    assert status == 200
    assert f'starhouse_requests_total{{kind="features",model="{model}",status="400"}}' in text
    assert f'starhouse_request_seconds_count{{kind="features",model="{model}"}}' in text
    assert f'starhouse_model_ready{{model="{model}"}} 1' in text
    assert f'starhouse_model_info{{model="{model}",version="' in text


def test_the_log_holds_no_values_of_a_request(service):
    model = sorted(load_specs())[0]
    service.post(f"/{model}/predict", {"rows": [{"private": "canary-5fa3"}]})
    assert "canary-5fa3" not in service.log.read_text(encoding="utf-8", errors="replace")


def test_plain_bentoml_serve_at_the_root_works_and_stays_on_loopback(house):
    port = free_port()
    argv = [str(Path(sys.executable).with_name("bentoml")), "serve", "--port", str(port)]
    log = house.home / "logs" / "plain.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            argv,
            cwd=house.root,
            env=launch.environment(house, port),
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    try:
        running = launch.Running(f"http://127.0.0.1:{port}", process.pid, log)
        launch._wait(process, running, "/readyz", 90)
        listening = {
            c.laddr.ip
            for c in psutil.net_connections()
            if c.laddr and c.laddr.port == port and c.status == "LISTEN"
        }
        assert listening == {"127.0.0.1"}
    finally:
        launch.stop(process)
    assert process.returncode == 0


def test_a_killed_supervisor_leaves_no_worker_behind(house):
    killed = contextlib.suppress(ProcessLookupError)
    with killed, running_service(house, wait_for="alive") as running:
        workers = psutil.Process(running.pid).children(recursive=True)
        assert workers
        os.kill(running.pid, signal.SIGKILL)
        gone, alive = psutil.wait_procs(workers, timeout=10)
        assert not alive and gone


def test_a_port_in_use_is_named_with_the_way_out(house):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(LaunchError, match=f"{port} cannot be listened on.*--port"):
            check_port("127.0.0.1", port)
        with pytest.raises(LaunchError, match=str(port)), running_service(house, port=port):
            pass


def test_a_service_that_ends_at_once_is_reported_with_its_log(house, monkeypatch):
    monkeypatch.setattr(launch, "TARGET", "serving.no_such_module:Nothing")
    started = time.monotonic()
    with pytest.raises(LaunchError, match="(?s)ended with code.*no_such_module"), running_service(house):
        pass
    assert time.monotonic() - started < 60


def test_a_service_that_does_not_get_ready_is_stopped(fresh_database):
    empty, before = fresh_database(), started_processes()
    with pytest.raises(LaunchError, match="not there within 1 seconds"), running_service(empty, timeout=1):
        pass
    assert started_processes() <= before


def started_processes() -> set[psutil.Process]:
    """Processes below this one, without those of the database server, which come and go by themselves."""
    found = set()
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.name() != "postgres":
                found.add(process)
    return found


def test_hosts_are_checked():
    assert is_loopback("127.0.0.1") and is_loopback("::1") and not is_loopback("0.0.0.0")
    with pytest.raises(LaunchError, match="not-a-host"):
        is_loopback("not-a-host")
