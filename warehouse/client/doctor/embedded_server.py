"""Checks of the embedded server: its programs, data, locks, and a real start.

Belongs here: looking at what `warehouse.client.embedded` keeps. Does not belong: a server that someone else
runs.
"""

from __future__ import annotations

import os
import time

from warehouse.client.doctor.finding import Finding, fine, problem
from warehouse.client.embedded.binaries import MAJOR, programs
from warehouse.client.embedded.layout import Layout, layout
from warehouse.client.embedded.locks import lock_holder, try_lock
from warehouse.client.embedded.prepare import check_data, user_name
from warehouse.client.embedded.processes import pid_file_lines, postmaster, stale_files
from warehouse.client.errors import ServerError, WarehouseError
from warehouse.client.settings import Settings

START_LOCK_PATIENCE_S = 5.0


def checks(settings: Settings, is_startable: bool) -> list[Finding]:
    """All checks; the server is started only if `is_startable` and its files are in order. Raises
    ServerError.
    """
    place = layout(settings)
    findings = [_programs(place), _data(place), _start_lock(place), _stale(place)]
    if not (is_startable and all(one.is_ok for one in findings)):
        return [*findings, fine("server", "not tried: mend the problems first")]
    return [*findings, _server(settings, place)]


def _programs(place: Layout) -> Finding:
    try:
        folder = programs(place.account)
    except ServerError as error:
        return problem("programs", str(error), "Run `make install`.")
    account = f", run as {place.account.name}" if place.account else ""
    return fine("programs", f"PostgreSQL {MAJOR} in {folder}{account}")


def _data(place: Layout) -> Finding:
    try:
        check_data(place)
    except ServerError as error:
        return problem(
            "data", str(error), "Follow the message; `make clean` removes all data of this project."
        )
    except OSError as error:
        return problem(
            "data",
            f"no permission: {error.filename} cannot be read ({error.strerror}).",
            f"Give it back to {user_name(os.geteuid())}, or set STARHOUSE_HOME to another folder.",
        )
    return fine("data", str(place.data) if place.data.exists() else f"{place.data}, made at the first start")


def _start_lock(place: Layout) -> Finding:
    """Whether some process has been starting or stopping the server for longer than that takes."""
    if not place.start_lock.exists():
        return fine("lock", "no start or stop under way")
    end = time.monotonic() + START_LOCK_PATIENCE_S
    while (descriptor := try_lock(place.start_lock)) is None:
        if time.monotonic() > end:
            holder = lock_holder(place.start_lock) or "another process"
            return problem("lock", f"{place.start_lock} is held by {holder}.", "End that process.")
        time.sleep(0.1)
    os.close(descriptor)
    return fine("lock", "no start or stop under way")


def _stale(place: Layout) -> Finding:
    """Lock files of a server that ended without removing them, and a wish to be kept that nobody fulfils."""
    files = stale_files(place)
    if files:
        lines = pid_file_lines(place)
        pid = f" of process {lines[0].strip()}" if lines else ""
        names = ", ".join(str(path) for path in files)
        return problem(
            "stale lock", f"A server{pid} died and left {names}.", "Run `starhouse up`: it removes them."
        )
    if place.keep_marker.exists() and postmaster(place) is None:
        return problem(
            "server",
            f"`starhouse up` started a server, but it has ended. Its last words are in {place.log}.",
            "Run `starhouse up` again.",
        )
    return fine("stale lock", "none")


def _server(settings: Settings, place: Layout) -> Finding:
    from warehouse.client.connection import server_version
    from warehouse.client.embedded.server import hold, release

    was_running = postmaster(place) is not None
    try:
        hold(settings)
        try:
            version = server_version(settings)
        finally:
            release(settings)
    except WarehouseError as error:
        return problem("server", str(error), "Follow the message, then run `starhouse doctor` again.")
    if was_running:
        return fine("server", f"PostgreSQL {version} answers on {place.socket_dir}")
    return fine(
        "server", f"PostgreSQL {version} starts and answers", "Not kept running: `starhouse up` does that."
    )
