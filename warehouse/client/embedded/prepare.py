"""The data folder before a start: made once by `initdb`, configured at every start.

Belongs here: creating folders, `initdb`, the configuration files. Does not belong: processes that stay.
"""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess

from warehouse.client.embedded.account import arguments
from warehouse.client.embedded.binaries import MAJOR, programs
from warehouse.client.embedded.failure import explain
from warehouse.client.embedded.layout import Layout
from warehouse.client.errors import ServerError
from warehouse.client.urls import EMBEDDED_USER

SMALL_SHARED_MEMORY = 1 << 30

SETTINGS = {
    "listen_addresses": "''",  # unix socket only: nothing on the network, no port to collide
    "max_connections": "100",
    "shared_buffers": "'256MB'",
    "work_mem": "'64MB'",
    "maintenance_work_mem": "'256MB'",
    "effective_cache_size": "'2GB'",
    "random_page_cost": "1.1",
    "jit": "off",  # compiling costs more than it saves on queries of seconds
    "timezone": "'UTC'",
    "log_timezone": "'UTC'",
    "fsync": "on",
    "synchronous_commit": "on",
    "wal_level": "minimal",  # no replica reads this log, and a table filled where it is created skips it
    "max_wal_senders": "0",
    "max_wal_size": "'2GB'",
    "client_connection_check_interval": "1000",  # a killed client's statement ends, uncommitted, in 1 s
    "lock_timeout": "'300s'",
    "idle_in_transaction_session_timeout": "'900s'",
    "tcp_keepalives_idle": "60",
}


def prepare(layout: Layout) -> None:
    """Folders, data and configuration ready for a start. Call it under the start lock. Raises ServerError."""
    try:
        _folders(layout)
        check_data(layout)
        if not (layout.data / "PG_VERSION").exists():
            _initialize(layout)
        _configure(layout)
    except OSError as error:
        raise ServerError(explain(layout, f"{error.strerror}: {error.filename}")) from error


def make_run_dir(layout: Layout) -> None:
    """The home and its folder of locks. Raises ServerError where it cannot be written."""
    try:
        for folder in (layout.home, layout.run):
            if not folder.exists():
                folder.mkdir(parents=True, exist_ok=True)
                folder.chmod(0o755)  # whatever the umask: root's server account must pass through
        if not os.access(layout.run, os.W_OK):
            raise PermissionError(13, "Permission denied", str(layout.run))
    except OSError as error:
        raise ServerError(explain(layout, f"{error.strerror}: {error.filename}")) from error


def _folders(layout: Layout) -> None:
    uid = layout.account.uid if layout.account else os.geteuid()
    gid = layout.account.gid if layout.account else os.getegid()
    if layout.data != layout.link:
        layout.data.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        if not layout.link.is_symlink():
            layout.link.symlink_to(layout.data)
    if not layout.socket_dir.is_symlink() and not layout.socket_dir.exists():
        layout.socket_dir.mkdir(mode=0o700)
        os.chown(layout.socket_dir, uid, gid)
    status = layout.socket_dir.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != uid or status.st_mode & 0o077:
        raise ServerError(
            f"Starting the warehouse failed: the socket folder {layout.socket_dir} is not a private "
            "folder of "
            f"{user_name(uid)}. Remove it, then try again."
        )


def check_data(layout: Layout) -> None:
    """Raises ServerError for data of another owner or version, or none at all in a folder that is not
    empty.
    """
    version = layout.data / "PG_VERSION"
    if not layout.data.exists():
        return
    owner, uid = layout.data.stat().st_uid, layout.account.uid if layout.account else os.geteuid()
    if owner != uid:
        raise ServerError(
            f"Starting the warehouse failed: no permission, {layout.data} belongs to {user_name(owner)}, "
            "the server would "
            f"run as {user_name(uid)}. Run as the user that made it, or set STARHOUSE_HOME to another "
            "folder."
        )
    found = version.read_text(encoding="ascii").strip() if version.exists() else None
    if found is None and any(layout.data.iterdir()):
        raise ServerError(
            f"Starting the warehouse failed: {layout.data} holds files but no PostgreSQL data (PG_VERSION "
            "is missing). "
            "Move it away, then try again."
        )
    if found is not None and found != str(MAJOR):
        raise ServerError(
            f"Starting the warehouse failed: wrong version, {layout.data} was made by PostgreSQL {found}, "
            f"this one is {MAJOR}. "
            "Move the folder away to build anew, or bring it over with pg_dump of the old version."
        )


def _initialize(layout: Layout) -> None:
    """`initdb` beside the final place, then rename: an interrupted one is never taken for data."""
    place = layout.data.with_name(f".{layout.data.name}.new")
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(mode=0o700)
    if layout.account:
        os.chown(place, layout.account.uid, layout.account.gid)
    done = subprocess.run(
        [
            str(programs(layout.account) / "initdb"), "-D", str(place), "-U", EMBEDDED_USER,
            "--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8",
            "--auth-local=peer", "--auth-host=reject", "--no-instructions",
        ],
        cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        **arguments(layout.account),
    )  # fmt: skip
    if done.returncode != 0:
        shutil.rmtree(place, ignore_errors=True)
        raise ServerError(explain(layout, done.stdout))
    if layout.data.exists():
        layout.data.rmdir()
    place.rename(layout.data)


def _configure(layout: Layout) -> None:
    values = dict(SETTINGS, unix_socket_directories=f"'{layout.socket_dir}'", unix_socket_permissions="0700")
    if _shared_memory() < SMALL_SHARED_MEMORY:
        values["dynamic_shared_memory_type"] = (
            "mmap"  # containers often have 64 MB: parallel queries would fail
        )
    head = "# Written by Starhouse at every start; changes are lost.\n"
    _write(layout, "postgresql.conf", head + "".join(f"{name} = {value}\n" for name, value in values.items()))
    _write(layout, "pg_hba.conf", head + "local all all peer map=starhouse\n")
    _write(layout, "pg_ident.conf", head + f'starhouse "{user_name(os.geteuid())}" {EMBEDDED_USER}\n')


def _write(layout: Layout, name: str, text: str) -> None:
    path = layout.data / name
    partial = path.with_name(f".{name}.new")
    partial.write_text(text, encoding="utf-8")
    if layout.account:
        os.chown(partial, layout.account.uid, layout.account.gid)
    partial.chmod(0o600)
    partial.rename(path)


def _shared_memory() -> int:
    try:
        return shutil.disk_usage("/dev/shm").total
    except OSError:
        return 1 << 62


def user_name(uid: int) -> str:
    """The name of a user of this machine, or its number."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
