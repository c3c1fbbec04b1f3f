"""The URL of a warehouse on BigQuery: what it may say, and what is refused by name."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest

from warehouse.client import SettingsError, load_settings
from warehouse.client.bigquery.place import BigQueryPlace, read_place

URL = "bigquery://my-project/flights"


def test_a_url_names_project_prefix_and_options(tmp_path):
    url = (
        f"{URL}?location=EU&impersonate=loader@my-project.iam.gserviceaccount.com"
        "&maximum_bytes_billed=10000000000&budget_bytes=50000000000&priority=batch"
    )
    settings = load_settings(home=tmp_path, database=None, warehouse_url=url)
    assert (settings.engine, settings.is_embedded, settings.database) == ("bigquery", False, "flights")
    assert settings.bigquery == BigQueryPlace(
        "my-project", "flights", "EU", "loader@my-project.iam.gserviceaccount.com", 10_000_000_000,
        50_000_000_000, "batch",
    )  # fmt: skip
    assert settings.bigquery.dataset_of("core") == "flights_core"
    assert replace(settings, database="other").bigquery.dataset == "other"


def test_the_dataset_comes_from_the_variable_then_the_url_then_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("STARHOUSE_WAREHOUSE_URL", "bigquery://my-project")
    monkeypatch.delenv("STARHOUSE_DATABASE", raising=False)
    assert load_settings(home=tmp_path, env="prod").bigquery.dataset == "starhouse_prod"
    monkeypatch.setenv("STARHOUSE_WAREHOUSE_URL", URL)
    assert load_settings(home=tmp_path).bigquery.dataset == "flights"
    monkeypatch.setenv("STARHOUSE_DATABASE", "mine")
    assert load_settings(home=tmp_path).bigquery.dataset == "mine"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("bigquery://Proj/x", "project 'Proj'"),
        ("bigquery:///x", "project ''"),
        ("bigquery://my-project/a-b", "dataset is 'a-b'"),
        ("bigquery://my-project/a.b", "dataset is 'a.b'"),
        (f"{URL}?locaton=EU", "option 'locaton'.*Allowed: location, impersonate"),
        (f"{URL}?location=EU;drop", "location .* 'EU;drop'"),
        (f"{URL}?maximum_bytes_billed=10GB", "maximum_bytes_billed .* '10GB'"),
        (f"{URL}?maximum_bytes_billed=5000", "maximum_bytes_billed .* '5000'.*10485760 or more"),
        (f"{URL}?budget_bytes=0", "budget_bytes .* '0'"),
        (f"{URL}?budget_bytes=1&budget_bytes=2", "budget_bytes twice"),
        (f"{URL}?priority=high", "Allowed: interactive, batch"),
        (f"{URL}?impersonate=me", "impersonate .* 'me'"),
        (f"{URL}?endpoint=https://bigquery.example.com", "an emulator on this machine"),
        (f"{URL}?endpoint=http://10.0.0.5:9050", "an emulator on this machine"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(tmp_path, url, said):
    with pytest.raises(SettingsError, match=said):
        load_settings(home=tmp_path, database=None, warehouse_url=url)


@pytest.mark.parametrize(
    "url",
    ["bigquery://me:hush-hush@my-project/x", f"{URL}?credentials_path=/keys/hush-hush.json",
     f"{URL}?password=hush-hush", f"{URL}?keyfile_json=hush-hush"],
)  # fmt: skip
def test_no_secret_is_taken_nor_repeated(tmp_path, url):
    with pytest.raises(SettingsError, match="application-default login") as refused:
        load_settings(home=tmp_path, database=None, warehouse_url=url)
    assert "hush-hush" not in str(refused.value)


def test_postgres_has_no_place_on_bigquery(tmp_path):
    with pytest.raises(SettingsError, match="on Postgres"):
        load_settings(home=tmp_path, warehouse_url="").bigquery  # noqa: B018


def test_an_emulator_is_spoken_to_without_credentials():
    from google.auth.credentials import AnonymousCredentials

    from warehouse.client.bigquery.connection import credentials_of

    place = read_place(f"{URL}?endpoint=http://127.0.0.1:9050", "x")
    assert isinstance(credentials_of(place), AnonymousCredentials)


def test_postgres_loads_no_library_of_google(run_python):
    found = run_python(
        "import sys; from warehouse.client import load_settings, open_warehouse\n"
        "s = load_settings(warehouse_url='postgresql://u@127.0.0.1:1/x')\n"
        "try: open_warehouse(s)\nexcept Exception: pass\n"
        "print([m for m in sys.modules if m.startswith(('google.cloud.', 'google.a', 'grpc'))])"
    )
    assert found.strip() == "[]"


def test_bigquery_loads_no_driver_of_postgres(run_python):
    found = run_python(
        "import sys; from warehouse.client import load_settings, open_warehouse\n"
        "s = load_settings(warehouse_url='bigquery://my-project/x?endpoint=http://127.0.0.1:1')\n"
        "open_warehouse(s).close()\n"
        "print([m for m in sys.modules if m in ('psycopg2', 'adbc_driver_postgresql')])"
    )
    assert found.strip() == "[]"


@pytest.fixture
def run_python(tmp_path):
    """What a fresh Python prints."""
    import subprocess

    def run(text: str) -> str:
        done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
        return done.stdout

    return run
