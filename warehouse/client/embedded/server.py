"""Start, hold, stop and state of the embedded server of one home.

Belongs here: what the rest of the client calls. Does not belong: the keeper's loop, files and processes, each
in its module beside this one.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from warehouse.client.embedded.failure import explain, tail
from warehouse.client.embedded.layout import Layout, layout
from warehouse.client.embedded.locks import locked, try_lock
from warehouse.client.embedded.prepare import make_run_dir, prepare
from warehouse.client.embedded.processes import clear_stale, is_alive, is_ready, postmaster
from warehouse.client.errors import ServerError, WarehouseError
from warehouse.client.settings import Settings

START_PATIENCE_S = 300.0  # recovery after a crash may read gigabytes of log
STOP_PATIENCE_S = 90.0
LOG_LIMIT = 5_000_000

_holds: dict[Path, tuple[int, int]] = {}  # home → (lock's file descriptor, number of users in this process)
_holds_lock = threading.Lock()


@dataclass(frozen=True)
class ServerStatus:
    """State of a warehouse server. kind: embedded, external or bigquery; pid and kept only for the embedded
    one.
    """

    kind: str
    is_running: bool
    is_kept: bool
    pid: int | None
    version: str | None
    place: str

    @property
    def product(self) -> str:
        """What it is, with its version where it has one."""
        return "BigQuery" if self.kind == "bigquery" else f"PostgreSQL {self.version}"


def hold(settings: Settings) -> None:
    """Make this process a holder of the server and start it if need be; `release` undoes one `hold`.

    The hold is a shared lock on a file: when this process dies, however it dies, the kernel takes it back.
    Raises ServerError.
    """
    place = layout(settings)
    make_run_dir(place)
    with _holds_lock, locked(place.start_lock):
        descriptor, users = _holds.get(settings.home, (-1, 0))
        if users == 0:
            descriptor = _shared(place.holders_lock)
        try:
            _ensure_running(place)
        except BaseException:
            if users == 0:
                os.close(descriptor)
            raise
        _holds[settings.home] = (descriptor, users + 1)


def release(settings: Settings) -> None:
    """Give back one `hold`; after the last one of the last process the keeper stops the server."""
    with _holds_lock:
        descriptor, users = _holds.get(settings.home, (-1, 0))
        if users > 1:
            _holds[settings.home] = (descriptor, users - 1)
        elif users == 1:
            del _holds[settings.home]
            os.close(descriptor)


def start_server(settings: Settings, keep: bool = False) -> None:
    """Start the embedded server. keep=True leaves it running until `stop_server`; else while this process
    lives.

    Nothing to start for an external server. Raises ServerError.
    """
    if not settings.is_embedded:
        return
    hold(settings)
    if keep:
        layout(settings).keep_marker.touch()
        release(settings)


def stop_server(settings: Settings) -> bool:
    """Stop the embedded server, whoever uses it, and forget `keep`. Returns whether one was running.

    Raises WarehouseError for an external server, which is not ours to stop, and ServerError when it does not
    end.
    """
    if not settings.is_embedded:
        raise WarehouseError(
            "Stopping failed: STARHOUSE_WAREHOUSE_URL names a server that Starhouse did not start."
        )
    place = layout(settings)
    if not place.run.exists():
        return False
    with locked(place.start_lock):
        place.keep_marker.unlink(missing_ok=True)
        pid = postmaster(place)
        if pid is None:
            clear_stale(place)
            return False
        os.kill(pid, signal.SIGINT)
        if not _wait(lambda: not is_alive(pid), STOP_PATIENCE_S):
            raise ServerError(
                f"Stopping the warehouse failed: process {pid} still runs. Its log is {place.log}."
            )
        _wait(lambda: not _has_keeper(place), 5.0)
        return True


def server_status(settings: Settings) -> ServerStatus:
    """Whether the warehouse answers, and what it is. Starts nothing."""
    from warehouse.client.connection import server_version
    from warehouse.client.urls import address

    if settings.engine == "bigquery":
        return _bigquery_status(settings)
    if not settings.is_embedded:
        where = address(settings)
        try:
            version: str | None = server_version(settings)
        except WarehouseError:
            version = None
        return ServerStatus(
            "external", version is not None, False, None, version, f"{where.host}:{where.port}"
        )
    place = layout(settings)
    pid = postmaster(place)
    is_running = pid is not None and is_ready(place)
    version = server_version(settings) if is_running else None
    return ServerStatus("embedded", is_running, place.keep_marker.exists(), pid, version, str(place.data))


def _bigquery_status(settings: Settings) -> ServerStatus:
    """Whether its project answers."""
    from warehouse.client.bigquery.status import is_answering

    place = settings.bigquery
    where = f"project {place.project}, datasets {place.dataset_of('')}*, {place.location}"
    return ServerStatus("bigquery", is_answering(place), False, None, None, where)


def _shared(path: Path) -> int:
    """The shared lock; the keeper's look at it lasts microseconds and happens under the start lock or is
    repeated.
    """
    for _ in range(1000):
        descriptor = try_lock(path, exclusive=False)
        if descriptor is not None:
            return descriptor
        time.sleep(0.01)
    raise ServerError(f"Holding the warehouse failed: {path} stays locked. End the process that locks it.")


def _has_keeper(place: Layout) -> bool:
    descriptor = try_lock(place.keeper_lock)
    if descriptor is None:
        return True
    os.close(descriptor)
    return False


def _ensure_running(place: Layout) -> None:
    """A ready server with a keeper; call it under the start lock and as a holder."""
    pid = postmaster(place)
    if pid is not None and is_ready(place) and place.socket.exists() and _has_keeper(place):
        return
    if pid is None:
        place.keep_marker.unlink(missing_ok=True)  # it asked to keep a server that has ended since
        prepare(place)
        clear_stale(place)
    offset = _rotated(place.log)
    keeper = None if pid is not None and _has_keeper(place) else _spawn_keeper(place)
    if not _wait(lambda: _is_up(place, keeper), START_PATIENCE_S):
        raise ServerError(explain(place, tail(place.log, offset) or "it does not become ready"))
    if postmaster(place) is None:
        raise ServerError(explain(place, tail(place.log, offset)))


def _is_up(place: Layout, keeper: subprocess.Popen[bytes] | None) -> bool:
    """Ready, or given up: a keeper ends when its server does."""
    if keeper is not None and keeper.poll() is not None:
        return True
    return is_ready(place) and place.socket.exists() and postmaster(place) is not None


def _spawn_keeper(place: Layout) -> subprocess.Popen[bytes]:
    _wait(lambda: not _has_keeper(place), 5.0)  # the one of a server that just ended is about to leave
    from warehouse.client.settings import PROJECT_ROOT

    with place.log.open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "warehouse.client.embedded.keeper", str(place.home)],
            cwd=PROJECT_ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip


def _rotated(log: Path) -> int:
    """The log's size now; a log beyond 5 MB is put aside first."""
    size = log.stat().st_size if log.exists() else 0
    if size > LOG_LIMIT:
        log.replace(log.with_suffix(".log.1"))
        return 0
    return size


def _wait(condition: object, patience_s: float) -> bool:
    end = time.monotonic() + patience_s
    while not condition():  # type: ignore[operator]
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True
