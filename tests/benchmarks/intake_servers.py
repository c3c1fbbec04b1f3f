"""The orders of the benchmarks of loads in sources that a server gives: S3, Kafka, Kinesis, MongoDB, HTTP.

Belongs here: starting the servers of the tests, and filling them. Does not belong here: rows and files
(`intake_sources`), measuring.
"""

from __future__ import annotations

import json
import os
import uuid
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.benchmarks.intake_sources import FILES, Way, as_json, chunks_of, declared
from tests.peers import servers
from tests.warehouse.loaders.intake import shop_api, shops

PAGE_ROWS = 1_000
MOST = {"s3": 10_000_000, "kafka": 1_000_000, "kinesis": 100_000, "mongodb": 100_000, "http": 1_000_000}
"""So many rows at most, where the test server itself takes longest or holds them all in memory."""


def filled_servers(stack: ExitStack, kinds: set[str], count: int, folder: Path) -> dict[str, Way]:
    """Servers of these kinds with the orders in them; they run until the stack ends. S3 takes the Parquet
    file of the folder.
    """
    os.environ.update(shops.NOBODY)
    made: dict[str, Way] = {}
    rows = {kind: min(count, most) for kind, most in MOST.items()}
    if kinds & {"s3", "kinesis"}:
        url = stack.enter_context(servers.moto())
        if "s3" in kinds:
            made["s3"] = _fill_bucket(url, folder, rows["s3"])
        if "kinesis" in kinds:
            made["kinesis"] = _fill_stream(url, rows["kinesis"])
    if "kafka" in kinds:
        made["kafka"] = _fill_topic(stack.enter_context(servers.kafka()), rows["kafka"])
    if "mongodb" in kinds:
        url = stack.enter_context(servers.mongodb(folder / "documents"))
        made["mongodb"] = _fill_documents(url, rows["mongodb"])
    if "http" in kinds:
        api = stack.enter_context(shop_api.shop_api(OrdersApi(rows["http"])))
        pages = {"kind": "page_number", "at": "page"}
        options = {"base_url": api.url, "requests_per_second": 1e6, "pages": pages}
        made["http"] = Way(declared("http", "orders", **options), "canary", rows["http"])
    return made


class OrdersApi(shop_api.ShopApi):
    """Pages of the orders, their text made beforehand."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self._pages = [
            json.dumps(rows[first : first + PAGE_ROWS])
            for rows in map(as_json, chunks_of(count))
            for first in range(0, len(rows), PAGE_ROWS)
        ]

    def text(self, path: str, given: dict[str, str]) -> tuple[bytes, dict[str, str]]:
        at = int(given["page"])
        return (self._pages[at - 1] if at <= len(self._pages) else "[]").encode(), {}


def _client(service: str, url: str) -> Any:
    import boto3

    return boto3.client(service, region_name="us-east-1", endpoint_url=url)


def _fill_bucket(url: str, folder: Path, count: int) -> Way:
    files, name, host = _client("s3", url), FILES["parquet"], url.partition("//")[2]
    files.create_bucket(Bucket="lake")
    files.upload_file(str(folder / name), "lake", name)
    address = f"s3://lake?scheme=http&endpoint_override={host}&region=us-east-1"
    return Way(declared("s3", name), address, count)


def _fill_stream(url: str, count: int) -> Way:
    streams, stream = _client("kinesis", url), f"orders-{uuid.uuid4().hex[:8]}"
    streams.create_stream(StreamName=stream, ShardCount=2)
    streams.get_waiter("stream_exists").wait(StreamName=stream, WaiterConfig={"Delay": 1})
    for rows in map(as_json, chunks_of(count)):
        for first in range(0, len(rows), 500):
            records = [
                {"Data": json.dumps(row).encode(), "PartitionKey": str(row["order_id"])}
                for row in rows[first : first + 500]
            ]
            streams.put_records(StreamName=stream, Records=records)
    return Way(declared("kinesis", stream), f"kinesis://us-east-1?endpoint_url={url}", count)


def _fill_topic(broker: str, count: int) -> Way:
    from confluent_kafka import Producer
    from confluent_kafka.admin import AdminClient, NewTopic

    settings, topic = {"bootstrap.servers": broker, "log_level": 0}, f"orders-{uuid.uuid4().hex[:8]}"
    admin = AdminClient(settings)
    admin.create_topics([NewTopic(topic, 2, 1)])[topic].result(10)
    producer = Producer(settings)
    for rows in map(as_json, chunks_of(count)):
        for number, row in enumerate(rows):
            producer.produce(topic, json.dumps(row).encode(), partition=number % 2)
            if number % 10_000 == 0:
                producer.flush(60)
    if producer.flush(60):
        raise SystemExit("the broker did not take every message")
    return Way(declared("kafka", topic), broker, count)


def _fill_documents(url: str, count: int) -> Way:
    from pymongo import MongoClient

    with MongoClient(url) as client:
        for chunk in chunks_of(count):
            client.shop.orders.insert_many({"_id": row.pop("order_id"), **row} for row in chunk.to_pylist())
    source = declared("mongodb", "orders", table={"paths": {"order_id": "_id"}})
    return Way(source, f"{url}/shop", count)
