"""The account the server runs as: PostgreSQL refuses to run as root, so root lends it an existing plain
account.

Belongs here: choosing that account, and asking what it can reach. Does not belong: creating users, which this
project never does.
"""

from __future__ import annotations

import os
import pwd
import subprocess
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from warehouse.client.errors import ServerError

CANDIDATES = ("postgres", "nobody", "daemon")


@dataclass(frozen=True)
class Account:
    """An existing unprivileged user of this machine."""

    name: str
    uid: int
    gid: int

    def arguments(self) -> dict[str, Any]:
        """Keyword arguments that make `subprocess` run a command as this user and nothing more."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


@lru_cache(maxsize=1)
def server_account() -> Account | None:
    """The account to run the server as; None where this process may run it itself (it is not root).

    Raises ServerError where root finds no plain account.
    """
    if os.geteuid() != 0:
        return None
    for name in CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return Account(name, entry.pw_uid, entry.pw_gid)
    raise ServerError(
        "Starting the warehouse failed: this is root, PostgreSQL does not run as root, and there is none "
        "of the accounts "
        f"{', '.join(CANDIDATES)}. Run Starhouse as a normal user, or set STARHOUSE_WAREHOUSE_URL."
    )


def arguments(account: Account | None) -> dict[str, Any]:
    """`subprocess` arguments for running a command as `account`, none for running it as oneself."""
    return account.arguments() if account else {}


def can_enter(folder: Path, account: Account) -> bool:
    """Whether `account` can reach `folder`, or its nearest existing parent; tried, not computed."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    done = subprocess.run(["test", "-x", str(folder)], cwd="/", **account.arguments())
    return done.returncode == 0


def can_run(program: Path, account: Account | None) -> bool:
    """Whether `account` (None: oneself) can start `program --version`."""
    try:
        done = subprocess.run(
            [str(program), "--version"], cwd="/", capture_output=True, timeout=60, **arguments(account)
        )
    except OSError:
        return False
    return done.returncode == 0
