"""One Kafka topic being read: its partitions from given offsets, and which of them have reached their end.

Belongs here: the consumer's events. Does not belong here: connecting, batches (`kafka`).
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Mapping
from typing import Any

from warehouse.loaders.declaration import LoadError
from warehouse.loaders.intake.connectors.messages import Gathering, Message
from warehouse.loaders.intake.declared import DeclaredTable

POLL_S = 0.1
QUIET = logging.getLogger("starhouse.kafka")
"""What the client library says besides its errors, which are raised."""
QUIET.addHandler(logging.NullHandler())
QUIET.propagate = False


class Topic:
    """A topic under way: which partitions have reached their end, and when the broker last said something."""

    def __init__(self, consumer: Any, table: DeclaredTable, options: Mapping[str, Any]) -> None:
        self.consumer, self.table, self.options, self.name = consumer, table, options, table.read
        self._waiting: set[int] = set()
        self._fresh: set[int] = set()
        self._ends: dict[int, int] = {}
        self._heard = time.monotonic()

    @property
    def is_at_its_end(self) -> bool:
        return not self._waiting

    def assign(self, positions: Mapping[str, str]) -> None:
        """Every partition from its position, or from the oldest message."""
        from confluent_kafka import TopicPartition

        starts = []
        for part in self._partitions():
            where = TopicPartition(self.name, part)
            low, high = self.consumer.get_watermark_offsets(where, timeout=float(self.options["silence_s"]))
            start = int(positions.get(str(part), low))
            if start < low:
                self._tell_gap(part, start, f"the oldest message is {low}")
                start = low
            self._ends[part] = high
            starts.append(TopicPartition(self.name, part, start))
        self.consumer.assign(starts)
        self._waiting = {where.partition for where in starts}

    def fetch(self, gathering: Gathering, is_bounded: bool) -> None:
        """Take what is there, or wait a moment for it."""
        first = self.consumer.poll(POLL_S)
        if first is None:
            self._hear_silence(is_bounded)
            return
        self._heard = time.monotonic()
        room = max(1, gathering.most_rows - gathering.message_count - 1)
        for message in (first, *self.consumer.consume(room, 0.0)):
            if message.error() is None:
                gathering.add(_message(message))
                self._see(message.partition(), message.offset() + 1)
            else:
                self._see_event(message, gathering)

    def _see(self, part: int, following: int) -> None:
        from confluent_kafka import TopicPartition

        if part not in self._fresh:
            # the end as the first answer tells it; a broker may name it too low when asked for offsets alone
            self._fresh.add(part)
            _, high = self.consumer.get_watermark_offsets(TopicPartition(self.name, part), cached=True)
            self._ends[part] = max(self._ends[part], high)
        if following >= self._ends[part]:
            self._waiting.discard(part)

    def _see_event(self, message: Any, gathering: Gathering) -> None:
        from confluent_kafka import KafkaError, KafkaException, TopicPartition

        code, part = message.error().code(), message.partition()
        if code == KafkaError._PARTITION_EOF:
            # markers of transactions take offsets too, so the end can lie behind the last message
            if gathering.has_news:
                gathering.move(str(part), str(message.offset()))
            self._waiting.discard(part)
        elif code == KafkaError._AUTO_OFFSET_RESET:
            self._tell_gap(part, message.offset(), message.error().str())
            low, _ = self.consumer.get_watermark_offsets(TopicPartition(self.name, part), timeout=10)
            self.consumer.seek(TopicPartition(self.name, part, low))
        elif not message.error().retriable():
            raise KafkaException(message.error())

    def _hear_silence(self, is_bounded: bool) -> None:
        if time.monotonic() - self._heard < float(self.options["silence_s"]):
            return
        if is_bounded:
            raise LoadError(
                f"topic {self.name}: nothing came from partitions {sorted(self._waiting)}",
                value=f"{self.options['silence_s']} s of silence", allowed="messages, or their end",
                next_step="check the broker, and that the topic was not made anew since the last load",
            )  # fmt: skip
        self._partitions()  # raises where the broker is gone
        self._heard = time.monotonic()

    def _partitions(self) -> list[int]:
        found = self.consumer.list_topics(self.name, timeout=float(self.options["silence_s"])).topics
        metadata = found.get(self.name)
        if metadata is None or metadata.error is not None or not metadata.partitions:
            raise LoadError(
                "the broker has no such topic", value=self.name, allowed="an existing topic",
                next_step="correct `read` of the table",
            )  # fmt: skip
        return sorted(metadata.partitions)

    def _tell_gap(self, part: int, start: int, fact: str) -> None:
        """Raises LoadError where a gap is refused."""
        if self.options["on_gap"] == "skip":
            return
        raise LoadError(
            f"topic {self.name}, partition {part}: the next message to load is gone",
            value=f"offset {start}; {fact}", allowed="an offset that the broker still has",
            next_step="set the option on_gap: skip to go on from the oldest message there is",
        )  # fmt: skip


def _message(found: Any) -> Message:
    kind, milliseconds = found.timestamp()
    instant = dt.datetime.fromtimestamp(milliseconds / 1000, dt.UTC) if kind else dt.datetime.now(dt.UTC)
    topic, part, offset = found.topic(), found.partition(), found.offset()
    key = found.key()
    headers = {name: _text(value) for name, value in found.headers() or []}
    own = {
        "kafka_key": _text(key), "kafka_headers": headers or None, "kafka_partition": part,
        "kafka_offset": offset, "kafka_timestamp": instant, "kafka_is_tombstone": found.value() is None,
    }  # fmt: skip
    return Message(found.value(), key, f"{topic}/{part}@{offset}", str(part), str(offset + 1), instant, own)


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("utf-8", "backslashreplace")
