"""Fixtures of the whole suite: one real server for the session, databases on it, and the built house.

Belongs here: what tests of several folders share. Does not belong: data or helpers of one folder's tests.
Nothing starts before a test asks for it: a folder that needs no database runs without one.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import hypothesis
import pytest

from tests.database_stock import DatabaseStock
from tests.peers.emulated import bigquery, bigquery_wh, emulated, emulator  # noqa: F401  (fixtures)
from tests.peers.judged import judge  # noqa: F401  (a fixture)
from warehouse.client import (
    Settings,
    Warehouse,
    load_settings,
    open_warehouse,
    quote,
    start_server,
    stop_server,
    subprocess_env,
    write_profile,
)  # fmt: skip

SHOWN_LINES = 80
SERVERS = {"moto_url", "broker", "mongodb_url", "judge", "emulator"}
"""Fixtures of servers in an environment of their own."""

# The same examples everywhere, so that a failure is seen again; no time limit, since machines are shared.
hypothesis.settings.register_profile("suite", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.load_profile("suite")


@pytest.fixture(scope="session")
def settings() -> Iterator[Settings]:
    """Settings of an empty home in a temporary folder, environment test; the process environment agrees with
    them.
    """
    home = Path(tempfile.mkdtemp(prefix="starhouse-test-"))
    home.chmod(0o755)  # where the tests run as root, the server's own account must pass through
    before = dict(os.environ)
    for name in ("STARHOUSE_WAREHOUSE_URL", "STARHOUSE_DATABASE"):
        os.environ.pop(name, None)
    os.environ.update(STARHOUSE_HOME=str(home), STARHOUSE_ENV="test", TZ="UTC")
    time.tzset()
    made = load_settings()
    os.environ.update(
        {name: value for name, value in subprocess_env(made).items() if name != "STARHOUSE_DATABASE"}
    )
    yield made
    stop_server(made)
    os.environ.clear()
    os.environ.update(before)
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def server(settings: Settings) -> Settings:
    """The session's server, running and held by this process; its maintenance database in the returned
    settings.
    """
    start_server(settings)
    write_profile(settings)
    admin = replace(settings, database="postgres")
    with open_warehouse(admin) as warehouse:
        do_without_fsync(warehouse)
    return admin


@pytest.fixture(scope="session")
def database_stock(server: Settings) -> Iterator[DatabaseStock]:
    """Empty databases on the session's server, made ahead."""
    stock = DatabaseStock(server)
    yield stock
    stock.close()


@pytest.fixture
def fresh_database(database_stock: DatabaseStock) -> Iterator[Callable[[], Settings]]:
    """A factory of new empty databases on the session's server, dropped after the test."""
    made: list[Settings] = []

    def make() -> Settings:
        made.append(database_stock.take())
        return made[-1]

    yield make
    for one in made:
        database_stock.give_back(one)


@pytest.fixture
def wh(fresh_database: Callable[[], Settings]) -> Iterator[Warehouse]:
    """An open warehouse on a new empty database."""
    with open_warehouse(fresh_database()) as warehouse:
        yield warehouse


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of the built house come last, and the first test of all begins its building: it takes minutes, in
    which one core would otherwise wait. It begins what the servers of sources need, too.
    """
    for item in items:
        if "bigquery" in getattr(item, "fixturenames", ()):
            item.add_marker("bigquery")
    items.sort(key=lambda item: "house_template" in getattr(item, "fixturenames", ()))
    if items and "house_template" in getattr(items[-1], "fixturenames", ()):
        items[0].fixturenames.append("house_building")
    if any(SERVERS & set(getattr(item, "fixturenames", ())) for item in items):
        items[0].fixturenames.append("servers_preparing")


@pytest.fixture(scope="session")
def servers_preparing() -> Iterator[None]:
    """The environments of the servers are built by a process that goes on while other tests run."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.peers.prepare"], cwd=Path(__file__).resolve().parents[1],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    yield
    if process.poll() is None:
        process.terminate()
    process.wait(60)


@pytest.fixture(scope="session")
def house_building(settings: Settings, server: Settings) -> Iterator[tuple[subprocess.Popen, Path]]:
    """The whole job on all data as a process that goes on while other tests run, and its output."""
    built = replace(settings, database="house_template")
    log = Path(settings.home) / "house_building.log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "orchestration.cli", "run", "all"], cwd=settings.root,
            env=subprocess_env(built), stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
        )  # fmt: skip
    yield process, log
    if process.poll() is None:
        process.terminate()
        process.wait(60)


@pytest.fixture(scope="session")
def house_template(settings: Settings, house_building: tuple[subprocess.Popen, Path]) -> Settings:
    """A database on which the whole job ran once on all data. Nothing may connect to it: it is copied."""
    process, log = house_building
    if process.wait() != 0:
        shown = "\n".join(log.read_text(errors="replace").splitlines()[-SHOWN_LINES:])
        pytest.fail(
            f"`starhouse run all` ended with {process.returncode}; its last lines:\n{shown}", pytrace=False
        )
    return replace(settings, database="house_template")


@pytest.fixture(scope="session")
def house(house_template: Settings, server: Settings) -> Settings:
    """The built house, read only: a write fails. Use `house_copy` to change something."""
    copied = replace(house_template, database="house")
    create_database(server, copied.database, template=house_template.database)
    with open_warehouse(server) as warehouse:
        warehouse.execute(f"alter database {quote(copied.database)} set default_transaction_read_only = on")
    return copied


@pytest.fixture
def house_copy(house_template: Settings, server: Settings) -> Iterator[Callable[[], Settings]]:
    """A factory of private copies of the built house, dropped after the test."""
    made: list[Settings] = []

    def make() -> Settings:
        made.append(replace(house_template, database=f"house_{uuid.uuid4().hex[:12]}"))
        create_database(server, made[-1].database, template=house_template.database)
        return made[-1]

    yield make
    for one in made:
        drop_database(server, one.database)


def do_without_fsync(warehouse: Warehouse) -> None:
    """Nothing here must survive a power cut, and the suite waits for no disk. A crash of the server still
    loses nothing.
    """
    warehouse.execute("alter system set fsync = off")
    warehouse.execute("select pg_reload_conf()")


def create_database(server: Settings, name: str, template: str | None = None) -> None:
    """Create a database, as a copy of files where a template is named (no write-ahead log of its rows)."""
    source = f" template {quote(template)} strategy file_copy" if template else ""
    with open_warehouse(server) as warehouse:
        warehouse.execute(f"create database {quote(name)}{source}")


def drop_database(server: Settings, name: str) -> None:
    with open_warehouse(server) as warehouse:
        warehouse.execute(f"drop database if exists {quote(name)} with (force)")
