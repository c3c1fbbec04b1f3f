"""A stream that is read no further ahead than its reader has come.

Arrow's reader of CSV reads up to 32 blocks ahead on a thread of its own, whatever becomes of the rows: beside
a slower load the whole file ends in memory. Belongs here: holding that thread back. Does not belong here:
formats.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from typing import IO, Any

AHEAD = 2
"""Blocks beyond those handed over: one being parsed, and the next, in which its last row ends."""
PATIENCE_S = 0.2


class Joined(io.RawIOBase):
    """Bytes already read, then the stream they came from."""

    def __init__(self, head: bytes, stream: IO[bytes]) -> None:
        self._head, self._stream = head, stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        part = self._head[: len(buffer)] or self._stream.read(len(buffer))
        self._head = self._head[len(part) :] if self._head else b""
        buffer[: len(part)] = part
        return len(part)


class Paced(Joined):
    """The same, for a reader on another thread that takes blocks of `block_bytes`."""

    def __init__(self, head: bytes, stream: IO[bytes], block_bytes: int) -> None:
        super().__init__(head, stream)
        self._block_bytes, self._served, self._allowed = block_bytes, 0, AHEAD * block_bytes
        self._is_waited_for, self._is_closed, self._turn = True, False, threading.Condition()

    def readinto(self, buffer: Any) -> int:
        with self._turn:
            while self._served >= self._allowed and not self._is_closed:
                # where the reader is waited for and does not get on, it needs more than usual
                if not self._turn.wait(PATIENCE_S) and self._is_waited_for:
                    self._allowed = self._served + self._block_bytes
        size = 0 if self._is_closed else super().readinto(buffer)
        self._served += size
        return size

    def blocks(self, reader: Iterator[Any]) -> Iterator[Any]:
        """What the reader of this stream gives, one block more of the stream being free to it each time."""
        try:
            while True:
                self._set(True)
                block = next(reader, None)
                self._set(False)
                if block is None:
                    return
                yield block
        finally:
            with self._turn:
                self._is_closed = True
                self._turn.notify_all()

    def _set(self, is_waited_for: bool) -> None:
        with self._turn:
            self._is_waited_for = is_waited_for
            if is_waited_for:
                self._allowed += self._block_bytes
                self._turn.notify_all()
