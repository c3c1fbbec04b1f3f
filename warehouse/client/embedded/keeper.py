"""The keeper: a small process beside the server that stops it when nobody needs it any more.

It is the server's parent. It ends the server when no process holds the home and `starhouse up` has not asked
to keep it, when it is told to end (SIGTERM), when the home is deleted, and (Linux) when it is itself killed:
the kernel then sends the server its stop signal. So neither a killed user nor a killed keeper leaves a server
behind.

Belongs here: the life of one server process. Does not belong: preparing data, which the starter does before.
Run as `python -m warehouse.client.embedded.keeper HOME`.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

from warehouse.client.embedded.account import arguments
from warehouse.client.embedded.binaries import programs
from warehouse.client.embedded.layout import Layout, layout
from warehouse.client.embedded.locks import try_lock
from warehouse.client.embedded.processes import is_alive, postmaster
from warehouse.client.settings import PROJECT_ROOT, Settings

POLL_S = 0.2
GRACE_S = 1.5  # between two commands of one user the server stays up
STOP_PATIENCE_S = 60.0
PR_SET_PDEATHSIG = 1


class Server:
    """The server process: our child, or one that outlived its former keeper."""

    def __init__(self, child: subprocess.Popen[bytes] | None, pid: int) -> None:
        self.child, self.pid = child, pid

    def is_running(self) -> bool:
        return self.child.poll() is None if self.child else is_alive(self.pid)

    def stop(self, first: int = signal.SIGINT) -> None:
        """Fast stop (connections are cut, data are written); after a minute an immediate one (recovers at
        start).
        """
        for number in (first, signal.SIGQUIT, signal.SIGKILL):
            self._signal(number)
            end = time.monotonic() + STOP_PATIENCE_S
            while time.monotonic() < end:
                if not self.is_running():
                    return
                time.sleep(0.02)

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)


def start_child(place: Layout) -> Server:
    """Start `postgres` as our child, under its account, tied to our own life where the system can."""
    libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None

    def tie() -> None:  # between fork and exec, after the account has changed: a change would undo it
        if libc is not None:
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGINT, 0, 0, 0)

    child = subprocess.Popen(
        [str(programs(place.account) / "postgres"), "-D", str(place.data)],
        cwd="/", stdin=subprocess.DEVNULL, preexec_fn=tie, **arguments(place.account),
    )  # fmt: skip
    return Server(child, child.pid)


def is_wanted(place: Layout) -> bool:
    """Whether a living process holds the home, or `starhouse up` asked to keep the server."""
    if place.keep_marker.exists():
        return True
    descriptor = try_lock(place.holders_lock)
    if descriptor is None:
        return True
    os.close(descriptor)
    return False


def stop_unless_wanted(place: Layout, server: Server) -> bool:
    """Stop the server under the start lock, so that no process can begin to use it meanwhile."""
    lock = try_lock(place.start_lock)
    if lock is None:
        return False
    try:
        if is_wanted(place):
            return False
        server.stop()
        return True
    finally:
        os.close(lock)


def keep(place: Layout, own_lock: int) -> int:
    """Watch one server until it ends; returns the exit code."""
    pid = postmaster(place)
    server = Server(None, pid) if pid is not None else start_child(place)
    is_told = False

    def tell(_number: int, _frame: FrameType | None) -> None:
        nonlocal is_told
        is_told = True

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, tell)
    inode, idle_since = os.fstat(own_lock).st_ino, time.monotonic()
    while server.is_running():
        time.sleep(POLL_S)
        try:
            if place.keeper_lock.stat().st_ino != inode:
                raise FileNotFoundError
            if is_told:
                server.stop()
            elif is_wanted(place):
                idle_since = time.monotonic()
            elif time.monotonic() - idle_since > GRACE_S and stop_unless_wanted(place, server):
                return 0
        except OSError:  # the home is gone: nothing is left to write to
            server.stop(signal.SIGQUIT)
    return server.child.returncode or 0 if server.child else 0


def main(home: str) -> int:
    os.umask(0o022)
    place = layout(Settings("dev", Path(home), PROJECT_ROOT, "postgres"))
    own_lock = try_lock(place.keeper_lock)
    return 0 if own_lock is None else keep(place, own_lock)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
