"""`starhouse serve` as a process: it answers, stops on SIGTERM and Ctrl-C, and says what is wrong."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from serving.launch import free_port
from warehouse.client import subprocess_env


def start(settings, *arguments):
    argv = [sys.executable, "-m", "orchestration.cli", "serve", *arguments]
    return subprocess.Popen(
        argv, cwd=settings.root, env=subprocess_env(settings), text=True, start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def wait_for(url, seconds=60.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(url, timeout=5) as reply:
                return reply.status
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"{url} did not answer within {seconds:g} seconds")


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_and_stops_when_told(settings, server, sent):
    port = free_port()
    process = start(settings, "--port", str(port))
    try:
        assert wait_for(f"http://127.0.0.1:{port}/livez") == 200
        process.send_signal(sent)
        output, _ = process.communicate(timeout=20)
    finally:
        if process.poll() is None:
            process.kill()
    assert process.returncode == 0
    assert f"http://127.0.0.1:{port}" in output and "Traceback" not in output
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))


def test_a_busy_port_and_a_bad_host_are_plain_errors(settings):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        process = start(settings, "--port", port)
        output, _ = process.communicate(timeout=30)
    assert process.returncode == 1 and port in output and "--port" in output and "Traceback" not in output
    process = start(settings, "--host", "example")
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 1 and "example" in output and "Traceback" not in output
