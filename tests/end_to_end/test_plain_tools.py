"""dbt, dg and bentoml used as their users know them, with no wrapper of ours, on a built house."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from warehouse.client import Settings, subprocess_env

BIN = Path(sys.executable).parent


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def run(settings: Settings, *command: str, cwd: Path) -> str:
    done = subprocess.run(
        [str(BIN / command[0]), *command[1:]], cwd=cwd, env=subprocess_env(settings), text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=400,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:]
    return done.stdout


def test_dbt_build_and_docs_in_the_dbt_project(house_copy):
    settings = house_copy()
    built = run(settings, "dbt", "build", cwd=settings.dbt_project_dir)
    assert "Completed successfully" in built or "ERROR=0" in built
    run(settings, "dbt", "docs", "generate", cwd=settings.dbt_project_dir)
    catalog = json.loads((settings.dbt_target_dir / "catalog.json").read_text(encoding="utf-8"))
    assert "model.starhouse.fct_flight" in catalog["nodes"]


@pytest.mark.parametrize(
    ("command", "path", "says"),
    [
        (("dg", "dev", "--host", "127.0.0.1", "--port", "{port}"), "/server_info", "dagster_version"),
        (("bentoml", "serve", "--host", "127.0.0.1", "--port", "{port}"), "/readyz", ""),
    ],
    ids=["dg dev", "bentoml serve"],
)
def test_a_server_starts_at_the_root_answers_and_stops(house: Settings, tmp_path, command, path, says):
    port = free_port()
    words = [word.format(port=port) for word in command]
    log = tmp_path / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [str(BIN / words[0]), *words[1:]], cwd=house.root, env=subprocess_env(house),
            stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    try:
        assert says in wait_for(process, f"http://127.0.0.1:{port}{path}", log)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)


def wait_for(process: subprocess.Popen, url: str, log: Path, seconds: float = 120) -> str:
    """The text of the first good answer."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5) as reply:
                return reply.read().decode()
        except (OSError, urllib.error.URLError):
            time.sleep(0.3)
    raise AssertionError(f"{url} did not answer:\n{log.read_text(errors='replace')[-3000:]}")
