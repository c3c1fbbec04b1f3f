"""What child processes are told: one warehouse, UTC, this environment's programs, and no telemetry."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import yaml

from warehouse.client import export_environment, load_settings, subprocess_env, write_profile
from warehouse.client.settings import PASSWORD_VARIABLE

URL = "postgresql://owner:p%40ss%2Fcanary@db.example:6543/sales?sslmode=require&application_name=x"


def test_a_child_agrees_with_its_parent(settings):
    other = replace(settings, env="prod", database="elsewhere")
    code = "from warehouse.client import load_settings; s = load_settings(); "
    code += "print(s.env, s.database, s.home, s.is_embedded)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=settings.root,
        env=subprocess_env(other),
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == ["prod", "elsewhere", str(settings.home), "True"]


def test_an_embedded_child_does_not_inherit_an_external_server(settings, monkeypatch):
    monkeypatch.setenv("STARHOUSE_WAREHOUSE_URL", URL)
    assert "STARHOUSE_WAREHOUSE_URL" not in subprocess_env(settings)


def test_programs_of_this_environment_come_first_and_once(settings, monkeypatch):
    scripts = str(Path(sys.executable).parent)
    monkeypatch.setenv("PATH", os.pathsep.join(["/usr/bin", scripts, "/bin"]))
    assert subprocess_env(settings)["PATH"] == os.pathsep.join([scripts, "/usr/bin", "/bin"])


def test_telemetry_is_off_and_the_clock_in_utc(settings):
    env = subprocess_env(settings)
    off = {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "DAGSTER_DISABLE_TELEMETRY": "yes"}
    off |= {
        "GX_ANALYTICS_ENABLED": "false",
        "BENTOML_DO_NOT_TRACK": "True",
        "RUNTIME__DLTHUB_TELEMETRY": "false",
    }
    assert {name: env.get(name) for name in off} == off
    assert env["TZ"] == env["PGTZ"] == "UTC"
    for name in ("DBT_TARGET_PATH", "DBT_LOG_PATH", "DAGSTER_HOME"):
        assert settings.home in Path(env[name]).parents
    assert Path(env["DBT_PROFILES_DIR"]) == settings.home


def test_the_environment_is_exported_into_this_process(settings, monkeypatch):
    monkeypatch.setattr(os, "environ", dict(os.environ))
    export_environment(replace(settings, database="elsewhere"))
    assert os.environ["STARHOUSE_DATABASE"] == "elsewhere"


def test_the_profile_of_an_external_server(tmp_path):
    settings = load_settings(warehouse_url=URL, home=tmp_path / "home", env="prod", database="sales")
    assert subprocess_env(settings)[PASSWORD_VARIABLE] == "p@ss/canary"
    text = write_profile(settings).read_text()
    assert "canary" not in text and "p@ss" not in text
    profile = yaml.safe_load(text)["starhouse"]
    assert sorted(profile["outputs"]) == ["dev", "prod", "test"]
    output = profile["outputs"]["prod"]
    assert (output["host"], output["port"], output["user"], output["sslmode"]) == (
        "db.example", 6543, "owner", "require",
    )  # fmt: skip
    assert "'sales'" in output["dbname"] and PASSWORD_VARIABLE in output["password"]
    before = write_profile(settings).stat().st_mtime_ns
    assert write_profile(settings).stat().st_mtime_ns == before, "an unchanged profile is left alone"
