"""Empty databases made ahead, while tests run: to make one takes the server as long as many a test takes.

Belongs here: making and dropping them in the background. Does not belong: fixtures.
"""

from __future__ import annotations

import queue
import threading
import uuid
from dataclasses import replace

from warehouse.client import Settings, Warehouse, open_warehouse, quote

AHEAD = 3
WAIT_S = 120


class DatabaseStock:
    """Hands out new empty databases on one server and drops those that are given back."""

    def __init__(self, server: Settings) -> None:
        self._server = server
        self._ready: queue.Queue[str | BaseException] = queue.Queue(AHEAD)
        self._used: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._worker = threading.Thread(target=self._work, daemon=True)
        self._worker.start()

    def take(self) -> Settings:
        """Settings of a database that nobody used; raises what kept the stock from making one."""
        found = self._ready.get(timeout=WAIT_S)
        if isinstance(found, BaseException):
            raise found
        return replace(self._server, database=found)

    def give_back(self, settings: Settings) -> None:
        self._used.put(settings.database)

    def close(self) -> None:
        """End the worker; what is left goes with the server."""
        self._stop.set()
        self._worker.join(WAIT_S)

    def _work(self) -> None:
        try:
            with open_warehouse(self._server) as warehouse:
                while not self._stop.is_set():
                    self._drop_used(warehouse)
                    if not self._ready.full():
                        self._ready.put(_make(warehouse))
                    else:
                        self._stop.wait(0.005)
        except BaseException as error:
            self._ready.put(error)

    def _drop_used(self, warehouse: Warehouse) -> None:
        while not self._used.empty() and self._ready.full():
            warehouse.execute(f"drop database if exists {quote(self._used.get())} with (force)")


def _make(warehouse: Warehouse) -> str:
    name = f"t_{uuid.uuid4().hex[:12]}"
    warehouse.execute(f"create database {quote(name)}")
    return name
