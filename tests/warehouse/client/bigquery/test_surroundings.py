"""What is told to dbt, to child processes and to the user about a warehouse on BigQuery."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import pytest
import yaml

from tests.warehouse.client.bigquery.fake_service import fake_service
from warehouse.client import (
    SettingsError,
    WarehouseError,
    connection_urls,
    load_settings,
    open_warehouse,
    server_status,
    start_server,
    stop_server,
    subprocess_env,
    write_profile,
)
from warehouse.client.doctor import bigquery_project, files
from warehouse.client.settings import PASSWORD_VARIABLE

URL = (
    "bigquery://my-project/flights?location=EU&priority=batch&maximum_bytes_billed=50000000"
    "&impersonate=dbt@my-project.iam.gserviceaccount.com"
)


@pytest.fixture
def real(tmp_path):
    return load_settings(home=tmp_path, env="prod", database="flights", warehouse_url=URL)


def target_of(settings):
    profile = yaml.safe_load(write_profile(settings).read_text())["starhouse"]
    return profile["outputs"][settings.env], profile["outputs"]


def test_the_profile_holds_a_target_without_a_secret(real):
    target, every = target_of(real)
    assert target == {
        "type": "bigquery", "method": "oauth", "project": "my-project", "location": "EU", "priority": "batch",
        "dataset": "{{ env_var('STARHOUSE_DATABASE', 'flights') }}", "threads": 8, "job_retries": 3,
        "maximum_bytes_billed": 50000000,
        "impersonate_service_account": "dbt@my-project.iam.gserviceaccount.com",
    }  # fmt: skip
    assert every["dev"]["dataset"] == "{{ env_var('STARHOUSE_DATABASE', 'starhouse_dev') }}"
    assert files.profile(real).is_ok and files.profile(real).mend is None


def test_the_target_of_an_emulator_has_its_address_and_no_credentials(emulated):
    target, _ = target_of(emulated)
    assert (target["api_endpoint"], target["method"]) == (emulated.bigquery.endpoint, "oauth-secrets")
    assert (target["token"], target["job_retries"], target["location"]) == ("none", 0, "US")


def test_a_child_agrees_with_its_parent(emulated, monkeypatch):
    monkeypatch.setenv(PASSWORD_VARIABLE, "of a postgres")
    env = subprocess_env(emulated)
    assert (env["BIGQUERY_EMULATOR_HOST"], PASSWORD_VARIABLE in env) == (emulated.bigquery.endpoint, False)
    code = "from warehouse.client import load_settings; s = load_settings(); print(s.engine, s.bigquery)"
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"bigquery {emulated.bigquery}"
    monkeypatch.delenv("BIGQUERY_EMULATOR_HOST", raising=False)
    assert "BIGQUERY_EMULATOR_HOST" not in subprocess_env(replace(emulated, warehouse_url=None))


def test_there_is_no_server_to_start_or_to_find(emulated):
    start_server(emulated, keep=True)
    assert os.listdir(emulated.home) == []
    with pytest.raises(WarehouseError, match="did not start"):
        stop_server(emulated)
    with pytest.raises(SettingsError, match="the warehouse is on bigquery"):
        connection_urls(emulated)


def test_status_says_whether_it_answers(emulated):
    state = server_status(emulated)
    assert (state.kind, state.product, state.is_running) == ("bigquery", "BigQuery", True)
    assert state.place == f"project test-project, datasets {emulated.database}_*, US"


def test_the_doctor_looks_at_login_jobs_and_datasets(emulated):
    found = {one.name: one for one in bigquery_project.checks(emulated)}
    assert [one.is_ok for one in found.values()] == [True] * 3
    assert "none begins with" in found["datasets"].text
    assert "maximum_bytes_billed" in found["jobs"].mend
    with open_warehouse(emulated) as wh:
        wh.ensure_schema("core")
    elsewhere = load_settings(
        home=emulated.home, database=emulated.database,
        warehouse_url=f"{emulated.warehouse_url.reveal()}&location=EU",
    )  # fmt: skip
    (problem,) = (one for one in bigquery_project.checks(elsewhere) if not one.is_ok)
    assert problem.text == f"{emulated.database}_core: not in EU, where jobs run."


def test_the_doctor_names_a_missing_right(tmp_path):
    with fake_service() as (service, address):
        service.faults = [(403, "accessDenied")]
        settings = load_settings(
            home=tmp_path, database="x", warehouse_url=f"bigquery://my-project/x?endpoint={address}"
        )
        login, jobs = bigquery_project.checks(settings)
    assert (login.is_ok, jobs.name, jobs.is_ok) == (True, "jobs", False)
    assert "BigQuery Job User on the project my-project" in jobs.mend


def test_no_credentials_on_this_machine(real, monkeypatch):
    import google.auth
    from google.auth.exceptions import DefaultCredentialsError

    def none(**_):
        raise DefaultCredentialsError("none found")

    monkeypatch.setattr(google.auth, "default", none)
    (found,) = bigquery_project.checks(real)
    assert (found.name, found.is_ok) == ("login", False)
    assert "gcloud auth application-default login" in found.mend
    with pytest.raises(WarehouseError, match="no application default credentials"):
        open_warehouse(real)


def test_another_account_is_impersonated(real, monkeypatch):
    import google.auth
    from google.auth.credentials import AnonymousCredentials

    from warehouse.client.bigquery.connection import credentials_of

    monkeypatch.setattr(google.auth, "default", lambda **_: (AnonymousCredentials(), None))
    assert credentials_of(real.bigquery).service_account_email == real.bigquery.impersonate
    assert isinstance(credentials_of(replace(real.bigquery, impersonate=None)), AnonymousCredentials)
