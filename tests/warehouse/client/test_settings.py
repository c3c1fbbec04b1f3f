"""Settings: defaults, refusals that name value and allowed values, and secrets that stay secret."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from warehouse.client import SettingsError, load_settings
from warehouse.client.errors import scrub
from warehouse.client.settings import PROJECT_ROOT

URL = "postgresql://owner:canary@db.example:6543/sales?sslmode=require"


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch):
    for name in ("STARHOUSE_ENV", "STARHOUSE_HOME", "STARHOUSE_DATABASE", "STARHOUSE_WAREHOUSE_URL"):
        monkeypatch.delenv(name, raising=False)


def test_defaults():
    settings = load_settings()
    assert (settings.env, settings.database, settings.is_embedded) == ("dev", "starhouse_dev", True)
    assert settings.home == PROJECT_ROOT / ".starhouse"
    assert settings.profiles_dir == settings.dbt_project_dir == PROJECT_ROOT / "warehouse"


def test_environment_is_read(monkeypatch, tmp_path):
    monkeypatch.setenv("STARHOUSE_ENV", "prod")
    monkeypatch.setenv("STARHOUSE_HOME", str(tmp_path / "here"))
    settings = load_settings()
    assert settings.database == "starhouse_prod"
    assert settings.home == tmp_path / "here"
    assert settings.profiles_dir == settings.home, "a home elsewhere keeps its profile to itself"
    folders = (settings.postgres_dir, settings.dlt_dir, settings.dagster_dir, settings.reports_dir)
    folders += (settings.dbt_target_dir, settings.dbt_log_dir)
    assert all(settings.home in folder.parents for folder in folders)
    assert not settings.home.exists(), "reading settings makes nothing"


def test_a_relative_home_is_made_absolute(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert load_settings(home="there").home == tmp_path / "there"


@pytest.mark.parametrize("value", ["staging", "DEV", "dev "])
def test_unknown_environment(monkeypatch, value):
    monkeypatch.setenv("STARHOUSE_ENV", value)
    with pytest.raises(SettingsError, match=f"STARHOUSE_ENV is '{value}'. Allowed: dev, test, prod"):
        load_settings()


def test_unknown_override():
    with pytest.raises(SettingsError, match="unknown override"):
        load_settings(enviroment="dev")


@pytest.mark.parametrize("name", ["", "a;drop", 'a"b', "x" * 64, "1a", "a b"])
def test_database_names(name):
    if name:
        with pytest.raises(SettingsError, match="database name"):
            load_settings(database=name)
    else:
        assert load_settings(database=name).database == "starhouse_dev"


def test_external_url_decides_the_database():
    assert load_settings(warehouse_url=URL).database == "sales"
    assert load_settings(warehouse_url=URL, database="other").database == "other"
    assert load_settings(warehouse_url="postgres://h/").database == "starhouse_dev"
    assert not load_settings(warehouse_url=URL).is_embedded
    assert load_settings(warehouse_url="").is_embedded


@pytest.mark.parametrize(
    "url",
    [
        "mysql://u:canary@h/d",
        "localhost:5432/canary",
        "postgresql://u:canary@h:port/d",
        "postgresql://[::1/canary",
    ],
)
def test_a_url_of_another_kind_is_refused_without_showing_it(url):
    with pytest.raises(SettingsError, match="STARHOUSE_WAREHOUSE_URL") as caught:
        load_settings(warehouse_url=url)
    assert "canary" not in str(caught.value)
    assert "postgresql://user:password@host" in str(caught.value)


def test_the_password_is_shown_nowhere():
    settings = load_settings(warehouse_url=URL)
    shown = repr(settings) + str(settings) + f"{settings.warehouse_url}" + repr(vars(settings))
    assert "canary" not in shown
    assert settings.warehouse_url.reveal() == URL
    with pytest.raises(TypeError):
        pickle.dumps(settings)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("at postgresql://u:se@cret@h/d end", "at postgresql://u:***@h/d end"),
        ("postgresql+psycopg2://u:secret@h", "postgresql+psycopg2://u:***@h"),
        ("password is hunter2.", "password is ***."),
        ("http://h:80/x and mail a@b", "http://h:80/x and mail a@b"),
    ],
)
def test_scrub(text, shown):
    assert scrub(text, "hunter2", None, "") == shown


def test_importing_the_client_loads_no_driver():
    heavy = ["psycopg2", "pyarrow", "adbc_driver_manager", "sqlalchemy", "pandas", "psutil", "dlt"]
    code = f"import sys, warehouse.client; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_root_is_the_project():
    assert (PROJECT_ROOT / "pyproject.toml").exists()
    assert isinstance(load_settings().root, Path)
