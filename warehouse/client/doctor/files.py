"""Checks of folders, disk, dbt's profile and local ports.

Belongs here: what is looked at without a server. Does not belong: the server's own files (`embedded_server`).
"""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path

from warehouse.client.doctor.finding import Finding, fine, problem
from warehouse.client.profile import profile_path, profile_text
from warehouse.client.settings import PASSWORD_VARIABLE, Settings

NEEDED_BYTES = 4_000_000_000  # measured: 1.5 GB of tables after the first run, and a log of up to 2 GB
PORTS = {3000: "the prediction service (`make serve`)", 3001: "the Dagster UI (`make ui`)"}


def home(settings: Settings) -> Finding:
    """Whether the home can be made or written; tried, not computed from mode bits, which root ignores."""
    place = _existing(settings.home)
    mend = f"Give this user the right to write {place}, or set STARHOUSE_HOME to a folder that it may write."
    if not place.is_dir():
        return problem(
            "home", f"{place} is in the way: it is no folder.", f"Move {place} away, or set STARHOUSE_HOME."
        )
    trial = place / f".starhouse-trial-{os.getpid()}"
    try:
        trial.mkdir()
        trial.rmdir()
    except OSError as error:
        return problem("home", f"{settings.home} cannot be written: {error.strerror}.", mend)
    return fine("home", str(settings.home))


def disk(settings: Settings) -> Finding:
    place = _existing(settings.home)
    free = shutil.disk_usage(place).free
    if free >= NEEDED_BYTES:
        return fine("disk", f"{free / 1e9:.1f} GB free")
    return problem(
        "disk",
        f"Only {free / 1e6:.0f} MB are free at {place}; the house needs about {NEEDED_BYTES / 1e9:.0f} GB.",
        "Free some space, or set STARHOUSE_HOME to a folder on a larger disk.",
    )


def profile(settings: Settings) -> Finding:
    """Whether dbt's profile is there and says what the settings say."""
    path = profile_path(settings)
    mend = "Run `starhouse up`: it writes the profile."
    if not path.exists():
        return problem("profile", f"{path} is missing: plain `dbt build` would not find the warehouse.", mend)
    if path.read_text(encoding="utf-8") != profile_text(settings):
        return problem(
            "profile", f"{path} is out of date: plain `dbt build` would use another warehouse.", mend
        )
    if settings.engine == "postgres" and not settings.is_embedded and not os.environ.get(PASSWORD_VARIABLE):
        return fine(
            "profile", str(path), f"Plain `dbt build` takes the password from {PASSWORD_VARIABLE}: export it."
        )
    return fine("profile", str(path))


def ports() -> list[Finding]:
    """Whether the ports of the service and of the UI are free, or used by themselves."""
    found = []
    for port, user in PORTS.items():
        owner = _listener(port)
        if owner is None:
            found.append(fine("port", f"{port} is free for {user}"))
        elif "bentoml" in owner or "dagster" in owner:
            found.append(fine("port", f"{port} is used by {owner}"))
        else:
            text = f"{port}, meant for {user}, is taken by {owner}."
            found.append(
                problem("port", text, "End that program, or give another port (`starhouse serve --port N`).")
            )
    return found


def _listener(port: int) -> str | None:
    """What listens on 127.0.0.1:port: process id and command where they can be seen; None where nothing
    does.
    """
    with socket.socket() as trial:
        trial.settimeout(1)
        if trial.connect_ex(("127.0.0.1", port)) != 0:
            return None
    import psutil

    try:
        for one in psutil.net_connections("tcp"):
            if one.status == psutil.CONN_LISTEN and one.laddr.port == port and one.pid:
                return f"process {one.pid} ({' '.join(psutil.Process(one.pid).cmdline())[:80]})"
    except psutil.Error:
        pass
    return "another program"


def _existing(path: Path) -> Path:
    while not path.exists() and path != path.parent:
        path = path.parent
    return path
