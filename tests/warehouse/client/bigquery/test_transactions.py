"""Transactions by a session: all or nothing for rows, executed by the emulator."""

from __future__ import annotations

import pyarrow as pa
import pytest

from warehouse.client import WarehouseError, open_warehouse
from warehouse.client.bigquery import locks
from warehouse.client.googlesql import TranslationError

COUNT = "select count(*) as n from core.a"


@pytest.fixture
def wh(bigquery_wh):
    bigquery_wh.ensure_schema("core")
    bigquery_wh.execute("create table core.a (id bigint, name text)")
    return bigquery_wh


def test_changes_are_kept_together(wh):
    with wh.transaction():
        wh.execute("insert into core.a (id) values (1), (2)")
        with wh.transaction():
            assert wh.execute("delete from core.a where id = 1") == 1
        assert wh.scalar(COUNT) == 1
    assert wh.scalar(COUNT) == 1


def test_a_failure_undoes_them(wh):
    wh.execute("insert into core.a (id) values (7)")
    with pytest.raises(ZeroDivisionError), wh.transaction():
        wh.execute("insert into core.a (id) values (1)")
        wh.execute("delete from core.a where id = 7")
        1 / 0  # noqa: B018
    assert wh.query("select id from core.a") == [{"id": 7}]
    with pytest.raises(WarehouseError), wh.transaction():
        wh.execute("insert into core.a (id) values (1)")
        wh.run_googlesql("SELECT nope FROM core.a")
    assert wh.scalar(COUNT) == 1
    with wh.transaction():
        wh.execute("insert into core.a (id) values (8)")
    assert wh.scalar(COUNT) == 2


def test_reading_opens_no_session(wh):
    before = wh._engine.jobs.sent
    with wh.transaction():
        wh.scalar(COUNT)
    assert wh._engine.jobs.sent == before + 1


def test_definitions_stand_before_the_first_change(wh):
    with wh.transaction():
        wh.execute("create table core.b as select 1 as id")
        wh.execute("insert into core.a (id) values (1)")
        with pytest.raises(WarehouseError, match="before the first change"):
            wh.execute("create table core.c as select 1 as id")
        with pytest.raises(TranslationError, match=r"before the first change"):
            wh.replace_table("core", "b", "a")
    assert (wh.scalar(COUNT), wh.table_exists("core", "b"), wh.table_exists("core", "c")) == (1, True, False)
    with pytest.raises(ZeroDivisionError), wh.transaction():
        wh.execute("create table core.d as select 1 as id")
        1 / 0  # noqa: B018
    assert not wh.table_exists("core", "d")


def test_a_short_lived_table_ends_with_its_transaction(wh):
    for _ in range(2):
        with wh.transaction():
            wh.execute("create temp table changed on commit drop as select 1::bigint as id, 'x' as name")
            wh.execute("insert into core.a (id, name) select id, name from changed")
    assert wh.scalar(COUNT) == 2


def test_arrow_rows_take_part(wh):
    rows = pa.table({"id": pa.array([1, 2], pa.int16()), "name": ["x", None]})
    wh.copy_arrow("core", "a", rows)
    with pytest.raises(ZeroDivisionError), wh.transaction():
        wh.copy_arrow("core", "a", rows)
        assert wh.scalar(COUNT) == 4
        1 / 0  # noqa: B018
    assert wh.scalar(COUNT) == 2
    with wh.transaction():
        wh.copy_arrow("core", "a", rows)
    assert wh.scalar(COUNT) == 4
    assert [one["name"] for one in wh.relations() if one["schema"] == "ml_work"] == []


def test_a_table_takes_the_place_of_another(wh):
    wh.execute("insert into core.a (id) values (1)")
    wh.execute("create table core.b as select 5 as other")
    wh.replace_table("core", "b", "a")
    assert wh.column_types("core", "a") == {"other": "bigint"}
    assert wh.query("select * from core.a") == [{"other": 5}]
    assert not wh.table_exists("core", "b")
    wh.replace_table("core", "a", "new")
    assert [one["name"] for one in wh.relations()] == ["new"]


def test_a_lock_until_commit(bigquery, monkeypatch):
    monkeypatch.setattr(locks, "WAIT_SECONDS", 0.0)
    with open_warehouse(bigquery) as one, open_warehouse(bigquery) as other:
        with pytest.raises(WarehouseError, match="no transaction is open"):
            one.lock_until_commit("x")
        with one.transaction():
            one.lock_until_commit("x")
            one.lock_until_commit("x")
            with pytest.raises(WarehouseError, match="holds it"), other.transaction():
                other.lock_until_commit("x")
        with other.transaction():
            other.lock_until_commit("x")


def test_a_lock_that_comes_too_late_is_refused(bigquery, wh):
    with open_warehouse(bigquery) as other:
        with other.advisory_lock("x"):
            pass
        with wh.transaction():
            wh.execute("insert into core.a (id) values (1)")
            wh.lock_until_commit("x")
        with pytest.raises(WarehouseError, match="another held it while") as late, wh.transaction():
            wh.execute("insert into core.a (id) values (2)")
            with other.advisory_lock("x"):
                pass
            wh.lock_until_commit("x")
    assert (late.value.sqlstate, wh.scalar(COUNT)) == ("40001", 1)


def test_what_a_dead_holder_left_open_is_undone(bigquery, wh, monkeypatch):
    monkeypatch.setattr(locks, "WAIT_SECONDS", 0.0)
    died = open_warehouse(bigquery)
    transaction = died.transaction()
    transaction.__enter__()
    died.lock_until_commit("x")
    died.execute("insert into core.a (id) values (1)")
    (lease,) = died._held._leases
    lease._given_back.set()
    wh.run_googlesql("UPDATE starhouse.lock SET expires_at = TIMESTAMP_SECONDS(1) WHERE TRUE")
    if wh.place.is_emulated:  # it shows what is not committed
        assert wh.scalar(COUNT) == 1
    with wh.transaction():
        wh.lock_until_commit("x")
        assert wh.scalar(COUNT) == 0
        wh.execute("insert into core.a (id) values (2)")
    assert wh.query("select id from core.a") == [{"id": 2}]
    assert wh.run_googlesql("SELECT session FROM starhouse.lock AS l") == [{"session": None}]
