"""The same orders in every kind of source, for the benchmarks of loads.

Belongs here: making rows and filling sources with them. Does not belong here: measuring.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.warehouse.loaders.intake import shops
from tests.warehouse.loaders.intake.declaring import columns, orders
from warehouse.loaders.intake.declared import DeclaredSource

if TYPE_CHECKING:
    import pyarrow as pa

COLUMNS = (
    "order_id bigint, customer text, city text, amount double precision, quantity bigint, is_paid boolean, "
    "paid_at timestamptz, note text"
)
FEW = 20_000
"""So many rows at most where the test server, not the load, is what takes long."""
PAGE_ROWS = 1_000


def rows_of(count: int) -> pa.Table:
    """Orders of eight columns, about 100 bytes each as CSV."""
    import numpy as np
    import pyarrow as pa

    number = np.arange(count)
    chance = np.random.default_rng(2013)
    instant = np.datetime64("2013-01-01T00:00:00", "us") + number.astype("timedelta64[s]")
    return pa.table({
        "order_id": number,
        "customer": [f"customer {n}" for n in chance.integers(0, 10_000, count)],
        "city": np.array(["York", "Ulm", "Ghent", "Évora"])[chance.integers(0, 4, count)].tolist(),
        "amount": chance.normal(100, 30, count),
        "quantity": chance.integers(1, 20, count),
        "is_paid": chance.random(count) < 0.9,
        "paid_at": pa.array(instant).cast(pa.timestamp("us", "UTC")),
        "note": [f"left at the door of number {n}" for n in chance.integers(0, 500, count)],
    })  # fmt: skip


def as_json(rows: pa.Table) -> list[dict[str, Any]]:
    return [{**row, "paid_at": row["paid_at"].isoformat()} for row in rows.to_pylist()]


def declared(kind: str, read: str, history: str = "events", **options: Any) -> DeclaredSource:
    """The source and its one table; `options` are the source's."""
    mine = options.pop("table", {})
    table = orders(columns=columns(COLUMNS), read=read, history=history, options=mine)
    return DeclaredSource("shop", kind, "SHOP_URL", (table,), options)


@contextmanager
def filled(rows: pa.Table, folder: Path, database: Any, address: str) -> Iterator[dict[str, tuple]]:
    """By name of a way to load: (declared source, its address, rows in it). `database`: an open one, whose
    address is given, for the source of kind postgres.
    """
    import pyarrow.csv as csv
    import pyarrow.parquet as parquet

    few = rows.slice(0, FEW)
    parquet.write_table(rows, folder / "orders.parquet")
    csv.write_csv(rows, folder / "orders.csv")
    (folder / "orders.jsonl").write_text("".join(json.dumps(row) + "\n" for row in as_json(rows)))
    made = {
        form: (declared("files", f"orders.{form}"), folder.as_uri(), rows.num_rows)
        for form in ("parquet", "csv", "jsonl")
    }
    database.execute("drop table if exists orders")
    database.execute(f"create table orders ({COLUMNS})")
    database.copy_arrow("public", "orders", rows)
    made["postgres"] = (declared("postgres", "orders"), address, rows.num_rows)
    with ExitStack() as stack:
        made |= _served(stack, rows, few, folder)
        yield made


def _served(stack: ExitStack, rows: pa.Table, few: pa.Table, folder: Path) -> dict[str, tuple]:
    """The sources that need a server; it runs until the stack ends."""
    from tests.peers import servers
    from tests.warehouse.loaders.intake import shop_api

    os.environ.update(shops.NOBODY)
    moto, broker = stack.enter_context(servers.moto()), stack.enter_context(servers.kafka())
    documents = stack.enter_context(servers.mongodb(folder / "documents"))
    stream, topic = f"orders-{uuid.uuid4().hex[:8]}", f"orders-{uuid.uuid4().hex[:8]}"
    shop_api.PAGE_ROWS = PAGE_ROWS
    api = stack.enter_context(shop_api.shop_api())
    api.orders = as_json(few)
    _fill_moto(moto, folder, stream, as_json(few))
    _fill_topic(broker, topic, as_json(rows))
    _fill_documents(documents, few)
    host = moto.partition("//")[2]
    pages = {"kind": "page_number", "at": "page"}
    return {
        "s3": (declared("s3", "orders.parquet"),
               f"s3://lake?scheme=http&endpoint_override={host}&region=us-east-1", rows.num_rows),
        "kafka": (declared("kafka", topic), broker, rows.num_rows),
        "kinesis": (declared("kinesis", stream), f"kinesis://us-east-1?endpoint_url={moto}", few.num_rows),
        "mongodb": (declared("mongodb", "orders", table={"paths": {"order_id": "_id"}}),
                    f"{documents}/shop", few.num_rows),
        "http": (declared("http", "orders", base_url=api.url, requests_per_second=1e6, pages=pages),
                 "canary", few.num_rows),
    }  # fmt: skip


def _fill_moto(url: str, folder: Path, stream: str, rows: list[dict[str, Any]]) -> None:
    import boto3

    files, streams = (
        boto3.client(name, region_name="us-east-1", endpoint_url=url) for name in ("s3", "kinesis")
    )
    files.create_bucket(Bucket="lake")
    files.upload_file(str(folder / "orders.parquet"), "lake", "orders.parquet")
    streams.create_stream(StreamName=stream, ShardCount=2)
    streams.get_waiter("stream_exists").wait(StreamName=stream, WaiterConfig={"Delay": 1})
    for first in range(0, len(rows), 500):
        records = [
            {"Data": json.dumps(row).encode(), "PartitionKey": str(row["order_id"])}
            for row in rows[first : first + 500]
        ]
        streams.put_records(StreamName=stream, Records=records)


def _fill_topic(broker: str, topic: str, rows: list[dict[str, Any]]) -> None:
    from confluent_kafka import Producer
    from confluent_kafka.admin import AdminClient, NewTopic

    settings = {"bootstrap.servers": broker, "log_level": 0}
    admin = AdminClient(settings)
    admin.create_topics([NewTopic(topic, 2, 1)])[topic].result(10)
    producer = Producer(settings)
    for number, row in enumerate(rows):
        producer.produce(topic, json.dumps(row).encode(), partition=number % 2)
        if number % 10_000 == 0:
            producer.flush(60)
    if producer.flush(60):
        raise SystemExit("the broker did not take every message")


def _fill_documents(url: str, rows: pa.Table) -> None:
    from pymongo import MongoClient

    found = [{"_id": row.pop("order_id"), **row} for row in rows.to_pylist()]
    with MongoClient(url) as client:
        client.shop.orders.insert_many(found)
