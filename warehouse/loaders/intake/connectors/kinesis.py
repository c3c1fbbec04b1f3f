"""Kinesis streams: JSON records, each shard read on from the sequence number the warehouse holds.

The connection is `kinesis://region?endpoint_url=…`, or none: then region and credentials come from the
environment, as everywhere with AWS. The sequence number of each shard stands in `raw.intake_position`,
written in one transaction with the rows up to it. A shard that was split or merged is read to its end before
its children, so that records of one partition key stay in order.

Columns a table may declare besides the fields of a record: `kinesis_partition_key`, `kinesis_shard`,
`kinesis_sequence`, `kinesis_arrived_at`. Records that a producer library packed into one are not unpacked.

Belongs here: talking to the service. Does not belong here: what a record holds (`messages`).
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from warehouse.loaders.declaration import LoadError
from warehouse.loaders.intake.batch import Batch
from warehouse.loaders.intake.connectors.messages import Gathering, Message
from warehouse.loaders.intake.connectors.options import options_of, refuse_deletes
from warehouse.loaders.intake.declared import DeclaredSource, DeclaredTable

if TYPE_CHECKING:
    from warehouse.client.settings import Secret

DEFAULTS: dict[str, Any] = {
    "batch_rows": 50_000,
    "batch_bytes": 64 << 20,
    "batch_seconds": 5.0,
    "pause_s": 0.2,
    "shards_every_s": 30.0,
}
"""`pause_s`: rest after a round that brought nothing; a shard allows five reads a second."""
ENDED = "ended"
"""The position of a shard that is closed and was read to its end."""


def read(
    source: DeclaredSource, table: DeclaredTable, connection: Secret | None, positions: Mapping[str, str]
) -> Iterator[Batch]:
    """Batches up to what each shard held when the load began.

    Raises:
        LoadError: no such stream, no access, a service that does not answer.
    """
    yield from _batches(source, table, connection, positions, None)


def follow(
    source: DeclaredSource,
    table: DeclaredTable,
    connection: Secret | None,
    positions: Mapping[str, str],
    stop: Callable[[], bool],
) -> Iterator[Batch]:
    """Batches as records come, of at most `batch_rows` or `batch_seconds`, until `stop` says so."""
    yield from _batches(source, table, connection, positions, stop)


def _batches(
    source: DeclaredSource,
    table: DeclaredTable,
    connection: Secret | None,
    positions: Mapping[str, str],
    stop: Callable[[], bool] | None,
) -> Iterator[Batch]:
    from botocore.exceptions import BotoCoreError, ClientError

    chosen = options_of(source, table, DEFAULTS)
    refuse_deletes(source, table)
    try:
        stream = _Stream(_client(connection), table, chosen, dict(positions))
        yield from stream.batches(stop)
    except (BotoCoreError, ClientError) as error:
        raise LoadError(
            f"source {source.name}: reading the stream {table.read}", value=str(error), allowed="an answer",
            next_step="check region, credentials and the stream's name; what was loaded stays",
        ) from error  # fmt: skip


def _client(connection: Secret | None) -> Any:
    import boto3
    from botocore.config import Config

    parts = urlsplit(connection.reveal() if connection else "")
    if connection and (parts.scheme != "kinesis" or set(dict(parse_qsl(parts.query))) - {"endpoint_url"}):
        raise LoadError(
            "the connection of a stream is no usable address", value=f"{parts.scheme}://…",
            allowed="kinesis://region or kinesis://region?endpoint_url=…", next_step="correct it",
        )  # fmt: skip
    config = Config(connect_timeout=10, read_timeout=30, retries={"mode": "standard", "max_attempts": 8})
    endpoint = dict(parse_qsl(parts.query)).get("endpoint_url")
    return boto3.client("kinesis", region_name=parts.hostname, endpoint_url=endpoint, config=config)


class _Stream:
    """A stream under way: an iterator for each shard that is open to reading now."""

    def __init__(
        self, client: Any, table: DeclaredTable, options: Mapping[str, Any], positions: dict[str, str]
    ) -> None:
        self.client, self.table, self.options, self.positions = client, table, options, positions
        self.began = dt.datetime.now(dt.UTC)
        self._iterators: dict[str, str] = {}
        self._caught_up: set[str] = set()
        self._last: dict[str, int] = {}

    @property
    def _is_caught_up(self) -> bool:
        return self._caught_up >= set(self._iterators)

    def batches(self, stop: Callable[[], bool] | None) -> Iterator[Batch]:
        gathering = Gathering(
            self.table, int(self.options["batch_rows"]), int(self.options["batch_bytes"]),
            float(self.options["batch_seconds"]),
        )  # fmt: skip
        listed = time.monotonic()
        self._open_shards()
        while not (stop() if stop else self._is_caught_up):
            has_news = self._round(gathering, is_bounded=stop is None)
            if not has_news and (stop or not self._is_caught_up):
                time.sleep(float(self.options["pause_s"]))
            if gathering.is_due:
                yield gathering.take()
            if time.monotonic() - listed > float(self.options["shards_every_s"]):
                listed = time.monotonic()
                self._open_shards()
        if gathering.has_news:
            yield gathering.take()

    def _round(self, gathering: Gathering, is_bounded: bool) -> bool:
        """One read of each open shard; whether any record came or a shard ended."""
        has_news = False
        for shard in list(self._iterators):
            if is_bounded and shard in self._caught_up:
                continue
            answer = self._records(shard)
            records, following = answer["Records"], answer.get("NextShardIterator")
            for record in records:
                gathering.add(_message(self.table.read, shard, record))
                self.positions[shard] = record["SequenceNumber"]
            last = records[-1]["ApproximateArrivalTimestamp"] if records else None
            # records of the same millisecond may follow an answer that is full: only an empty one tells
            is_at_tip = answer.get("MillisBehindLatest") == 0 and not records
            if is_at_tip or (last is not None and last >= self.began):
                self._caught_up.add(shard)
            if following is None or self._was_its_last(shard):
                following = None
                gathering.move(shard, ENDED)
                self.positions[shard] = ENDED
                del self._iterators[shard]
                self._open_shards()
            else:
                self._iterators[shard] = following
            has_news = has_news or bool(records) or following is None
        return has_news

    def _records(self, shard: str) -> dict[str, Any]:
        try:
            return self.client.get_records(ShardIterator=self._iterators[shard], Limit=10_000)
        except self.client.exceptions.ExpiredIteratorException:
            # an iterator lives five minutes, and loading a batch may take longer
            self._iterators[shard] = self._iterator(shard)
            return self.client.get_records(ShardIterator=self._iterators[shard], Limit=10_000)

    def _open_shards(self) -> None:
        """An iterator for each shard that is not ended and whose parents are, or are gone."""
        found, given = {}, {"StreamName": self.table.read}
        while given:
            page = self.client.list_shards(**given)
            found |= {shard["ShardId"]: shard for shard in page["Shards"]}
            # the service refuses the stream's name beside a token
            given = {"NextToken": page["NextToken"]} if page.get("NextToken") else {}
        for name, shard in found.items():
            ending = shard["SequenceNumberRange"].get("EndingSequenceNumber")
            if ending is not None:
                self._last[name] = int(ending)
            parents = {shard.get("ParentShardId"), shard.get("AdjacentParentShardId")} & set(found)
            is_ready = all(self.positions.get(parent) == ENDED for parent in parents)
            if is_ready and self.positions.get(name) != ENDED and name not in self._iterators:
                self._iterators[name] = self._iterator(name)

    def _was_its_last(self, shard: str) -> bool:
        """Whether all of a closed shard was read."""
        position = self.positions.get(shard, "")
        return position.isdigit() and shard in self._last and int(position) >= self._last[shard]

    def _iterator(self, shard: str) -> str:
        where: dict[str, Any] = {"ShardIteratorType": "TRIM_HORIZON"}
        if shard in self.positions:
            where = {
                "ShardIteratorType": "AFTER_SEQUENCE_NUMBER",
                "StartingSequenceNumber": self.positions[shard],
            }
        answer = self.client.get_shard_iterator(StreamName=self.table.read, ShardId=shard, **where)
        return answer["ShardIterator"]


def _message(stream: str, shard: str, record: Mapping[str, Any]) -> Message:
    sequence, arrived = record["SequenceNumber"], record["ApproximateArrivalTimestamp"].astimezone(dt.UTC)
    own = {
        "kinesis_partition_key": record["PartitionKey"], "kinesis_shard": shard,
        "kinesis_sequence": sequence, "kinesis_arrived_at": arrived,
    }  # fmt: skip
    # a partition key spreads records over shards; it names no row, so it is no message key
    return Message(record["Data"], None, f"{stream}/{shard}@{sequence}", shard, sequence, arrived, own)
