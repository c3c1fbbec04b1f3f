"""The warehouse on BigQuery's interface, executed by the emulator: rows, Arrow, the catalogue, errors."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pyarrow as pa
import pytest

from warehouse.client import WarehouseError, open_warehouse

NEW_YEAR = dt.datetime(2024, 1, 1, 5, 30, tzinfo=dt.UTC)
ROWS = pa.table(
    {
        "id": pa.array([1, 2, 3], pa.int32()),
        "name": pa.array(["é", None, "o'k\n"]).dictionary_encode(),
        "at": pa.array([NEW_YEAR, None, NEW_YEAR], pa.timestamp("ns", "UTC")),
        "day": pa.array([dt.date(2024, 1, 1), None, dt.date(1970, 1, 1)]),
        "amount": pa.array([Decimal("1.25"), None, Decimal("-3.50")], pa.decimal128(10, 2)),
        "share": pa.array([0.1, None, float("inf")]),
        "is_new": pa.array([True, None, False]),
        "raw": pa.array([b"\x00\xff", None, b""]),
    }
)


@pytest.fixture
def wh(bigquery_wh):
    bigquery_wh.ensure_schema("core")
    bigquery_wh.load_arrow("core", "a", ROWS, "create")
    return bigquery_wh


def test_rows_come_with_the_types_that_postgres_driver_gives(wh):
    found = wh.query("select * from core.a where id = %(id)s", {"id": 1})
    assert found == [
        {"id": 1, "name": "é", "at": NEW_YEAR, "day": dt.date(2024, 1, 1), "amount": Decimal("1.25"),
         "share": 0.1, "is_new": True, "raw": b"\x00\xff"}
    ]  # fmt: skip
    assert found[0]["at"].utcoffset() == dt.timedelta(0)
    assert set(wh.query("select * from core.a where id = 2")[0].values()) == {2, None}
    assert wh.scalar("select count(*) as n from core.a where share = %s", (float("inf"),)) == 1
    assert wh.scalar("select id from core.a where id > 9") is None


def test_arrow_goes_out_as_it_came_in(wh):
    found = wh.fetch_arrow("select * from core.a order by id")
    assert found.column_names == ROWS.column_names
    for name in ROWS.column_names:
        assert found[name].to_pylist() == ROWS[name].to_pylist()
    assert wh.bytes_out == found.nbytes
    none = wh.fetch_arrow("select id, share, array[id] as ids from core.a where id > 9")
    assert (none.num_rows, [str(one.type) for one in none.schema]) == (
        0, ["int64", "double", "list<item: int64>"],
    )  # fmt: skip
    lists = wh.fetch_arrow("select array[id, 9007199254740993] as ids from core.a where id = 1")
    assert lists["ids"].to_pylist() == [[1, 9007199254740993]]


def test_modes_of_loading(wh):
    wh.load_arrow("core", "a", ROWS.select(["name", "id"]))
    assert wh.query("select count(*) as n, count(at) as dated from core.a") == [{"n": 6, "dated": 2}]
    wh.load_arrow("core", "a", ROWS.select(["id"]), "replace")
    assert wh.column_types("core", "a") == {"id": "bigint"}
    reader = pa.RecordBatchReader.from_batches(ROWS.schema, ROWS.to_batches(max_chunksize=2))
    wh.load_arrow("core", "b", reader, "replace")
    assert wh.scalar("select count(*) as n from core.b") == 3
    for mode, table, said in [("create", "a", "exists already"), ("append", "c", "does not exist"),
                              ("upsert", "a", "mode 'upsert'")]:  # fmt: skip
        with pytest.raises(WarehouseError, match=said):
            wh.load_arrow("core", table, ROWS, mode)
    with pytest.raises(WarehouseError, match=r"no columns \['name'.*Allowed: id"):
        wh.load_arrow("core", "a", ROWS)
    with pytest.raises(WarehouseError, match="column 's' is struct"):
        wh.load_arrow("core", "a", pa.table({"s": [{"x": 1}]}), "replace")
    assert wh.scalar("select count(*) as n from core.a") == 3


def test_rows_that_a_statement_touched(wh):
    assert wh.execute("create table core.b (id bigint)") == -1
    assert wh.execute("insert into core.b (id) values (1), (2), (3)") == 3
    assert wh.execute("delete from core.b where id > %(least)s", {"least": 1}) == 2


def test_the_catalogue_speaks_of_schemas_and_postgres_types(wh):
    assert (wh.schema_exists("core"), wh.schema_exists("nope")) == (True, False)
    assert (wh.table_exists("core", "a"), wh.table_exists("core", "b"), wh.table_exists("nope", "a")) == (
        True, False, False,
    )  # fmt: skip
    assert wh.column_types("core", "a") == {
        "id": "bigint", "name": "text", "at": "timestamp with time zone", "day": "date", "amount": "numeric",
        "share": "double precision", "is_new": "boolean", "raw": "bytea",
    }  # fmt: skip
    assert wh.column_types("core", "nope") == {}
    wh.describe("One row per a", "core", "a")
    wh.describe("The star", "core")
    assert (wh.description("core", "a"), wh.description("core"), wh.description("core", "b")) == (
        "One row per a", "The star", None,
    )  # fmt: skip
    assert [(one["schema"], one["name"], one["kind"], one["rows"]) for one in wh.relations()] == [
        ("core", "a", "table", 3)
    ]


def test_prefixes_keep_houses_apart(wh, bigquery):
    from dataclasses import replace

    with open_warehouse(replace(bigquery, database=f"{bigquery.database}_x")) as other:
        assert not other.schema_exists("core")
        other.ensure_schema("core")
        other.load_arrow("core", "a", ROWS.slice(0, 1), "create")
        assert [other.scalar("select count(*) as n from core.a"), len(other.relations())] == [1, 1]
    assert wh.scalar("select count(*) as n from core.a") == 3


def test_large_values_travel_beside_the_statement(wh):
    text = "x'\n" * 500_000
    assert wh.query("select %(text)s as t, 1 as one", {"text": text}) == [{"t": text, "one": 1}]


def test_errors_say_what_failed_and_never_come_from_google(wh):
    with pytest.raises(WarehouseError, match="core.nope is not known"):
        wh.query("select * from core.nope")
    with pytest.raises(WarehouseError, match="Query on BigQuery failed .*dataset t_"):
        wh.run_googlesql("SELECT * FROM core.nope")
    wh.close()
    wh.close()
    with pytest.raises(WarehouseError, match="session is closed"):
        wh.query("select 1 as one")


def test_nobody_at_the_endpoint(emulated, monkeypatch):
    from dataclasses import replace

    from warehouse.client.bigquery import jobs
    from warehouse.client.settings import Secret

    monkeypatch.setattr(jobs, "EMULATOR_RETRY_SECONDS", 0.1)
    nobody = replace(emulated, warehouse_url=Secret("bigquery://test-project/x?endpoint=http://127.0.0.1:9"))
    with (
        open_warehouse(nobody) as closed,
        pytest.raises(WarehouseError, match="on BigQuery failed") as failed,
    ):
        closed.query("select 1 as one")
    assert failed.value.sqlstate == "08006"
