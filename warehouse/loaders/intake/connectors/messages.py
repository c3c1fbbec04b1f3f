"""Messages of a broker gathered to batches: JSON objects to rows, each with its place and its instant.

Belongs here: what Kafka and Kinesis share. Does not belong here: fetching messages.
"""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from warehouse.loaders.intake.batch import Batch, Reject
from warehouse.loaders.intake.connectors.json_text import object_of
from warehouse.loaders.intake.declared import DeclaredTable

SHOWN_BYTES = 100_000
"""Of a message that is no JSON object, so many bytes are kept in quarantine."""


class Message(NamedTuple):
    """`part`: partition or shard. `after`: the position that reading goes on from once this is loaded.
    `own`: what the broker says of it, by the names of columns that a table may declare.
    """

    value: bytes | None
    key: bytes | None
    place: str
    part: str
    after: str
    known_at: dt.datetime
    own: Mapping[str, Any]


@dataclass
class Gathering:
    """A batch in the making: due at `most_rows` messages, `most_bytes`, or `most_seconds` after its first."""

    table: DeclaredTable
    most_rows: int
    most_bytes: int
    most_seconds: float
    _rows: list[dict[str, Any]] = field(default_factory=list)
    _positions: list[str] = field(default_factory=list)
    _known_at: list[dt.datetime] = field(default_factory=list)
    _rejects: list[Reject] = field(default_factory=list)
    _resume: dict[str, str] = field(default_factory=dict)
    _bytes: int = 0
    _since: float = 0.0

    def __post_init__(self) -> None:
        self._declared = {column.name for column in self.table.columns}

    @property
    def message_count(self) -> int:
        return len(self._rows) + len(self._rejects)

    @property
    def has_news(self) -> bool:
        return bool(self._resume)

    @property
    def is_due(self) -> bool:
        if not self._resume:
            return False
        is_full = self.message_count >= self.most_rows or self._bytes >= self.most_bytes
        return is_full or time.monotonic() - self._since >= self.most_seconds

    def add(self, message: Message) -> None:
        self.move(message.part, message.after)
        self._bytes += len(message.value or b"") + len(message.key or b"")
        own = {name: value for name, value in message.own.items() if name in self._declared}
        try:
            row = {**_key_columns(self.table, message), **_fields(message.value), **own}
        except (ValueError, RecursionError) as error:
            shown = (message.value or b"")[:SHOWN_BYTES].decode("utf-8", "backslashreplace")
            reason = f"the message is no JSON object: {error}"
            self._rejects.append(Reject(message.place, reason, None, {**own, "message": shown}))
            return
        self._rows.append(row)
        self._positions.append(message.place)
        self._known_at.append(message.known_at)

    def move(self, part: str, after: str) -> None:
        """Reading of the part goes on from `after`, even where no message of it came."""
        if not self._resume:
            self._since = time.monotonic()
        self._resume[part] = after

    def take(self) -> Batch:
        """The batch; a new one begins."""
        batch = Batch(self._rows, self._positions, self._resume, self._rejects, self._known_at)
        self._rows, self._positions, self._known_at, self._rejects = [], [], [], []
        self._resume, self._bytes = {}, 0
        return batch


def _fields(value: bytes | None) -> dict[str, Any]:
    """Raises ValueError where the value is no JSON object in UTF-8."""
    if value is None:
        return {}
    return object_of(value)


def _key_columns(table: DeclaredTable, message: Message) -> dict[str, Any]:
    """The table's key as the message's key tells it: the fields of a JSON object, else its text where one
    column is the key. The message's value may say the same again.
    """
    if message.key is None:
        return {}
    try:
        text = message.key.decode("utf-8")
        found = json.loads(text)
    except ValueError:
        found = text = message.key.decode("utf-8", "backslashreplace")
    if isinstance(found, dict):
        return {name: found[name] for name in table.key if name in found}
    return {table.key[0]: text} if len(table.key) == 1 else {}
