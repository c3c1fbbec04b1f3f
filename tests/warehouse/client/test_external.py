"""A server that Starhouse did not start: PostgreSQL 16 over TCP with passwords, its clock in another zone."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager

import psycopg2
import pyarrow as pa
import pytest

from warehouse.client import (
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


@contextmanager
def role(foreign, name: str, *options: str):
    """A login of the foreign server, removed afterwards."""
    with open_warehouse(load_settings(warehouse_url=foreign.url(), database="postgres")) as warehouse:
        warehouse.execute(f"create role {name} login password %s {' '.join(options)}", (foreign.PASSWORD,))
        try:
            yield foreign.url(user=name)
        finally:
            warehouse.execute(f"drop database if exists owned_{name} with (force)")
            warehouse.execute(f"drop role {name}")


def test_everything_works_there_and_in_utc(foreign, tmp_path):
    settings = load_settings(warehouse_url=foreign.url(), database="abroad", home=tmp_path / "home")
    with open_warehouse(settings) as warehouse:
        assert warehouse.scalar("show server_version").startswith("16")
        assert warehouse.scalar("select current_database()") == "abroad"
        assert warehouse.scalar("show timezone") == "UTC"
        instant = "select timestamptz '2013-07-01 12:00' as at, 1::bigint as n"
        assert warehouse.fetch_arrow(instant)["at"][0].as_py().isoformat() == "2013-07-01T12:00:00+00:00"
        warehouse.load_arrow("public", "t", pa.table({"n": pa.array([1, 2], pa.int64())}), mode="create")
        warehouse.copy_arrow("public", "t", pa.table({"n": pa.array([3], pa.int64())}))
        assert warehouse.scalar("select sum(n) from t") == 6
        with warehouse.advisory_lock("build"):
            assert warehouse.table_exists("public", "t")
    plain = psycopg2.connect(connection_urls(settings).libpq)
    with plain.cursor() as cursor:
        cursor.execute("show timezone")
        assert cursor.fetchone() == ("UTC",), "other clients of a database we made are in UTC too"
    plain.close()
    assert not settings.postgres_dir.exists(), "nothing of the embedded server is touched"


def test_state_start_and_stop(foreign):
    settings = load_settings(warehouse_url=foreign.url())
    state = server_status(settings)
    assert (state.kind, state.is_running, state.place) == ("external", True, f"127.0.0.1:{foreign.port}")
    start_server(settings)
    with pytest.raises(WarehouseError, match="Starhouse did not start"):
        stop_server(settings)
    assert not server_status(load_settings(warehouse_url=foreign.url(port=1))).is_running


def test_sqlalchemy_and_adbc_urls(foreign):
    import sqlalchemy
    from adbc_driver_postgresql import dbapi

    urls = connection_urls(load_settings(warehouse_url=foreign.url(), database="postgres"))
    with sqlalchemy.create_engine(urls.sqlalchemy).connect() as connection:
        assert connection.scalar(sqlalchemy.text("select 1")) == 1
    with dbapi.connect(urls.adbc) as connection, connection.cursor() as cursor:
        cursor.execute("select 1")
        assert cursor.fetchone() == (1,)
    psycopg2.connect(urls.dlt).close()


def test_refusals_name_the_cause_and_never_the_password(foreign, monkeypatch):
    settings = load_settings(warehouse_url=foreign.url(port=1))
    with pytest.raises(WarehouseError, match=r"127\.0\.0\.1:1.*Connection refused") as caught:
        open_warehouse(settings)
    said = str(caught.value)
    with pytest.raises(WarehouseError, match="password authentication failed") as caught:
        open_warehouse(load_settings(warehouse_url=foreign.url(password="wrong/canary")))
    said += str(caught.value) + repr(caught.value)
    refused = pytest.raises(WarehouseError, match="no permission for user 'poor'")
    with role(foreign, "poor") as url, refused as caught:
        open_warehouse(load_settings(warehouse_url=url, database="owned_poor"))
    assert 'CREATE DATABASE "owned_poor" OWNER "poor"' in str(caught.value)
    said += str(caught.value)
    monkeypatch.setattr("warehouse.client.connection.OLDEST_VERSION", 170000)
    words = r"wrong version, .* is PostgreSQL 16.*Allowed: 15 or newer"
    with pytest.raises(WarehouseError, match=words) as caught:
        open_warehouse(load_settings(warehouse_url=foreign.url()))
    said += str(caught.value) + repr(caught.value)
    assert "canary" not in said


def test_a_login_that_may_create_databases_is_enough(foreign):
    with role(foreign, "builder", "createdb") as url:
        settings = load_settings(warehouse_url=url, database="owned_builder")
        with open_warehouse(settings) as warehouse:
            warehouse.execute("create schema raw")
            assert warehouse.scalar("select rolsuper from pg_roles where rolname = current_user") is False


def test_plain_dbt_finds_it_and_no_file_holds_the_password(foreign, tmp_path):
    settings = load_settings(warehouse_url=foreign.url(), database="for_dbt", home=tmp_path / "home")
    with open_warehouse(settings):
        path = write_profile(settings)
    done = subprocess.run(
        ["dbt", "debug", "--connection"],
        cwd=settings.dbt_project_dir, env=subprocess_env(settings), capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert "OK connection ok" in done.stdout
    written = [one for one in settings.home.rglob("*") if one.is_file()]
    assert path in written
    assert [one for one in written if b"canary" in one.read_bytes()] == []
    assert "canary" not in done.stdout + done.stderr
