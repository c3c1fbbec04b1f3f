"""Queries, transactions, locks and Arrow on a real database."""

from __future__ import annotations

import threading
import time
from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import psycopg2
import pyarrow as pa
import pytest

from warehouse.client import WarehouseError, connection_urls, open_warehouse

INSTANT = datetime(2013, 3, 10, 7, 30, tzinfo=UTC)


def all_types() -> pa.Table:
    return pa.table({
        "a bigint": pa.array([1, None, -(2**62)], pa.int64()),
        "number": pa.array([0.1, None, float("nan")], pa.float64()),
        "text": pa.array(['quote " comma , line\nend', "", None], pa.string()),
        "flag": pa.array([True, False, None], pa.bool_()),
        "day": pa.array([date(2013, 1, 1), None, date(1, 1, 1)], pa.date32()),
        "instant": pa.array([INSTANT, None, INSTANT], pa.timestamp("us", tz="UTC")),
        "bytes": pa.array([b"\x00\xff\\", b"", None], pa.binary()),
    })  # fmt: skip


CREATE = """
    create table public.sample ("a bigint" bigint, number double precision, text text, flag boolean, day date,
                                instant timestamptz, bytes bytea)
"""


def test_query_scalar_execute(wh):
    assert wh.execute("create table t as select generate_series(1, 3) as n") == 3
    assert wh.query("select n, n * 2 as double from t where n > %(least)s order by n", {"least": 1}) == [
        {"n": 2, "double": 4}, {"n": 3, "double": 6},
    ]  # fmt: skip
    assert wh.scalar("select count(*) from t where n = any(%s)", ([1, 2],)) == 2
    assert wh.scalar("select n from t where false") is None
    assert wh.query("create table u ()") == []
    assert wh.execute("update t set n = 0 where n > 1") == 2
    assert wh.scalar("select '100%'") == "100%", "without parameters a % is a %"


def test_values_are_bound_never_pasted(wh):
    hostile = "'; drop table t; --"
    wh.execute("create table t (v text)")
    wh.execute("insert into t values (%(v)s)", {"v": hostile})
    assert wh.scalar("select v from t") == hostile


def test_numpy_values_are_accepted(wh):
    row = wh.query("select %(f)s as f, %(i)s as i, %(b)s as b",
                   {"f": np.float64(0.1), "i": np.int64(7), "b": np.bool_(True)})[0]  # fmt: skip
    assert row == {"f": Decimal("0.1"), "i": 7, "b": True}


def test_the_session_is_in_utc(wh):
    assert wh.scalar("show timezone") == "UTC"
    assert wh.scalar("select timestamptz '2013-07-01 12:00-04'").isoformat() == "2013-07-01T16:00:00+00:00"
    assert wh.scalar("show client_connection_check_interval") == "1s"


def test_errors_carry_code_and_constraint(wh):
    wh.execute("create table t (n int constraint positive check (n > 0))")
    with pytest.raises(WarehouseError) as caught:
        wh.execute("insert into t values (-1)")
    assert (caught.value.sqlstate, caught.value.constraint) == ("23514", "positive")
    with pytest.raises(WarehouseError, match="nowhere") as caught:
        wh.query("select * from nowhere")
    assert caught.value.sqlstate == "42P01"
    assert wh.scalar("select 1") == 1, "a failed statement outside a transaction leaves nothing behind"


def test_a_transaction_is_all_or_nothing(wh):
    wh.execute("create table t (n int)")
    with pytest.raises(ZeroDivisionError), wh.transaction():
        wh.execute("insert into t values (1)")
        raise ZeroDivisionError
    assert wh.scalar("select count(*) from t") == 0
    with wh.transaction():
        wh.execute("insert into t values (1)")
        with wh.transaction():
            wh.execute("insert into t values (2)")
        with open_warehouse(wh.settings) as other:
            assert other.scalar("select count(*) from t") == 0, "an inner one must not commit the outer one"
    assert wh.scalar("select count(*) from t") == 2


def test_an_inner_failure_undoes_the_outer_transaction(wh):
    wh.execute("create table t (n int)")
    with pytest.raises(ZeroDivisionError), wh.transaction():
        wh.execute("insert into t values (1)")
        with wh.transaction():
            raise ZeroDivisionError
    assert wh.scalar("select count(*) from t") == 0


def test_a_deferred_constraint_fails_the_commit(wh):
    wh.execute("create table t (n int unique deferrable initially deferred)")
    with pytest.raises(WarehouseError, match="Commit failed") as caught, wh.transaction():
        wh.execute("insert into t values (1), (1)")
    assert caught.value.sqlstate == "23505"
    assert wh.scalar("select count(*) from t") == 0


def test_arrow_by_adbc_there_and_back(wh):
    data = all_types()
    wh.load_arrow("public", "sample", data, mode="create")
    back = wh.fetch_arrow("select * from public.sample")
    assert back.schema.names == data.schema.names
    assert repr(back.to_pydict()) == repr(data.to_pydict())
    assert wh.bytes_out == back.nbytes > 0
    wh.load_arrow("public", "sample", data)
    assert wh.scalar("select count(*) from public.sample") == 6
    wh.load_arrow("public", "sample", data.slice(0, 1), mode="replace")
    assert wh.scalar("select count(*) from public.sample") == 1


def test_copy_arrow_there_and_back(wh):
    wh.execute(CREATE)
    data = all_types()
    wh.copy_arrow("public", "sample", data.select(list(reversed(data.column_names))))
    assert repr(wh.fetch_arrow("select * from public.sample").to_pydict()) == repr(data.to_pydict())


def test_copy_arrow_belongs_to_the_transaction(wh):
    wh.execute(CREATE)
    with pytest.raises(ZeroDivisionError), wh.transaction():
        wh.copy_arrow("public", "sample", all_types())
        assert wh.scalar("select count(*) from public.sample") == 3
        raise ZeroDivisionError
    assert wh.scalar("select count(*) from public.sample") == 0


def test_copy_arrow_of_dictionaries_and_decimals(wh):
    wh.execute("create table t (kind text, amount numeric)")
    kinds = pa.array(["a", None, "a"]).dictionary_encode()
    wh.copy_arrow(
        "public", "t", pa.table({"kind": kinds, "amount": pa.array([Decimal("1.50"), None, Decimal("2.25")])})
    )
    assert wh.scalar("select sum(amount) from t where kind = 'a'") == Decimal("3.75")
    with pytest.raises(WarehouseError, match="'kind' is list"):
        wh.copy_arrow("public", "t", pa.table({"kind": pa.array([["a"]])}))


def test_a_failed_load_changes_nothing(wh):
    wh.execute("create table t (n bigint not null)")
    wh.execute("insert into t values (7)")
    bad = pa.table({"n": pa.array([1, None], pa.int64())})
    for write in (wh.load_arrow, wh.copy_arrow):
        with pytest.raises(WarehouseError, match="not-null|null value"):
            write("public", "t", bad)
    with pytest.raises(WarehouseError, match="mode 'merge' is unknown. Allowed: append, replace, create"):
        wh.load_arrow("public", "t", bad, mode="merge")
    assert wh.query("select n from t") == [{"n": 7}]


def test_streaming_counts_what_left_and_leaves_no_session(wh):
    with wh.stream_arrow("select n::double precision as n from generate_series(1, 300000) n") as reader:
        rows = sum(batch.num_rows for batch in reader)
    assert rows == 300_000
    assert wh.bytes_out >= 300_000 * 8
    with pytest.raises(WarehouseError, match="nowhere"):
        wh.fetch_arrow("select * from nowhere")
    with pytest.raises(WarehouseError, match="division by zero"):
        wh.fetch_arrow("select 1 / (n - 200000) as n from generate_series(1, 300000) n")
    assert wh.fetch_arrow("select 1::bigint as n where false").num_rows == 0
    sessions = (
        "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
    )
    # A closed connection's backend ends a moment later.
    deadline = time.monotonic() + 30
    while wh.scalar(sessions) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert wh.scalar(sessions) == 0


def test_table_exists(wh):
    wh.execute("create view v as select 1 as n")
    assert wh.table_exists("public", "v")
    assert not wh.table_exists("public", "w")
    assert not wh.table_exists("nowhere", "v")


def test_an_advisory_lock_is_held_by_one(wh, settings):
    wh.execute(f"alter database {wh.settings.database} set lock_timeout = '300ms'")
    seen = []
    with open_warehouse(wh.settings) as other:
        with wh.advisory_lock("build"):
            words = r"Lock 'build' failed: session \d+ \(starhouse, since .* UTC\)"
            with pytest.raises(WarehouseError, match=words) as caught, other.advisory_lock("build"):
                seen.append("never")
            assert caught.value.sqlstate == "55P03"
            with other.advisory_lock("another"):
                seen.append("another name")
        with other.advisory_lock("build"):
            seen.append("after")
    assert seen == ["another name", "after"]


def test_an_advisory_lock_survives_a_failed_transaction(wh):
    with pytest.raises(WarehouseError, match="division"), wh.advisory_lock("build"), wh.transaction():
        wh.execute("select 1 / 0")
    with wh.advisory_lock("build"):
        assert wh.scalar("select 1") == 1


def test_threads_wait_for_a_lock(wh):
    wh.execute("create table t (n int); insert into t values (0)")

    def add() -> None:
        with open_warehouse(wh.settings) as own, own.advisory_lock("counter"):
            own.execute("update t set n = %s", (own.scalar("select n from t") + 1,))

    threads = [threading.Thread(target=add) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wh.scalar("select n from t") == 6


def test_a_lost_connection_is_opened_anew_but_never_in_a_transaction(wh):
    kill = "select pg_terminate_backend(pid) from pg_stat_activity"
    kill += " where datname = %s and pid <> pg_backend_pid()"
    with open_warehouse(wh.settings) as other:
        other.query(kill, (wh.settings.database,))
        with pytest.raises(WarehouseError):
            wh.query("select 1")
        assert wh.scalar("select 1") == 1
        wh.execute("create table t (n int)")
        with pytest.raises(WarehouseError), wh.transaction():
            wh.execute("insert into t values (1)")
            other.query(kill, (wh.settings.database,))
            wh.execute("insert into t values (2)")
        assert wh.scalar("select count(*) from t") == 0


def test_a_closed_warehouse_says_so(wh):
    wh.close()
    wh.close()
    with pytest.raises(WarehouseError, match="closed"):
        wh.query("select 1")


def test_every_library_gets_a_url_that_works(wh):
    import sqlalchemy
    from adbc_driver_postgresql import dbapi

    urls = connection_urls(wh.settings)
    assert urls.sqlalchemy.startswith("postgresql+psycopg2://")
    assert psycopg2.connect(urls.libpq).info.dbname == wh.settings.database
    assert psycopg2.connect(urls.dlt).info.dbname == wh.settings.database
    with sqlalchemy.create_engine(urls.sqlalchemy).connect() as connection:
        assert connection.scalar(sqlalchemy.text("select current_database()")) == wh.settings.database
    with dbapi.connect(urls.adbc) as connection, connection.cursor() as cursor:
        cursor.execute("select current_database()")
        assert cursor.fetchone() == (wh.settings.database,)
    assert wh.settings.database not in repr(urls), "the URLs may hold a password"
