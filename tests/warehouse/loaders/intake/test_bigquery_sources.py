"""Sources of every kind loaded into both engines: the same rows, accounts, quarantine and positions."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.warehouse.loaders.intake import shop_api, shops
from tests.warehouse.loaders.intake.two_engines import TwoEngines
from warehouse.client import connection_urls, open_warehouse
from warehouse.loaders.intake.loader import DeclaredLoader

OF_ITS_LOAD = ("known_at", "event_at")
"""Of a snapshot, which is known from its load."""


def loaded_twice(wh, bigquery_wh, monkeypatch, shop, without=OF_ITS_LOAD) -> None:
    """What was added before each of two loads is the same in both, and a third load brings nothing."""
    for name, value in shop.environment.items():
        monkeypatch.setenv(name, value)
    both, loader = TwoEngines(wh, bigquery_wh), DeclaredLoader(shop.source)
    for _ in range(2):
        shop.add()
        for one in both.each:
            loader.load(one.settings)
    assert both.is_same("shop__orders", without=without)
    count = "select count(distinct order_id) as keys, count(*) as rows from raw.shop__orders"
    for one in both.each:
        found = one.query(count)[0]
        assert found["rows"] == len(shop.versions) and found["keys"] == len({key for key, _ in shop.versions})
        assert [(account.loaded, account.deleted) for account in loader.load(one.settings)] == [(0, 0)]


class Csv(shops.Files):
    details = {"read": "*.csv"}

    def put(self, rows):
        lines = ["order_id,customer", *(f"{row['order_id']},{row.get('customer', '')}" for row in rows)]
        (self.folder / f"{self.held:05d}.csv").write_text("\n".join(lines) + "\n")


class Parquet(shops.Files):
    details = {"read": "*.parquet"}

    def put(self, rows):
        texts = [{"order_id": str(row["order_id"]), "customer": row.get("customer")} for row in rows]
        pq.write_table(pa.Table.from_pylist(texts), self.folder / f"{self.held:05d}.parquet")


@pytest.mark.slow
@pytest.mark.parametrize("kind", [Csv, shops.Files, Parquet])
def test_files(wh, bigquery_wh, monkeypatch, tmp_path, kind):
    loaded_twice(wh, bigquery_wh, monkeypatch, kind(tmp_path))


@pytest.mark.slow
def test_a_database(wh, bigquery_wh, monkeypatch, fresh_database):
    origin = fresh_database()
    with open_warehouse(origin) as opened:
        shop = shops.Postgres(opened, connection_urls(origin).libpq)
        loaded_twice(wh, bigquery_wh, monkeypatch, shop)


@pytest.mark.slow
def test_documents(wh, bigquery_wh, monkeypatch, mongodb_url):
    loaded_twice(wh, bigquery_wh, monkeypatch, shops.MongoDb(mongodb_url))


@pytest.mark.slow
def test_an_http_api(wh, bigquery_wh, monkeypatch):
    with shop_api.shop_api() as api:
        loaded_twice(wh, bigquery_wh, monkeypatch, shops.Http(api))


@pytest.mark.slow
def test_objects(wh, bigquery_wh, monkeypatch, aws, moto_url):
    loaded_twice(wh, bigquery_wh, monkeypatch, shops.S3(aws("s3"), moto_url))


@pytest.mark.slow
def test_a_broker(wh, bigquery_wh, monkeypatch, broker):
    loaded_twice(wh, bigquery_wh, monkeypatch, shops.Kafka(broker), without=())


@pytest.mark.slow
def test_a_stream(wh, bigquery_wh, monkeypatch, aws, moto_url):
    loaded_twice(wh, bigquery_wh, monkeypatch, shops.Kinesis(aws("kinesis"), moto_url), without=())
