"""Sources of orders, one class a kind, that trials fill bit by bit and know the contents of.

Belongs here: filling a source. Does not belong here: killing loads (`killing`).
"""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

from tests.warehouse.loaders.intake.declaring import columns, orders
from warehouse.loaders.intake.declared import DeclaredSource

NOBODY = {"AWS_ACCESS_KEY_ID": "nobody", "AWS_SECRET_ACCESS_KEY": "canary",
          "AWS_EC2_METADATA_DISABLED": "true"}  # fmt: skip
COLUMNS = columns("order_id bigint, customer text")


class Shop:
    """`versions`: each (order_id, customer) that a right warehouse holds, once. `held`: bad rows it holds."""

    kind = "files"
    is_one_batch = False
    """Whether a load of what one `add` brings is always a single batch."""
    details: dict[str, Any] = {}

    def __init__(self, address: str, read: str = "orders") -> None:
        table = orders(columns=COLUMNS, **{"read": read, **self.details})
        self.source = DeclaredSource("shop", self.kind, "SHOP_URL", (table,))
        self.address, self.versions, self.held = address, set(), 0

    @property
    def environment(self) -> dict[str, str]:
        return {"SHOP_URL": self.address}

    def add(self, count: int = 6) -> None:
        """New orders, a correction of an old one, and a row that cannot be loaded."""
        first = len(self.versions)
        rows = [(first + n, f"c{first + n}") for n in range(count)]
        if self.versions:
            rows.append((min(self.versions)[0], f"corrected {first}"))
        self.versions |= set(rows)
        self.held += 1
        self.put([*({"order_id": n, "customer": name} for n, name in rows), {"order_id": f"bad {first}"}])

    def put(self, rows: list[dict[str, Any]]) -> None:
        raise NotImplementedError


class Files(Shop):
    details = {"read": "*.jsonl"}

    def __init__(self, folder: Path) -> None:
        super().__init__(folder.as_uri())
        self.folder = folder

    def put(self, rows: list[dict[str, Any]]) -> None:
        # two files, so that a load has two batches
        for part, chosen in (("a", rows[:3]), ("b", rows[3:])):
            path = self.folder / f"{self.held:05d}{part}.jsonl"
            path.write_text("".join(json.dumps(row) + "\n" for row in chosen))


class S3(Shop):
    kind = "s3"
    details = {"read": "*.jsonl"}

    def __init__(self, client: Any, url: str) -> None:
        self.bucket = f"orders-{uuid.uuid4().hex[:8]}"
        host = url.partition("//")[2]
        super().__init__(f"s3://{self.bucket}/shop?scheme=http&endpoint_override={host}&region=us-east-1")
        self.client = client
        client.create_bucket(Bucket=self.bucket)

    @property
    def environment(self) -> dict[str, str]:
        return {**super().environment, **NOBODY}

    def put(self, rows: list[dict[str, Any]]) -> None:
        for part, chosen in (("a", rows[:3]), ("b", rows[3:])):
            body = "".join(json.dumps(row) + "\n" for row in chosen).encode()
            self.client.put_object(Bucket=self.bucket, Key=f"shop/{self.held:05d}{part}.jsonl", Body=body)


class Postgres(Shop):
    """A table of another database, whose deletions are followed too."""

    kind = "postgres"
    is_one_batch = True
    details = {"deletes": True}

    def __init__(self, database: Any, address: str) -> None:
        super().__init__(address)
        self.database = database
        database.execute("create table orders (order_id text primary key, customer text)")

    def put(self, rows: list[dict[str, Any]]) -> None:
        for row in rows:
            self.database.execute(
                "insert into orders values (%(order_id)s, %(customer)s) on conflict (order_id) "
                "do update set customer = excluded.customer",
                {"order_id": str(row["order_id"]), "customer": row.get("customer")},
            )


class Kafka(Shop):
    kind = "kafka"
    details = {"history": "events", "options": {"batch_rows": 4}}

    def __init__(self, broker: str) -> None:
        from confluent_kafka import Producer
        from confluent_kafka.admin import AdminClient, NewTopic

        super().__init__(broker, f"orders-{uuid.uuid4().hex[:8]}")
        self.topic = self.source.tables[0].read
        admin = AdminClient({"bootstrap.servers": broker, "log_level": 0})
        admin.create_topics([NewTopic(self.topic, 2, 1)])[self.topic].result(10)
        self.producer = Producer({"bootstrap.servers": broker, "log_level": 0})

    def put(self, rows: list[dict[str, Any]]) -> None:
        for number, row in enumerate(rows):
            self.producer.produce(self.topic, json.dumps(row).encode(), partition=number % 2)
        assert self.producer.flush(10) == 0


class Kinesis(Shop):
    kind = "kinesis"
    is_one_batch = True
    details = {"history": "events", "options": {"batch_rows": 4, "pause_s": 0.01}}

    def __init__(self, client: Any, url: str) -> None:
        name = f"orders-{uuid.uuid4().hex[:8]}"
        super().__init__(f"kinesis://us-east-1?endpoint_url={url}", name)
        self.client, self.name = client, name
        client.create_stream(StreamName=name, ShardCount=2)
        client.get_waiter("stream_exists").wait(StreamName=name, WaiterConfig={"Delay": 1})

    @property
    def environment(self) -> dict[str, str]:
        return {**super().environment, **NOBODY}

    def put(self, rows: list[dict[str, Any]]) -> None:
        records = [{"Data": json.dumps(row).encode(), "PartitionKey": str(row["order_id"])} for row in rows]
        self.client.put_records(StreamName=self.name, Records=records)


class MongoDb(Shop):
    kind = "mongodb"
    details = {"deletes": True, "options": {"batch_rows": 40, "paths": {"order_id": "_id"}}}

    def __init__(self, url: str) -> None:
        from pymongo import MongoClient

        name = f"shop_{uuid.uuid4().hex[:8]}"
        super().__init__(f"{url}/{name}")
        self.orders = MongoClient(url)[name].orders

    def put(self, rows: list[dict[str, Any]]) -> None:
        for row in rows:
            self.orders.replace_one({"_id": row["order_id"]}, {"customer": row.get("customer")}, upsert=True)


class Http(Shop):
    kind = "http"

    def __init__(self, api: Any) -> None:
        super().__init__("canary")
        self.api = api
        options = {"base_url": api.url, "requests_per_second": 1000.0,
                   "pages": {"kind": "page_number", "at": "page"}}  # fmt: skip
        self.source = DeclaredSource("shop", "http", "SHOP_URL", self.source.tables, options)

    def put(self, rows: list[dict[str, Any]]) -> None:
        by_key = {row["order_id"]: row for row in [*self.api.orders, *rows]}
        self.api.orders = list(by_key.values())
