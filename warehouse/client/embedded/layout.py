"""Where the embedded server's files are: data, socket, locks and log of one home.

Belongs here: paths, and the choice of a place that the server's account can reach. Does not belong:
processes.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from warehouse.client.embedded.account import Account, can_enter, server_account
from warehouse.client.settings import Settings

SOCKET_NAME = ".s.PGSQL.5432"
MAX_SOCKET_PATH = 103  # macOS allows 103 bytes and Linux 107; a longer one makes the server refuse to start
SHARED_ROOT = Path(
    "/var/lib/starhouse"
)  # used by root only, where the home lies behind a folder closed to others
_PLAIN = re.compile(r"[A-Za-z0-9/._-]+")  # a comma separates hosts in libpq, a % or @ means something in URLs


@dataclass(frozen=True)
class Layout:
    """The server's files. `data` may be reached through the link `home/postgres` when it lies outside the
    home.
    """

    home: Path
    link: Path
    data: Path
    socket_dir: Path
    run: Path
    account: Account | None

    @property
    def start_lock(self) -> Path:
        return self.run / "start.lock"

    @property
    def holders_lock(self) -> Path:
        return self.run / "holders.lock"

    @property
    def keeper_lock(self) -> Path:
        return self.run / "keeper.lock"

    @property
    def keep_marker(self) -> Path:
        return self.run / "keep"

    @property
    def log(self) -> Path:
        return self.run / "server.log"

    @property
    def pid_file(self) -> Path:
        return self.data / "postmaster.pid"

    @property
    def socket(self) -> Path:
        return self.socket_dir / SOCKET_NAME


@lru_cache(maxsize=64)
def _layout(home: Path, link: Path, run: Path) -> Layout:
    account = server_account()
    digest = hashlib.sha256(str(home).encode()).hexdigest()[:12]
    data = link
    if link.is_symlink():
        data = Path(os.path.realpath(link))
    elif account is not None and not can_enter(home, account):
        data = SHARED_ROOT / digest / "postgres"
    socket_dir = data.parent / "socket"
    if len(os.fsencode(socket_dir / SOCKET_NAME)) > MAX_SOCKET_PATH or not _PLAIN.fullmatch(str(socket_dir)):
        owner = account.uid if account else os.getuid()
        socket_dir = Path(tempfile.gettempdir()) / f"starhouse-{owner}-{digest}"
        if len(os.fsencode(socket_dir / SOCKET_NAME)) > MAX_SOCKET_PATH:
            socket_dir = Path("/tmp") / socket_dir.name
    return Layout(home, link, data, socket_dir, run, account)


def layout(settings: Settings) -> Layout:
    """The paths of this home's server; creates nothing."""
    return _layout(settings.home, settings.postgres_dir, settings.run_dir)
