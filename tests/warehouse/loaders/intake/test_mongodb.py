"""Collections over MongoDB's own protocol: documents without loss, arrays as child tables, cursors,
deletions.
"""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from decimal import Decimal

import pytest

from tests.warehouse.loaders.intake.declaring import columns, orders
from tests.warehouse.loaders.intake.loading import counts, load
from warehouse.loaders.declaration import LoadError
from warehouse.loaders.intake import bookkeeping, quarantine

DECLARED = columns(
    "order_id text, customer text, city text, total numeric(10,2), paid_at timestamptz, tags jsonb, "
    "document jsonb"
)
ORDERS = orders(
    columns=DECLARED, key=("order_id",),
    options={"paths": {"order_id": "_id", "city": "address.city", "total": "paid.total"}},
)  # fmt: skip
ITEMS = replace(
    ORDERS, name="items", columns=columns("order_id text, item_no bigint, sku text, price numeric(10,2)"),
    key=("order_id", "item_no"),
    options={"unnest": ["items"], "paths": {"order_id": "_id", "item_no": "@index"}},
)  # fmt: skip


@pytest.fixture
def shop(mongodb_url):
    """A database, and its address."""
    from pymongo import MongoClient

    with MongoClient(mongodb_url) as client:
        client.drop_database("shop")
        yield client.shop, f"{mongodb_url}/shop"


def documents():
    from bson import Decimal128, Int64, ObjectId

    ada = {
        "_id": ObjectId("50e22700aaaaaaaaaaaaaaaa"), "customer": "ada", "address": {"city": "York"},
        "paid": {"total": Decimal128("19.50")}, "paid_at": dt.datetime(2013, 1, 1, 8, tzinfo=dt.UTC),
        "tags": ["a", {"b": None}], "big": Int64(2**60), "small": 1, "real": 1.0, "nan": float("nan"),
        "items": [{"sku": "x", "price": Decimal128("9.50")}, {"sku": "y", "price": 10}],
    }  # fmt: skip
    bob = {
        "_id": ObjectId("50e22701aaaaaaaaaaaaaaaa"),
        "customer": "bob",
        "items": [{"sku": "z"}],
        "tags": "t",
    }
    return [ada, bob, {"_id": ObjectId("50e22702aaaaaaaaaaaaaaaa"), "customer": None}]


def test_declared_values_arrive_and_the_document_loses_nothing(wh, shop):
    from bson.json_util import CANONICAL_JSON_OPTIONS, dumps, loads

    database, address = shop
    database.orders.insert_many(documents())
    assert counts(load(wh, "mongodb", ORDERS, address)) == (3, 3, 0, 0)
    rows = wh.query("select *, document::text as whole from raw.shop__orders order by order_id")
    assert rows[0]["order_id"] == "50e22700aaaaaaaaaaaaaaaa" and rows[0]["city"] == "York"
    assert rows[0]["total"] == Decimal("19.50") and rows[0]["tags"] == ["a", {"b": None}]
    assert rows[0]["paid_at"] == dt.datetime(2013, 1, 1, 8, tzinfo=dt.UTC)
    assert (rows[1]["city"], rows[1]["total"], rows[1]["tags"]) == (None, None, "t")
    options = CANONICAL_JSON_OPTIONS.with_options(tz_aware=True)
    kept = [loads(row["whole"], json_options=options) for row in rows]
    typed = lambda found: dumps(found, json_options=CANONICAL_JSON_OPTIONS, sort_keys=True)  # noqa: E731
    assert typed(kept) == typed(documents()), "BSON's types are told apart too"
    assert counts(load(wh, "mongodb", ORDERS, address)) == (3, 0, 3, 0)


def test_the_document_model_and_the_relational_model_hold_the_same_rows(wh, shop):
    database, address = shop
    database.orders.insert_many(documents())
    load(wh, "mongodb", ORDERS, address)
    assert counts(load(wh, "mongodb", ITEMS, address)) == (3, 3, 0, 0)
    relational = "select order_id, item_no, sku, price from raw.shop__items order by 1, 2"
    nested = (
        "select document #>> '{_id,$oid}' as order_id, n - 1 as item_no, item ->> 'sku' as sku, coalesce("
        "item #>> '{price,$numberDecimal}', item #>> '{price,$numberInt}')::numeric(10,2) as price from "
        "raw.shop__orders, jsonb_array_elements(document -> 'items') with ordinality as i (item, n) "
        "order by 1, 2"
    )
    assert wh.query(relational) == wh.query(nested) and len(wh.query(nested)) == 3


def test_elements_and_documents_that_are_gone_are_deleted(wh, shop):
    database, address = shop
    database.orders.insert_many(documents())
    table = replace(ITEMS, deletes=True)
    load(wh, "mongodb", table, address)
    database.orders.update_one({"customer": "ada"}, {"$pop": {"items": 1}})
    database.orders.delete_one({"customer": "bob"})
    assert load(wh, "mongodb", table, address).deleted == 2


def test_arrays_within_arrays_become_rows(wh, shop):
    database, address = shop
    lines = [{"sku": "x", "taxes": [{"rate": 5}, {"rate": 7}]}, {"sku": "y"}, {"sku": "z", "taxes": []}]
    database.orders.insert_many([{"_id": 1, "items": lines}, {"_id": 2, "items": "none"}, {"_id": 3}])
    table = replace(
        ITEMS, columns=columns("order_id bigint, item_no bigint, tax_no bigint, sku text, rate bigint"),
        key=("order_id", "item_no", "tax_no"),
        options={"unnest": ["items", "taxes"],
                 "paths": {"order_id": "_id", "item_no": "@1index", "tax_no": "@index", "sku": "@1.sku"}},
    )  # fmt: skip
    assert counts(load(wh, "mongodb", table, address)) == (3, 2, 0, 1)
    found = wh.query("select sku, tax_no, rate, source_position from raw.shop__items order by tax_no")
    assert [tuple(row.values()) for row in found] == [
        ("x", 0, 5, "orders: _id 1.items[0].taxes[0]"), ("x", 1, 7, "orders: _id 1.items[0].taxes[1]"),
    ]  # fmt: skip
    assert "items is str, not an array" in quarantine.held(wh)[0].reason


def test_by_cursor_only_what_is_new_is_read_and_nothing_is_passed_over(wh, shop):
    database, address = shop
    day = dt.datetime(2013, 1, 1, tzinfo=dt.UTC)
    declared = columns("order_id bigint, customer text, updated_at timestamptz")
    table = orders(
        columns=declared, cursor="updated_at", options={"paths": {"order_id": "_id"}, "batch_rows": 7}
    )
    rows = [{"_id": n, "customer": "c", "updated_at": day + dt.timedelta(hours=n)} for n in range(40)]
    database.orders.insert_many([*rows, {"_id": 90, "updated_at": "soon"}])
    assert counts(load(wh, "mongodb", table, address)) == (41, 40, 0, 1)
    milliseconds = int(rows[-1]["updated_at"].timestamp() * 1000)
    position = json.loads(bookkeeping.positions(wh, "shop__orders")[""])
    assert position == {"$date": {"$numberLong": str(milliseconds)}}
    database.orders.update_one(
        {"_id": 3}, {"$set": {"customer": "new", "updated_at": day.replace(year=2014)}}
    )
    database.orders.insert_one({"_id": 91, "customer": "no instant"})
    assert counts(load(wh, "mongodb", table, address)) == (4, 2, 1, 1)


def test_values_that_do_not_fit_are_held_and_new_fields_are_told(wh, shop):
    from bson import Binary

    database, address = shop
    table = orders(columns=columns("_id bigint, customer text, paid_at timestamptz"), key=("_id",))
    database.orders.insert_many([
        {"_id": 1, "customer": "ada", "colour": "red"}, {"_id": "two"},
        {"_id": 3, "customer": Binary(b"x", 5)},
        {"_id": 4, "customer": "nul\0"}, {"_id": 5, "paid_at": "2013-01-01"},
    ])  # fmt: skip
    account = load(wh, "mongodb", table, address)
    assert counts(account) == (5, 1, 0, 4)
    assert ("colour", "added") in [(v.subject, v.finding) for v in account.verdicts]
    assert {row.source_position for row in quarantine.held(wh)} == {
        f"orders: _id {name}" for name in ("two", 3, 4, 5)
    }


def test_what_cannot_be_read_is_named_without_the_password(wh, shop):
    database, address = shop
    with pytest.raises(LoadError, match=r"no such collection.*shop.nowhere"):
        load(wh, "mongodb", replace(ORDERS, read="nowhere"), address)
    gone = "mongodb://me:canary@127.0.0.1:9/shop"
    with pytest.raises(LoadError, match="server of documents") as fault:
        load(wh, "mongodb", ORDERS, gone, timeout_s=0.2)
    assert "canary" not in str(fault.value)
