"""`starhouse up`, `down`, `status`, `doctor` and `--help` as their user meets them."""

from __future__ import annotations

import resource
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from warehouse.client import server_status, stop_server, subprocess_env

COMMANDS = (
    "up",
    "down",
    "status",
    "doctor",
    "run",
    "train",
    "promote",
    "rollback",
    "score",
    "serve",
    "report",
)


@pytest.fixture
def home(settings):
    """Settings of an empty home; its server is stopped afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="starhouse-cli-"))
    folder.chmod(0o755)
    made = replace(settings, home=folder)
    yield made
    stop_server(made)
    shutil.rmtree(folder, ignore_errors=True)


def starhouse(settings, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).parent / "starhouse", *arguments],
        env=subprocess_env(settings) | variables, cwd="/", stdin=subprocess.DEVNULL,
        capture_output=True, text=True,
    )  # fmt: skip


def test_up_status_down(home):
    assert "not running" in starhouse(home, "status").stdout
    done = starhouse(home, "up")
    assert done.returncode == 0, done.stderr
    assert "PostgreSQL 18" in done.stdout and "profiles.yml" in done.stdout
    assert (home.home / "profiles.yml").exists()
    assert server_status(home).is_kept
    status = starhouse(home, "status").stdout
    assert "running, PostgreSQL 18" in status and "kept until" in status
    assert str(home.home) in status and home.database in status
    assert "The warehouse is stopped." in starhouse(home, "down").stdout
    assert not server_status(home).is_running
    assert "No warehouse was running." in starhouse(home, "down").stdout


def test_doctor_exit_code_tells(home):
    done = starhouse(home, "doctor")
    assert done.returncode == 1
    assert "PROBLEM  profile" in done.stdout and "→ Run `starhouse up`" in done.stdout
    assert "problem found." in done.stdout or "problems found." in done.stdout
    starhouse(home, "up")
    done = starhouse(home, "doctor", "--quiet")
    assert "profile" not in done.stdout
    assert done.returncode == (1 if "PROBLEM  port" in done.stdout else 0)


@pytest.mark.parametrize("command", ["up", "status", "run"])
def test_a_wrong_setting_is_one_line_without_traceback(home, command):
    done = starhouse(home, command, STARHOUSE_ENV="staging")
    assert done.returncode != 0
    assert "Settings failed: STARHOUSE_ENV is 'staging'. Allowed: dev, test, prod." in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_no_secret_is_shown(home):
    url = "postgresql://owner:canary%2F1@127.0.0.1:1/sales"
    for command in ("up", "down", "status", "doctor"):
        done = starhouse(home, command, STARHOUSE_WAREHOUSE_URL=url)
        assert "canary" not in done.stdout + done.stderr
        assert "Traceback" not in done.stderr


def test_help_names_every_command_and_is_quick(home):
    seconds = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = starhouse(home, "--help")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert done.returncode == 0
    assert [command for command in COMMANDS if f" {command} " not in done.stdout] == []
    # processor time: it waits for nothing, so this is what it takes on a machine that does nothing else
    assert min(seconds) < 0.5, f"the quickest of five took {min(seconds):.2f} s"


def test_the_command_line_loads_nothing_heavy(settings):
    heavy = [
        "dagster",
        "dbt",
        "pandas",
        "numpy",
        "sklearn",
        "bentoml",
        "dlt",
        "great_expectations",
        "plotly",
        "psycopg2",
    ]
    code = f"import sys, orchestration.cli; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=settings.root, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
