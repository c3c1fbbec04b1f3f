"""The life of the embedded server: shared, stopped after its last user, no orphan however a process dies."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import psycopg2
import pytest

from tests.warehouse.client.conftest import eventually, keeper_of
from warehouse.client import (
    ServerError,
    WarehouseError,
    connection_urls,
    open_warehouse,
    server_status,
    start_server,
    stop_server,
    subprocess_env,
)
from warehouse.client.embedded.account import server_account
from warehouse.client.embedded.layout import SHARED_ROOT, layout
from warehouse.client.embedded.processes import is_alive, orphans, postmaster, serves, stale_files

IS_ROOT = os.geteuid() == 0
needs_root = pytest.mark.skipif(not IS_ROOT, reason="needs root: another account, or mounting a small disk")


def is_gone(settings) -> bool:
    return not orphans(layout(settings))


def test_started_on_first_use_shared_and_stopped_after_the_last(home, holder):
    assert not server_status(home).is_running
    with open_warehouse(home) as warehouse:
        first = postmaster(layout(home))
        started = warehouse.scalar("select pg_postmaster_start_time()::text")
        other = holder(home)
        assert other.stdout.readline().strip() == started, "the second process uses the same server"
    time.sleep(2.2)
    assert postmaster(layout(home)) == first, "the other process still holds it"
    other.communicate(input="")
    assert eventually(lambda: is_gone(home))
    assert not stale_files(layout(home)), "a clean stop leaves no lock file"
    state = server_status(home)
    assert (state.is_running, state.pid, state.version) == (False, None, None)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
def test_no_orphan_after_a_holder_is_ended(home, holder, number):
    process = holder(home)
    assert process.stdout.readline()
    assert server_status(home).is_running
    process.send_signal(number)
    process.wait(60)
    assert eventually(lambda: is_gone(home))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's death")
def test_no_orphan_after_the_keeper_is_ended(home, holder, number):
    process = holder(home)
    assert process.stdout.readline()
    keeper_of(home).send_signal(number)
    assert eventually(lambda: is_gone(home))
    with open_warehouse(home) as warehouse:
        assert warehouse.scalar("select 1") == 1, "the next user starts it again"


def test_processes_that_start_at_once_get_one_server(make_home, holder):
    home = make_home(is_seeded=False)
    processes = [holder(home) for _ in range(4)]
    started = {process.stdout.readline().strip() for process in processes}
    assert len(started) == 1 and "" not in started
    parents = [process for process in psutil.process_iter() if serves(process.pid, layout(home).data)]
    assert sum(p.ppid() == keeper_of(home).pid for p in parents) == 1


def test_up_keeps_it_and_down_stops_it(home):
    start_server(home, keep=True)
    pid = postmaster(layout(home))
    time.sleep(2.2)
    assert server_status(home).is_kept
    assert postmaster(layout(home)) == pid
    with open_warehouse(home):
        pass
    assert stop_server(home)
    assert is_gone(home)
    assert not stop_server(home)
    assert not server_status(home).is_kept


def test_a_wish_to_keep_does_not_outlive_its_server(home):
    start_server(home, keep=True)
    os.kill(postmaster(layout(home)), signal.SIGKILL)
    assert eventually(lambda: is_gone(home))
    with open_warehouse(home):
        assert not server_status(home).is_kept
    assert eventually(lambda: is_gone(home))


def test_a_crash_loses_nothing_committed_and_its_lock_files_are_cleared(home):
    with open_warehouse(home) as warehouse:
        warehouse.execute("create table t as select 7 as n")
        place = layout(home)
        os.kill(postmaster(place), signal.SIGKILL)
        assert eventually(lambda: is_gone(home))
        assert place.pid_file in stale_files(place)
        # after a restart of the machine the same number is another program's: pytest stands for it
        lines = place.pid_file.read_text().splitlines()
        place.pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
        assert postmaster(place) is None
        with pytest.raises(WarehouseError):
            warehouse.query("select 1")
        assert warehouse.scalar("select n from t") == 7, "the next statement finds a recovered server"


def test_an_interrupted_first_start_is_begun_anew(make_home):
    home = make_home(inside="house", is_seeded=False)
    half = home.postgres_dir.with_name(".postgres.new")
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    home.postgres_dir.mkdir()
    if IS_ROOT:
        shutil.chown(home.postgres_dir, server_account().uid)
    with open_warehouse(home) as warehouse:
        assert warehouse.scalar("select 1") == 1
    assert not half.exists()


def test_the_statement_of_a_killed_client_ends_uncommitted(home, holder):
    with open_warehouse(home) as warehouse:
        slow = 'warehouse.execute("create table late as select 1 as n from pg_sleep(30)")'
        process = holder(home, body=slow)
        assert process.stdout.readline()
        running = "select count(*) from pg_stat_activity where query like 'create table late%'"
        assert eventually(lambda: warehouse.scalar(running) == 1)
        process.kill()
        assert eventually(lambda: warehouse.scalar(running) == 0, 2.5)
        assert not warehouse.table_exists("public", "late")


def test_the_server_is_durable_private_and_off_the_network(make_home):
    home = make_home(is_seeded=False)
    with open_warehouse(home) as warehouse:
        wanted = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "listen_addresses": "",
                  "TimeZone": "UTC", "jit": "off", "server_encoding": "UTF8",
                  "data_checksums": "on"}  # fmt: skip
        found = warehouse.query("select name, setting from pg_settings where name = any(%s)", (list(wanted),))
        assert {row["name"]: row["setting"] for row in found} == wanted
        ours = psutil.Process(postmaster(layout(home)))
        assert [c for c in ours.net_connections("inet") if c.status == psutil.CONN_LISTEN] == []
    assert layout(home).socket_dir.stat().st_mode & 0o077 == 0
    assert layout(home).data.stat().st_mode & 0o077 == 0


def test_the_end_of_the_home_is_the_end_of_the_server(make_home, holder):
    settings = make_home(inside="house")
    process = holder(settings)
    assert process.stdout.readline()
    keeper = keeper_of(settings)
    shutil.rmtree(settings.home)
    assert eventually(lambda: not is_alive(keeper.pid))
    assert eventually(lambda: is_gone(settings))


@pytest.mark.parametrize("inside", ["deep/" * 20 + "home", "a b, c%41@d'e"])
def test_any_home_will_do(make_home, inside):
    settings = make_home(inside=inside)
    with open_warehouse(settings) as warehouse:
        assert warehouse.scalar("select 1") == 1
        assert warehouse.fetch_arrow("select 1::bigint as n").num_rows == 1
        assert len(str(layout(settings).socket)) <= 103
    stop_server(settings)


def test_data_of_another_version_are_refused_by_name(make_home, foreign):
    home = make_home(is_seeded=False)
    shutil.copytree(
        foreign.folder / "data", home.postgres_dir, ignore=lambda *_: ["base", "global", "pg_wal"]
    )
    if IS_ROOT:
        shutil.chown(home.postgres_dir, server_account().uid)
    with pytest.raises(
        ServerError, match=r"wrong version, .*postgres was made by PostgreSQL 16, this one is 18"
    ):
        start_server(home)
    shutil.rmtree(home.postgres_dir)
    home.postgres_dir.mkdir()
    if IS_ROOT:
        shutil.chown(home.postgres_dir, server_account().uid)
    (home.postgres_dir / "thesis.txt").write_text("dear")
    with pytest.raises(ServerError, match="holds files but no PostgreSQL data"):
        start_server(home)
    assert (home.postgres_dir / "thesis.txt").read_text() == "dear"


def as_another(account, code: str, settings) -> str:
    """What a forked process prints as another account: this Python may lie where that account cannot start
    it.
    """
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.setgroups([])
            os.setgid(account.gid)
            os.setuid(account.uid)
            server_account.cache_clear()
            layout.__globals__["_layout"].cache_clear()
            eval(code, {"start_server": start_server, "psycopg2": psycopg2, "settings": settings})
            os.write(writer, b"done")
        except BaseException as error:
            os.write(writer, f"{type(error).__name__}: {error}".encode())
        finally:
            os._exit(0)
    os.close(writer)
    os.waitpid(pid, 0)
    with os.fdopen(reader) as said:
        return said.read()


@needs_root
def test_a_user_without_permission_is_told_so(home, make_home):
    from warehouse.client.embedded.account import Account

    stranger = Account("daemon", 1, 1)
    assert "no permission" in as_another(
        stranger, "start_server(settings)", make_home(inside="house", is_seeded=False)
    )
    with open_warehouse(home):
        place = layout(home)
        other = Account("nobody", 65534, 65534) if place.account.name != "nobody" else stranger
        said = as_another(other, f"psycopg2.connect({connection_urls(home).libpq!r})", home)
        assert "Permission denied" in said
        place.socket_dir.chmod(0o755)
        place.socket.chmod(0o777)
        said = as_another(place.account, f"psycopg2.connect({connection_urls(home).libpq!r})", home)
        assert "Peer authentication failed" in said, "even the server's own account may not enter"
        place.socket_dir.chmod(0o700)


@needs_root
def test_a_home_closed_to_the_servers_account_keeps_its_data_elsewhere(make_home):
    settings = make_home(mode=0o700, is_seeded=False)
    with open_warehouse(settings) as warehouse:
        warehouse.execute("create table t as select 7 as n")
    assert settings.postgres_dir.is_symlink()
    data = Path(os.path.realpath(settings.postgres_dir))
    assert SHARED_ROOT in data.parents
    stop_server(settings)
    settings.home.chmod(0o755)
    with open_warehouse(settings) as warehouse:
        assert warehouse.scalar("select n from t") == 7, "opening the folder later does not lose the data"
    subprocess.run(
        [sys.executable, "-m", "warehouse.client.embedded.remove"], env=subprocess_env(settings), check=True
    )
    assert not data.exists() and is_gone(settings)


@pytest.fixture
def small_disk():
    """A disk of 100 MB with a folder in it."""
    folder = Path(tempfile.mkdtemp(prefix="starhouse-disk-"))
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=100m,mode=755", "tmpfs", str(folder)], check=True)
    yield folder
    eventually(lambda: subprocess.run(["umount", str(folder)], capture_output=True).returncode == 0)
    folder.rmdir()


@needs_root
def test_a_full_disk_is_named_and_nothing_is_lost(small_disk, home):
    from dataclasses import replace

    settings = replace(home, home=small_disk / "house")
    try:
        ballast = small_disk / "ballast"
        ballast.write_bytes(b"\0" * 90_000_000)
        with pytest.raises(ServerError, match="the disk is full. Free some space"):
            start_server(settings)
        assert not settings.postgres_dir.exists(), "no half-made data"
        ballast.unlink()
        with open_warehouse(settings) as warehouse:
            warehouse.execute("create table t as select 7 as n")
            with pytest.raises(WarehouseError, match="No space left on device") as caught:
                warehouse.execute(
                    "create table big as select n, repeat('x', 900) from generate_series(1, 90000) n"
                )
            assert caught.value.sqlstate == "53100"
        with open_warehouse(settings) as warehouse:
            assert warehouse.scalar("select n from t") == 7
            assert not warehouse.table_exists("public", "big")
    finally:
        stop_server(settings)


def test_the_first_error_of_the_server_reaches_the_user(home):
    with open_warehouse(home):
        pass
    stop_server(home)
    shutil.rmtree(layout(home).data / "global")
    with pytest.raises(ServerError, match=r"(?s)Starting the warehouse failed.*pg_control.*server\.log"):
        start_server(home)
