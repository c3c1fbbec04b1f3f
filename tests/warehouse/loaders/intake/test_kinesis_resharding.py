"""Splits and merges while a stream is read: records of one key keep the order in which they were put.

The peer keeps the lineage of shards as the service does, but goes on writing into a shard that was split and
never ends its iterator, so records are read from a model of the service: what its reference says of a closed
shard, its last iterator and its children. Only Kinesis itself can show how long a shard stays closed before
its children take records, and what throttling does meanwhile.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import random
import time
import uuid
from typing import Any

import pytest

from tests.warehouse.loaders.intake.declaring import columns, orders
from warehouse.loaders.intake.connectors import kinesis

TABLE = orders(columns=columns("order_id bigint, customer text"), read="orders")
SPACE = 2**128
INSTANT = dt.datetime(2013, 1, 1, tzinfo=dt.UTC)


class Service:
    """Shards with their ranges of hash keys, and the records in each. A closed shard's iterator is null once
    its last record was given; an answer holds two records at most, and may be empty before the end.
    """

    class exceptions:  # noqa: N801
        class ExpiredIteratorException(Exception):
            pass

    def __init__(self, chance: random.Random) -> None:
        self.chance, self.sequence = chance, 0
        self.shards: dict[str, dict[str, Any]] = {}
        self.put_order: list[tuple[str, int]] = []
        self._open(0, SPACE)

    def _open(self, low: int, high: int, *parents: str) -> None:
        # names that do not come in the order of their making
        name = hashlib.md5(str(len(self.shards)).encode()).hexdigest()[:6]
        self.shards[name] = {"low": low, "high": high, "parents": parents, "records": [], "last": None}

    def _close(self, name: str) -> dict[str, Any]:
        self.sequence += 10
        self.shards[name]["last"] = self.sequence
        return self.shards[name]

    def _opened(self) -> list[str]:
        found = [name for name, shard in self.shards.items() if shard["last"] is None]
        return sorted(found, key=lambda name: self.shards[name]["low"])

    def put(self, key: str) -> None:
        place = int(hashlib.md5(key.encode()).hexdigest(), 16)
        shard = next(
            s for s in self.shards.values() if s["last"] is None and s["low"] <= place < s["high"]
        )  # fmt: skip
        self.sequence += 1
        number = len(self.put_order)
        self.put_order.append((key, number))
        data = json.dumps({"order_id": number, "customer": key}).encode()
        shard["records"].append(
            {"Data": data, "SequenceNumber": str(self.sequence), "PartitionKey": key,
             "ApproximateArrivalTimestamp": INSTANT}
        )  # fmt: skip

    def reshard(self) -> None:
        opened = self._opened()
        at = self.chance.randrange(len(opened))
        if len(opened) > 1 and self.chance.random() < 0.5:
            at = min(at, len(opened) - 2)
            first, second = opened[at : at + 2]
            self._open(self._close(first)["low"], self._close(second)["high"], first, second)
        else:
            shard = self._close(opened[at])
            middle = (shard["low"] + shard["high"]) // 2
            self._open(shard["low"], middle, opened[at])
            self._open(middle, shard["high"], opened[at])

    def list_shards(self, **_: Any) -> dict[str, Any]:
        found = []
        for name in sorted(self.shards):
            shard = self.shards[name]
            ends = {} if shard["last"] is None else {"EndingSequenceNumber": str(shard["last"])}
            parents = dict(zip(("ParentShardId", "AdjacentParentShardId"), shard["parents"], strict=False))
            found.append({"ShardId": name, "SequenceNumberRange": ends, **parents})
        return {"Shards": found}

    def get_shard_iterator(self, ShardId: str, StartingSequenceNumber: str = "-1", **_: Any) -> Any:  # noqa: N803
        return {"ShardIterator": f"{ShardId}:{StartingSequenceNumber}"}

    def get_records(self, ShardIterator: str, **_: Any) -> dict[str, Any]:  # noqa: N803
        name, after = ShardIterator.split(":")
        shard = self.shards[name]
        left = [record for record in shard["records"] if int(record["SequenceNumber"]) > int(after)]
        given = left[: self.chance.choice([0, 1, 2, 2])]
        after = given[-1]["SequenceNumber"] if given else after
        is_over = shard["last"] is not None and len(given) == len(left)
        behind = 0 if len(given) == len(left) else 1_000
        return {"Records": given, "NextShardIterator": None if is_over else f"{name}:{after}",
                "MillisBehindLatest": behind}  # fmt: skip


@pytest.mark.parametrize("seed", range(12))
def test_records_of_a_key_keep_their_order_through_splits_and_merges(seed):
    chance = random.Random(seed)
    service = Service(chance)
    options = {**kinesis.DEFAULTS, "pause_s": 1e-6, "batch_rows": 7, "batch_seconds": 1e6}
    positions: dict[str, str] = {}
    read: list[tuple[str, int]] = []

    def go_on(stream: kinesis._Stream, stop: Any) -> None:
        for batch in stream.batches(stop):
            read.extend((row["customer"], row["order_id"]) for row in batch.rows)
            positions.update(batch.resume)
            if stop and chance.random() < 0.2:
                return  # as if killed after this commit: the next stream goes on from the positions

    def stop() -> bool:
        if len(service.put_order) < 300:
            service.put(f"key {chance.randrange(9)}")
        if chance.random() < 0.05:
            service.reshard()
        return chance.random() < 0.02

    while len(service.put_order) < 300:
        go_on(kinesis._Stream(service, TABLE, options, dict(positions)), stop)
    go_on(kinesis._Stream(service, TABLE, options, dict(positions)), None)
    assert len(service.shards) > 5
    assert sorted(read) == sorted(service.put_order)
    for key in {key for key, _ in read}:
        assert [n for k, n in read if k == key] == [n for k, n in service.put_order if k == key]


def test_the_lineage_that_the_peer_tells_is_followed(aws, moto_url):
    """Parents of both kinds: a split's children and a merge's child wait until theirs have ended."""
    client, name = aws("kinesis"), f"orders-{uuid.uuid4().hex[:8]}"
    client.create_stream(StreamName=name, ShardCount=1)
    first, left, right, merged = (f"shardId-00000000000{n}" for n in range(4))

    def when_active(act: Any, **given: Any) -> None:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            found = client.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
            if found["StreamStatus"] == "ACTIVE":
                break
            time.sleep(0.02)
        act(StreamName=name, **given)

    when_active(client.put_record, Data=b'{"order_id": 1}', PartitionKey="k")
    when_active(client.split_shard, ShardToSplit=first, NewStartingHashKey=str(2**127))
    when_active(client.merge_shards, ShardToMerge=left, AdjacentShardToMerge=right)
    table = orders(columns=TABLE.columns, read=name)
    for ended, opened in (
        ((), [first]), ((first,), [left, right]), ((first, left), [right]), ((first, left, right), [merged]),
    ):  # fmt: skip
        stream = kinesis._Stream(client, table, kinesis.DEFAULTS, dict.fromkeys(ended, kinesis.ENDED))
        stream._open_shards()
        assert sorted(stream._iterators) == opened
