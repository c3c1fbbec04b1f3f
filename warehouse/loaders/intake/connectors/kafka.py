"""Topics of a Kafka broker: JSON messages, each partition read on from the offset the warehouse holds.

Partitions are assigned, not subscribed to: the next offset of each stands in `raw.intake_position`, written
in one transaction with the rows before it. The broker's own offsets of the consumer group follow after that
commit and are for monitoring only; nothing is read from them.

A load reads up to the end each partition had when the load first saw it; `follow` goes on until told to stop.
Columns a table may declare besides the fields of a message: `kafka_key`, `kafka_headers`, `kafka_partition`,
`kafka_offset`, `kafka_timestamp`, `kafka_is_tombstone` (a message without a value: its key is gone).

Belongs here: the connection, and the order of reading and committing. Does not belong here: partitions
(`kafka_topic`), what a message holds (`messages`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from warehouse.client.errors import scrub
from warehouse.loaders.declaration import LoadError
from warehouse.loaders.intake.batch import Batch
from warehouse.loaders.intake.connectors.kafka_topic import QUIET, Topic
from warehouse.loaders.intake.connectors.messages import Gathering
from warehouse.loaders.intake.connectors.options import need_connection, options_of, refuse_deletes
from warehouse.loaders.intake.declared import DeclaredSource, DeclaredTable

if TYPE_CHECKING:
    from warehouse.client.settings import Secret

DEFAULTS: dict[str, Any] = {
    "group": "starhouse",
    "batch_rows": 50_000,
    "batch_bytes": 64 << 20,
    "batch_seconds": 5.0,
    "silence_s": 30.0,
    "on_gap": "refuse",
    "session_timeout_ms": 6_000,
}
"""`silence_s`: how long a broker may say nothing before a load fails. `on_gap`: where messages were removed
before they were loaded, refuse the load, or "skip" to the oldest there is."""
ADDRESS = "host:port,host:port, or kafka://user:password@host:port?security.protocol=SASL_SSL"


def read(
    source: DeclaredSource, table: DeclaredTable, connection: Secret | None, positions: Mapping[str, str]
) -> Iterator[Batch]:
    """Batches up to the end of each partition as it is now.

    Raises:
        LoadError: no broker, no topic, messages gone before they were loaded, a broker that says nothing.
    """
    yield from _batches(source, table, connection, positions, None)


def follow(
    source: DeclaredSource,
    table: DeclaredTable,
    connection: Secret | None,
    positions: Mapping[str, str],
    stop: Callable[[], bool],
) -> Iterator[Batch]:
    """Batches as messages come, of at most `batch_rows` or `batch_seconds`, until `stop` says so."""
    yield from _batches(source, table, connection, positions, stop)


def _batches(
    source: DeclaredSource,
    table: DeclaredTable,
    connection: Secret | None,
    positions: Mapping[str, str],
    stop: Callable[[], bool] | None,
) -> Iterator[Batch]:
    from confluent_kafka import Consumer, KafkaException

    chosen = options_of(source, table, DEFAULTS)
    refuse_deletes(source, table)
    address = need_connection(source, connection, ADDRESS).reveal()
    try:
        with closing(Consumer(_settings(address, chosen), logger=QUIET)) as consumer:
            topic = Topic(consumer, table, chosen)
            topic.assign(positions)
            yield from _gathered(topic, stop)
    except KafkaException as error:
        secret = unquote(urlsplit(address).password or "")
        raise LoadError(
            f"source {source.name}: the broker", value=scrub(str(error), secret), allowed="an answer",
            next_step=f"check {source.connection} and the broker; what was loaded stays",
        ) from None  # fmt: skip


def _gathered(topic: Topic, stop: Callable[[], bool] | None) -> Iterator[Batch]:
    chosen = topic.options
    gathering = Gathering(
        topic.table, int(chosen["batch_rows"]), int(chosen["batch_bytes"]), float(chosen["batch_seconds"])
    )
    while not (stop() if stop else topic.is_at_its_end):
        topic.fetch(gathering, is_bounded=stop is None)
        if gathering.is_due:
            yield from _handed_over(topic, gathering)
    if gathering.has_news:
        yield from _handed_over(topic, gathering)


def _handed_over(topic: Topic, gathering: Gathering) -> Iterator[Batch]:
    """One batch; the broker hears of it when the warehouse has committed it and asks for the next."""
    from confluent_kafka import KafkaException, TopicPartition

    batch = gathering.take()
    yield batch
    reached = [TopicPartition(topic.name, int(part), int(at)) for part, at in batch.resume.items()]
    try:
        topic.consumer.commit(offsets=reached, asynchronous=False)
    except KafkaException:
        # the warehouse has the offsets; a monitor of the group sees them after the next batch
        QUIET.warning("the broker did not take the offsets of group %s", topic.options["group"])


def _settings(address: str, chosen: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    servers = address
    if "://" in address:
        parts = urlsplit(address)
        servers = parts.netloc.rpartition("@")[2]
        if parts.username:
            made = {"security.protocol": "SASL_SSL", "sasl.mechanisms": "PLAIN",
                    "sasl.username": unquote(parts.username),
                    "sasl.password": unquote(parts.password or "")}  # fmt: skip
        made.update(parse_qsl(parts.query))
    return {
        **made,
        "bootstrap.servers": servers,
        "group.id": str(chosen["group"]),
        "session.timeout.ms": int(chosen["session_timeout_ms"]),
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "enable.partition.eof": True,
        # a position that is gone must be told, not replaced
        "auto.offset.reset": "error",
        # what is fetched while a batch is loaded; a batch of usual messages is less
        "queued.max.messages.kbytes": 16_384,
    }
