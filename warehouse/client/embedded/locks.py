"""File locks of one home. The kernel drops a lock with its process, so a killed process leaves none behind.

Belongs here: taking and holding `flock`s. Does not belong: what is done under them.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from warehouse.client.errors import ServerError

START_PATIENCE_S = 120.0


def try_lock(path: Path, exclusive: bool = True) -> int | None:
    """An open file descriptor holding the lock, or None while another process holds it. Close it to
    release.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


@contextmanager
def locked(path: Path, patience_s: float = START_PATIENCE_S) -> Iterator[int]:
    """The exclusive lock on `path`, waited for. Raises ServerError, naming the holder, when it takes too
    long.
    """
    end = time.monotonic() + patience_s
    while (descriptor := try_lock(path)) is None:
        if time.monotonic() > end:
            holder = lock_holder(path)
            raise ServerError(
                f"Waiting for {path} failed after {patience_s:.0f} s: {holder or 'another process'} is "
                "starting or stopping "
                "the warehouse and does not finish. End that process, then try again."
            )
        time.sleep(0.02)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def lock_holder(path: Path) -> str | None:
    """`process N (command)` of a process that holds a lock on `path`, where the system tells."""
    try:
        inode = path.stat().st_ino
        lines = Path("/proc/locks").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    for line in lines:
        fields = line.split()  # 1: FLOCK ADVISORY WRITE 1234 fd:00:5678 0 EOF
        if len(fields) >= 6 and fields[1] == "FLOCK" and fields[5].rsplit(":", 1)[-1] == str(inode):
            try:
                command = Path(f"/proc/{fields[4]}/comm").read_text(encoding="utf-8").strip()
            except OSError:
                command = "ended"
            return f"process {fields[4]} ({command})"
    return None
