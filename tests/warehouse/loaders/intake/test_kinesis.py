"""Streams of Kinesis over HTTP: sequence numbers kept with the rows, shards that were split."""

from __future__ import annotations

import datetime as dt
import json
import time
import uuid
from dataclasses import replace

import pytest

from tests.warehouse.loaders.intake.declaring import columns, orders, source
from tests.warehouse.loaders.intake.loading import counts, load
from warehouse.client.settings import Secret
from warehouse.loaders.declaration import LoadError
from warehouse.loaders.intake import bookkeeping, quarantine
from warehouse.loaders.intake.connectors import kinesis

DECLARED = columns(
    "order_id bigint, customer text, kinesis_shard text, kinesis_sequence text, "
    "kinesis_partition_key text, kinesis_arrived_at timestamptz"
)


class Stream:
    """A new stream of one shard, and its table."""

    def __init__(self, client, url):
        self.client, self.name = client, f"orders-{uuid.uuid4().hex[:8]}"
        self.address = f"kinesis://us-east-1?endpoint_url={url}"
        client.create_stream(StreamName=self.name, ShardCount=1)
        self._wait()
        self.table = orders(columns=DECLARED, read=self.name, history="events", options={"pause_s": 0.01})

    def send(self, *rows):
        records = [
            {"Data": row if isinstance(row, bytes) else json.dumps(row).encode(), "PartitionKey": str(n)}
            for n, row in enumerate(rows)
        ]
        self.client.put_records(StreamName=self.name, Records=records)

    def split(self):
        self.client.split_shard(
            StreamName=self.name, ShardToSplit="shardId-000000000000", NewStartingHashKey=str(2**127)
        )
        self._wait()

    def _wait(self):
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            found = self.client.describe_stream_summary(StreamName=self.name)["StreamDescriptionSummary"]
            if found["StreamStatus"] == "ACTIVE":
                return
            time.sleep(0.02)


@pytest.fixture
def stream(aws, moto_url):
    return Stream(aws("kinesis"), moto_url)


def test_a_shard_goes_on_from_its_sequence_number(wh, stream):
    stream.send(*({"order_id": n, "customer": "ada"} for n in range(30)), b"{", {"order_id": "x"})
    assert counts(load(wh, "kinesis", stream.table, stream.address)) == (32, 30, 0, 2)
    assert counts(load(wh, "kinesis", stream.table, stream.address)) == (0, 0, 0, 0)
    stream.send({"order_id": 30})
    assert counts(load(wh, "kinesis", stream.table, stream.address)) == (1, 1, 0, 0)
    row = wh.query("select * from raw.shop__orders where order_id = 5")[0]
    assert row["kinesis_shard"] == "shardId-000000000000" and row["kinesis_partition_key"] == "5"
    assert row["known_at"] == row["kinesis_arrived_at"]
    assert row["source_position"] == f"{stream.name}/{row['kinesis_shard']}@{row['kinesis_sequence']}"
    assert [held.column_name for held in quarantine.held(wh)] == [None, "order_id"]
    stream.send({"order_id": 31}, {"order_id": 32})
    wh.execute("delete from raw.intake_position")
    assert counts(load(wh, "kinesis", stream.table, stream.address)) == (35, 2, 31, 2)


def test_a_shard_that_was_split_ends_and_its_children_are_read(wh, stream):
    stream.send(*({"order_id": n} for n in range(30)))
    stream.split()
    assert counts(load(wh, "kinesis", stream.table, stream.address)) == (30, 30, 0, 0)
    assert counts(load(wh, "kinesis", stream.table, stream.address)) == (0, 0, 0, 0)
    assert bookkeeping.positions(wh, "shop__orders")["shardId-000000000000"] == "ended"


class Resharded:
    """A service of three shards, two of them children of the first. The peer writes on into a shard that was
    split and never ends its iterator, as the service does: the order of shards needs this stand-in.
    """

    class exceptions:  # noqa: N801
        class ExpiredIteratorException(Exception):
            pass

    def __init__(self):
        self.shards = {"a": list(range(5)), "b": [10, 11], "c": [20]}
        self.expire = {"a"}

    def list_shards(self, StreamName=None, NextToken=None):  # noqa: N803
        if (StreamName is None) == (NextToken is None):
            raise ValueError("either the stream's name or a token")
        if StreamName:
            shards = [{"ShardId": name, "ParentShardId": "a", "SequenceNumberRange": {}} for name in "cb"]
            return {"Shards": shards, "NextToken": "more"}
        ended = {"EndingSequenceNumber": "99"}
        return {"Shards": [{"ShardId": "a", "ParentShardId": "gone", "SequenceNumberRange": ended}]}

    def get_shard_iterator(self, ShardId, StartingSequenceNumber="-1", **_):  # noqa: N803
        return {"ShardIterator": f"{ShardId}:{int(StartingSequenceNumber) + 1}"}

    def get_records(self, ShardIterator, **_):  # noqa: N803
        shard, at = ShardIterator.split(":")
        if shard in self.expire and at != "0":
            self.expire.clear()
            raise self.exceptions.ExpiredIteratorException
        records = [
            {"Data": b'{"order_id": %d}' % number, "SequenceNumber": str(n), "PartitionKey": "k",
             "ApproximateArrivalTimestamp": dt.datetime(2013, 1, 1, tzinfo=dt.UTC)}
            for n, number in enumerate(self.shards[shard])
        ][int(at) : int(at) + 2]  # fmt: skip
        following = f"{shard}:{int(at) + len(records)}"
        is_end = shard == "a" and not records
        return {"Records": records, "NextShardIterator": None if is_end else following,
                "MillisBehindLatest": 0}  # fmt: skip


def test_a_parent_is_read_to_its_end_before_its_children():
    table = orders(columns=DECLARED, read="orders")
    options = {**kinesis.DEFAULTS, "pause_s": 0.001}
    stream = kinesis._Stream(Resharded(), table, options, {})
    (batch,) = stream.batches(None)
    numbers = [row["order_id"] for row in batch.rows]
    assert numbers[:5] == list(range(5)) and sorted(numbers[5:]) == [10, 11, 20]
    assert batch.resume == {"a": "ended", "b": "1", "c": "0"}
    assert list(kinesis._Stream(Resharded(), table, options, dict(batch.resume)).batches(None)) == []


def test_following_goes_on_until_told_to_stop(wh, stream):
    table = replace(stream.table, options={"pause_s": 0.01, "batch_rows": 5, "batch_seconds": 0.05})
    stream.send(*({"order_id": n} for n in range(5)))
    declared, found = source("kinesis", orders=table), []
    is_done = lambda: len(found) >= 7  # noqa: E731
    for batch in kinesis.follow(declared, table, Secret(stream.address), {}, is_done):
        found.extend(batch.rows)
        if len(found) == 5:
            stream.send({"order_id": 5}, {"order_id": 6})
    assert [row["order_id"] for row in found] == list(range(7))


def test_what_cannot_be_read_is_named(wh, stream):
    with pytest.raises(LoadError, match=r"nowhere.*ResourceNotFound"):
        load(wh, "kinesis", replace(stream.table, read="nowhere"), stream.address)
    with pytest.raises(LoadError, match="no usable address") as fault:
        load(wh, "kinesis", stream.table, "https://me:canary@somewhere")
    assert "canary" not in str(fault.value)
