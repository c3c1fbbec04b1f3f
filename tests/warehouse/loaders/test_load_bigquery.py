"""The same files loaded into BigQuery give the rows they give in Postgres; replaced, killed and tried again,
too.

BigQuery is the emulator here: it executes each statement and load job.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import nullcontext
from datetime import date

import pytest

from tests.peers.recorded import judged, recording
from tests.warehouse.loaders.intake.killing import LEASE_SECONDS
from tests.warehouse.loaders.intake.two_engines import content
from warehouse.client import quote, subprocess_env
from warehouse.client.bigquery import lease
from warehouse.loaders import LOADERS, LoadError, load

LOADER = LOADERS["nycflights13"]
OF_A_LOAD = ("_dlt_load_id", "load_id")
TABLES = ["airlines", "weather", "flights"]
# the load of a process that kills itself at one point of it
LOAD = """
import os, signal, sys
from pathlib import Path
from warehouse.client import load_settings
from warehouse.client.bigquery import lease
from warehouse.client.bigquery.sessions import Session
from warehouse.loaders import LOADERS, delivery, publish, raw_tables

lease.LEASE_SECONDS, lease.RENEW_SECONDS = 2, 0.5

def die(*args, **kwargs):
    os.kill(os.getpid(), signal.SIGKILL)

def then_die(function):
    return lambda *args, **kwargs: (function(*args, **kwargs), die())

point, folder = sys.argv[1:]
if point == "landed, not published":
    delivery.publish = die
elif point == "tables made, transaction not begun":
    publish._publish_table = die
elif point == "published, before the audit row":
    publish.record = die
elif point == "before commit":
    Session.commit = die
elif point == "after commit":
    Session.commit = then_die(Session.commit)
LOADERS["nycflights13"].load(
    load_settings(), tables=["airlines", "weather", "flights"], source_dir=Path(folder), force=True
)
"""
POINTS = ["landed, not published", "tables made, transaction not begun", "published, before the audit row",
          "before commit", "after commit"]  # fmt: skip


@pytest.fixture
def short_leases(monkeypatch):
    """Locks end soon after their holder was killed."""
    monkeypatch.setattr(lease, "LEASE_SECONDS", LEASE_SECONDS)
    monkeypatch.setattr(lease, "RENEW_SECONDS", LEASE_SECONDS / 4)


def rows(wh, table: str) -> list[tuple]:
    return content(wh, f"nycflights13__{table}", OF_A_LOAD)


def test_the_rows_of_both_engines_are_the_same(wh, bigquery_wh, sample):
    for one in (wh, bigquery_wh):
        results = LOADER.load(one.settings, source_dir=sample.path)
        assert [result.loaded_rows for result in results] == [16, 1458, 3322, 141, 1673]
        again = LOADER.load(one.settings, source_dir=sample.path)
        assert all(result.is_skipped for result in again)
    for table in LOADER.tables:
        assert rows(bigquery_wh, table) == rows(wh, table), table
        kinds = [one.column_types("raw", f"nycflights13__{table}") for one in (wh, bigquery_wh)]
        assert kinds[0] == kinds[1]
    known = [one.query("select table_name, source_rows, loaded_rows, is_reconciled, source_file_sha256 "
                       "from raw.load_audit order by table_name") for one in (wh, bigquery_wh)]  # fmt: skip
    assert known[0] == known[1] and len(known[0]) == 5


def test_a_day_is_replaced_alone_and_a_key_that_comes_twice_is_refused(bigquery_wh, sample):
    bring = lambda **options: LOADER.load(bigquery_wh.settings, source_dir=sample.path, **options)  # noqa: E731
    bring(tables=["weather"])
    made = bigquery_wh.google_client.get_table(
        f"{bigquery_wh.place.project}.{bigquery_wh.place.dataset_of('raw')}.nycflights13__weather"
    )
    assert made.time_partitioning.field == "partition_date"
    before = rows(bigquery_wh, "weather")
    sample.edit("weather.csv", lambda lines: lines.pop())
    one_day = {"start": date(2013, 3, 10), "end": date(2013, 3, 10)}
    assert [result.loaded_rows for result in bring(tables=["weather"], **one_day)] == [68]
    now = rows(bigquery_wh, "weather")
    assert len(now) == len(before) - 1
    table = quote("raw", "nycflights13__weather")
    bigquery_wh.execute(f"update {table} set time_hour = time_hour - interval '24 hours' "
                        "where partition_date = '2013-03-10'::date and hour < 5")  # fmt: skip
    with pytest.raises(LoadError, match=r"Key \(origin, time_hour\) = .* comes twice"):
        bring(tables=["weather"], start=date(2013, 3, 9), end=date(2013, 3, 9), force=True)
    assert len(rows(bigquery_wh, "weather")) == len(now)


@pytest.mark.slow
def test_every_statement_is_one_that_googles_analyzer_takes(bigquery_wh, judge, sample, monkeypatch):
    monkeypatch.setattr(load, "open_warehouse", lambda settings: nullcontext(bigquery_wh))
    with recording(bigquery_wh) as kept:
        LOADER.load(bigquery_wh.settings, source_dir=sample.path)
        LOADER.load(bigquery_wh.settings, source_dir=sample.path)
        LOADER.load(bigquery_wh.settings, source_dir=sample.path, start=date(2013, 3, 10), force=True)
    count, wrong = judged(judge, kept)
    assert wrong == [] and count > 60


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("point", POINTS)
def test_a_killed_load_loses_and_doubles_nothing(point, wh, bigquery_wh, sample, short_leases):
    LOADER.load(bigquery_wh.settings, tables=TABLES, source_dir=sample.path)
    sample.edit("flights.csv.zip", lambda lines: [line.__setitem__(15, "5") for line in lines[1::2]])
    sample.edit("weather.csv", lambda lines: lines.pop())
    command = [sys.executable, "-c", LOAD, point, str(sample.path)]
    killed = subprocess.run(
        command, env=subprocess_env(bigquery_wh.settings), capture_output=True, timeout=120
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    for _ in range(2):
        LOADER.load(bigquery_wh.settings, tables=TABLES, source_dir=sample.path)
    LOADER.load(wh.settings, tables=TABLES, source_dir=sample.path)
    for table in TABLES:
        assert rows(bigquery_wh, table) == rows(wh, table), table
    assert bigquery_wh.scalar("select count(*) from raw.load_audit where not is_reconciled") == 0


def test_a_load_job_tried_again_under_its_id_does_not_double(bigquery_wh):
    import pyarrow as pa

    bigquery_wh.ensure_schema("landing")
    bigquery_wh.load_arrow("landing", "t", pa.table({"a": [1, 2]}), "create", job_id="the_same")
    for _ in range(2):
        bigquery_wh.load_arrow("landing", "t", pa.table({"a": [1, 2]}), "append", job_id="the_same")
    assert bigquery_wh.scalar("select count(*) from landing.t") == 2
