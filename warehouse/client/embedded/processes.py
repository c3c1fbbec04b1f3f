"""Which process serves a data folder, and whether a lock file that names one is stale.

Belongs here: looking at processes and their lock files. Does not belong: starting or ending any.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from warehouse.client.embedded.layout import Layout
from warehouse.client.errors import ServerError

ORPHAN_PATIENCE_S = 10.0


def pid_file_lines(layout: Layout) -> list[str]:
    """The lines of `postmaster.pid`: process id, folder, start time, port, socket folder, address, memory,
    state.
    """
    try:
        return layout.pid_file.read_text(encoding="utf-8", errors="replace").splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return []


def postmaster(layout: Layout) -> int | None:
    """The id of the living server process of this data folder, or None.

    A number in `postmaster.pid` proves nothing: after a restart of the machine or container it is another
    program's, and a killed server may linger as a zombie. So the process must be alive and work in this very
    folder.
    """
    lines = pid_file_lines(layout)
    if not lines or not lines[0].strip().isdigit():
        return None
    pid = int(lines[0])
    return pid if serves(pid, layout.data) else None


def serves(pid: int, data: Path) -> bool:
    """Whether process `pid` lives (a zombie does not) and has `data` as its working folder."""
    import psutil

    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and os.path.realpath(
            process.cwd()
        ) == os.path.realpath(data)
    except psutil.Error:
        return False


def is_alive(pid: int) -> bool:
    """Whether process `pid` exists and is no zombie."""
    import psutil

    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def is_ready(layout: Layout) -> bool:
    """Whether the server says that it accepts connections."""
    lines = pid_file_lines(layout)
    return len(lines) >= 8 and lines[7].strip() == "ready"


def orphans(layout: Layout) -> list[int]:
    """Server processes that still work in the data folder although their parent is gone."""
    import psutil

    found = []
    for process in psutil.process_iter(["name"]):
        if (process.info["name"] or "").startswith("postgres") and serves(process.pid, layout.data):
            found.append(process.pid)
    return found


def stale_files(layout: Layout) -> list[Path]:
    """Lock files of a server that no longer lives; empty while it does."""
    if postmaster(layout) is not None:
        return []
    candidates = (layout.pid_file, layout.socket, layout.socket.with_name(layout.socket.name + ".lock"))
    return [path for path in candidates if path.exists()]


def clear_stale(layout: Layout) -> list[Path]:
    """Remove the lock files of a dead server; call it under the start lock. Returns what was removed.

    Raises ServerError while processes of the dead server still touch the data: a second server would damage
    them.
    """
    files = stale_files(layout)
    if not files:
        return []
    end = time.monotonic() + ORPHAN_PATIENCE_S
    while left := orphans(layout):
        if time.monotonic() > end:
            raise ServerError(
                f"Starting the warehouse failed: the server of {layout.data} died, but its processes "
                f"{left} still run. "
                "End them, then try again."
            )
        time.sleep(0.1)
    for path in files:
        path.unlink(missing_ok=True)
    return files
