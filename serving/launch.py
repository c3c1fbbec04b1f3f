"""Start the service as a process of its own, wait until it answers, stop it by its process id.

Belongs here: the command that runs the service and the life of that process, for `starhouse serve`, the
demo and the tests.
Does not belong here: the service itself.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from warehouse.client import Settings

TARGET = "serving.service:Starhouse"
STOP_SECONDS = 15.0


class LaunchError(RuntimeError):
    """The service cannot be started: what failed, what is allowed, the next step, and the end of its log."""


@dataclass(frozen=True)
class Running:
    """A service that answers. `url` without a slash at the end."""

    url: str
    pid: int
    log: Path

    def post(self, path: str, body: Any, timeout: float = 30.0) -> tuple[int, Any]:
        """Status and decoded JSON answer of one POST; an error status is returned, not raised."""
        data = json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}{path}", data, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=timeout) as reply:
                return reply.status, json.load(reply)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def get(self, path: str, timeout: float = 30.0) -> tuple[int, str]:
        """Status and text of one GET."""
        return _get(f"{self.url}{path}", timeout)


def _get(url: str, timeout: float) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=timeout) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches `host`. Raises LaunchError where it is no IP address."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        raise LaunchError(
            f"Serving failed: the host is {host!r}. "
            "Allowed: an IP address of this machine, or localhost. Change --host."
        ) from None


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def free_port(host: str = "127.0.0.1") -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket(_family(host)) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def check_port(host: str, port: int) -> None:
    """Raise LaunchError unless `host:port` can be listened on."""
    with socket.socket(_family(host)) as probe:
        # As the server does: a port in TIME_WAIT from a service just stopped is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise LaunchError(
                f"Serving failed: {host}:{port} cannot be listened on ({error.strerror}). "
                "Allowed: a free port of an address of this machine. "
                "Stop what listens there, or choose another with --port (0 picks a free one)."
            ) from error


def command(host: str, port: int) -> list[str]:
    """The command that runs the service in the foreground."""
    return [sys.executable, "-m", "bentoml", "serve", TARGET, "--host", host, "--port", str(port)]


def environment(settings: Settings, port: int) -> dict[str, str]:
    """The environment of the service's process: these settings, no telemetry, and a folder of its own.

    The server empties its metrics folder when it starts, so two services must not share one.
    """
    from warehouse.client import subprocess_env

    return {**subprocess_env(settings), "BENTOML_HOME": str(settings.home / "bentoml" / str(port))}


@contextmanager
def running_service(
    settings: Settings,
    port: int | None = None,
    wait_for: Literal["ready", "alive"] = "ready",
    timeout: float = 90.0,
) -> Iterator[Running]:
    """A running service on loopback, stopped at the end.

    `wait_for` "ready": every declared model has its champion loaded; "alive": the process answers.
    `timeout` in seconds.

    Raises:
        LaunchError: the port is taken, the process ended, or it was not there in time; the log's end is in
        the message.
    """
    port = port or free_port()
    check_port("127.0.0.1", port)
    folder = settings.home / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f"serving-{port}-", suffix=".log", dir=folder)
    with os.fdopen(handle, "wb") as log:
        process = subprocess.Popen(
            command("127.0.0.1", port),
            cwd=settings.root,
            env=environment(settings, port),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # a Ctrl-C at the terminal reaches us, and we stop it in order
        )
    running = Running(f"http://127.0.0.1:{port}", process.pid, Path(name))
    try:
        _wait(process, running, "/readyz" if wait_for == "ready" else "/livez", timeout)
        yield running
    finally:
        stop(process)


def _wait(process: subprocess.Popen[bytes], running: Running, path: str, timeout: float) -> None:
    deadline, last = time.monotonic() + timeout, "no answer yet"
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise LaunchError(
                f"Serving failed: the service ended with code {process.returncode}.\n{tail(running.log)}"
            )
        try:
            status, text = running.get(path, timeout=5.0)
        except OSError:
            time.sleep(0.1)
            continue
        if status == 200:
            return
        last = f"{path} says {status}: {text.strip()[:500]}"
        time.sleep(0.2)
    raise LaunchError(f"Serving failed: not there within {timeout:g} seconds; {last}\n{tail(running.log)}")


def stop(process: subprocess.Popen[bytes], seconds: float = STOP_SECONDS) -> None:
    """Ask the process to stop; past `seconds` end it and its own process group."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(seconds)


def tail(log: Path, lines: int = 15) -> str:
    """The last lines of a log."""
    try:
        found = log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:]
    except OSError:
        return "(no log)"
    return "\n".join(["The end of its log:", *found])
