"""Topics of a real broker: offsets kept with the rows, repeats, broken messages, tombstones, two loads at
once, and reading without an end.
"""

from __future__ import annotations

import json
import threading
import uuid
from dataclasses import replace

import pytest

from tests.warehouse.loaders.intake.declaring import columns, orders, source
from tests.warehouse.loaders.intake.loading import counts, load
from warehouse.client import open_warehouse
from warehouse.client.settings import Secret
from warehouse.loaders.declaration import LoadError
from warehouse.loaders.intake import bookkeeping, quarantine
from warehouse.loaders.intake.connectors import kafka
from warehouse.loaders.intake.continuous import follow
from warehouse.loaders.intake.intake import Intake

DECLARED = columns(
    "order_id bigint, customer text, amount numeric(10,2), kafka_key text, kafka_partition bigint, "
    "kafka_offset bigint, kafka_timestamp timestamptz, kafka_headers jsonb, kafka_is_tombstone boolean"
)


class Topic:
    """A new topic of two partitions, its producer and its table."""

    def __init__(self, broker):
        from confluent_kafka import Producer
        from confluent_kafka.admin import AdminClient, NewTopic

        self.name = f"orders-{uuid.uuid4().hex[:8]}"
        admin = AdminClient({"bootstrap.servers": broker, "log_level": 0})
        admin.create_topics([NewTopic(self.name, 2, 1)])[self.name].result(10)
        self.producer = Producer({"bootstrap.servers": broker, "log_level": 0})
        self.table = orders(columns=DECLARED, read=self.name, history="events")

    def send(self, *values, partition=0, key=None, **more):
        for value in values:
            body = value if isinstance(value, bytes | None) else json.dumps(value).encode()
            self.producer.produce(self.name, body, key, partition=partition, **more)
        assert self.producer.flush(10) == 0


@pytest.fixture
def topic(broker):
    return Topic(broker)


def test_each_partition_goes_on_from_its_offset(wh, broker, topic):
    topic.send(*({"order_id": n, "customer": "ada", "amount": "1.50"} for n in range(50)))
    topic.send({"order_id": 50}, partition=1, key=b"k50", headers=[("trace", b"t1")], timestamp=1356998400000)
    assert counts(load(wh, "kafka", topic.table, broker)) == (51, 51, 0, 0)
    assert bookkeeping.positions(wh, "shop__orders") == {"0": "50", "1": "1"}
    topic.send({"order_id": 51}, partition=1)
    assert counts(load(wh, "kafka", topic.table, broker)) == (1, 1, 0, 0)
    assert counts(load(wh, "kafka", topic.table, broker)) == (0, 0, 0, 0)
    row = wh.query("select * from raw.shop__orders where order_id = 50")[0]
    assert (row["kafka_key"], row["kafka_partition"], row["kafka_offset"]) == ("k50", 1, 0)
    assert row["kafka_headers"] == {"trace": "t1"} and row["source_position"] == f"{topic.name}/1@0"
    assert row["known_at"] == row["kafka_timestamp"] and row["known_at"].isoformat().startswith("2013-01-01")


def test_a_lost_position_and_a_second_delivery_change_nothing(wh, broker, topic):
    table = replace(topic.table, columns=columns("order_id bigint, customer text"))
    topic.send(*({"order_id": n, "customer": "ada"} for n in range(20)))
    load(wh, "kafka", table, broker)
    wh.execute("delete from raw.intake_position")
    topic.send({"order_id": 3, "customer": "ada"}, {"order_id": 3, "customer": "bob"}, partition=1)
    assert counts(load(wh, "kafka", table, broker)) == (22, 1, 21, 0)
    assert wh.scalar("select count(*) from raw.shop__orders where order_id = 3") == 2


def test_messages_that_cannot_be_read_are_held_at_their_place(wh, broker, topic):
    topic.send(b'{"order_id": ', b"[1]", b"\xff\xfe", {"order_id": "x"}, {"order_id": 1})
    assert counts(load(wh, "kafka", topic.table, broker)) == (5, 1, 0, 4)
    held = quarantine.held(wh, "shop__orders")
    assert [row.source_position for row in held] == [f"{topic.name}/0@{n}" for n in range(4)]
    assert held[0].row["message"] == '{"order_id": ' and "no JSON object" in held[0].reason


def test_a_tombstone_is_a_row_of_its_key(wh, broker, topic):
    topic.send({"order_id": 7, "customer": "ada"}, key=b"7")
    topic.send(None, key=b"7")
    topic.send(None, key=b'{"order_id": 8}')
    assert counts(load(wh, "kafka", topic.table, broker)) == (3, 3, 0, 0)
    found = wh.query("select order_id, kafka_is_tombstone from raw.shop__orders order by kafka_offset")
    assert [tuple(row.values()) for row in found] == [(7, False), (7, True), (8, True)]


def test_two_loads_of_one_group_at_once_read_each_message_once(fresh_database, broker, topic):
    topic.send(*({"order_id": n} for n in range(300)))
    database, found, faults = fresh_database(), [], []

    def one():
        try:
            with open_warehouse(database) as mine:
                found.append(counts(load(mine, "kafka", topic.table, broker)))
        except Exception as fault:  # told below, by the test's own thread
            faults.append(fault)

    both = [threading.Thread(target=one) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join(60)
    assert not faults and sorted(found) == [(0, 0, 0, 0), (300, 300, 0, 0)]


def test_the_group_hears_of_offsets_only_after_their_rows_are_committed(wh, broker, topic):
    from confluent_kafka import Consumer, TopicPartition

    group = f"g-{topic.name}"
    topic.send({"order_id": 1}, {"order_id": 2})
    declared = source("kafka", orders=replace(topic.table, options={"group": group}))
    batches = kafka.read(declared, declared.tables[0], Secret(broker), {})
    first = next(batches)
    monitor = Consumer({"bootstrap.servers": broker, "group.id": group, "log_level": 0})
    told = lambda: monitor.committed([TopicPartition(topic.name, 0)], timeout=10)[0].offset  # noqa: E731
    assert told() < 0
    Intake(wh, declared, declared.tables[0]).take(first)
    assert list(batches) == [] and told() == 2
    monitor.close()


def test_following_loads_small_batches_until_told_to_stop(monkeypatch, fresh_database, broker, topic):
    monkeypatch.setenv("SHOP_URL", broker)
    topic.send(*({"order_id": n} for n in range(25)))
    table = replace(topic.table, options={"batch_rows": 10, "batch_seconds": 0.2})
    declared = replace(source("kafka", orders=table), connection="SHOP_URL")
    settings, lines, stop = fresh_database(), [], threading.Event()

    def told(line):
        lines.append(line)
        if len(lines) == 3:
            topic.send({"order_id": 100}, partition=1)
        if len(lines) == 4:
            stop.set()

    account = follow(settings, declared, "orders", stop.is_set, told)
    assert counts(account) == (26, 26, 0, 0) and account.batches == 4
    assert [line.split()[1] for line in lines] == ["10", "20", "25", "26"]
    with open_warehouse(settings) as opened:
        assert bookkeeping.positions(opened, "shop__orders") == {"0": "25", "1": "1"}
    with pytest.raises(LoadError, match=r"no stream.*kafka, kinesis"):
        follow(settings, replace(declared, kind="files"), "orders", stop.is_set)


@pytest.mark.parametrize(
    ("changes", "options", "text"),
    [({"read": "nowhere"}, {}, "no such topic"), ({}, {"colour": 1}, "no such option"),
     ({}, {"batch_rows": 0}, "number above 0"), ({"deletes": True}, {}, "deletions cannot be followed")],
)  # fmt: skip
def test_what_cannot_be_read_is_named(wh, broker, topic, changes, options, text):
    with pytest.raises(LoadError, match=text):
        load(wh, "kafka", replace(topic.table, **changes), broker, **options)


def test_messages_removed_before_they_were_loaded_are_told(wh, broker, topic):
    topic.send({"order_id": 1})
    declared = source("kafka", orders=topic.table)
    with pytest.raises(LoadError, match="next message to load is gone.*on_gap"):
        list(kafka.read(declared, topic.table, Secret(broker), {"0": "-5"}))
    skipping = replace(topic.table, options={"on_gap": "skip"})
    assert [b.row_count for b in kafka.read(declared, skipping, Secret(broker), {"0": "-5"})] == [1]


def test_a_broker_that_is_gone_is_named_without_its_password(wh, topic):
    table = replace(topic.table, options={"silence_s": 0.5})
    with pytest.raises(LoadError, match="the broker") as fault:
        load(wh, "kafka", table, "kafka://me:canary@127.0.0.1:9?security.protocol=PLAINTEXT")
    assert "canary" not in str(fault.value)
