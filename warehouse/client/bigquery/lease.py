"""A lease: one holding of one lock in the table of locks, renewed while it is held.

Of two that take one lease at once only one wins: an UPDATE that conflicts with another of the same table is
run again by BigQuery on what that one left. Belongs here: the table's statements. Does not belong here:
waiting (`locks`).
"""

from __future__ import annotations

import os
import socket
import threading
import uuid
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Any

from warehouse.client.errors import WarehouseError

SCHEMA, TABLE = "starhouse", "lock"
LEASE_SECONDS = 60
RENEW_SECONDS = 15.0
SERIALIZATION_FAILURE = "40001"

MAKE = """
CREATE TABLE IF NOT EXISTS {lock} (
  name STRING NOT NULL, holder STRING, expires_at TIMESTAMP, released_at TIMESTAMP, session STRING
)
"""
# Two sessions may each add the row of a new name; whoever takes the lock takes all rows of the name.
ADD = """
INSERT INTO {lock} (name, holder, expires_at)
SELECT @name, '', TIMESTAMP_SECONDS(0) FROM (SELECT 1) AS one
WHERE NOT EXISTS (SELECT 1 FROM {lock} AS held WHERE held.name = @name)
"""
TAKE = """
UPDATE {lock} AS lease
SET holder = @holder, expires_at = TIMESTAMP_ADD(CURRENT_TIMESTAMP(), INTERVAL @seconds SECOND),
  released_at = IF(lease.holder = '', lease.released_at, CURRENT_TIMESTAMP())
WHERE lease.name = @name AND NOT EXISTS (
  SELECT 1 FROM {lock} AS held
  WHERE held.name = @name AND held.holder != @holder AND held.expires_at > CURRENT_TIMESTAMP()
)
"""
RENEW = """
UPDATE {lock} AS lease SET expires_at = TIMESTAMP_ADD(CURRENT_TIMESTAMP(), INTERVAL @seconds SECOND)
WHERE lease.name = @name AND lease.holder = @holder
"""
GIVE_BACK = """
UPDATE {lock} AS lease SET holder = '', expires_at = TIMESTAMP_SECONDS(0), released_at = CURRENT_TIMESTAMP(),
  session = NULL
WHERE lease.name = @name AND lease.holder = @holder
"""
HOLDER = """
SELECT holder, TIMESTAMP_DIFF(expires_at, CURRENT_TIMESTAMP(), SECOND) AS seconds FROM {lock} AS held
WHERE held.name = @name AND held.expires_at > CURRENT_TIMESTAMP() ORDER BY expires_at DESC LIMIT 1
"""

LEFT = "SELECT session, released_at FROM {lock} AS held WHERE held.name = @name"
WORKS_IN = """
UPDATE {lock} AS lease SET session = NULLIF(@session, '')
WHERE lease.name = @name AND lease.holder = @holder
"""

Run = Callable[[str, dict[str, Any]], tuple[list[dict[str, Any]], int]]
"""Runs GoogleSQL with parameters outside any transaction: its rows, and how many were touched."""


class Lease:
    """One holding of one lock, renewed by a thread of its own."""

    def __init__(self, run: Run, name: str) -> None:
        self._run, self.name, self.is_lost = run, name, False
        self._holder = f"{socket.gethostname()} process {os.getpid()} {uuid.uuid4().hex[:8]}"
        self._given_back = threading.Event()
        self._thread: threading.Thread | None = None

    def take(self) -> bool:
        """Whether the lock is held now."""
        try:
            if self._touched(TAKE, seconds=LEASE_SECONDS):
                return True
            self._touched(ADD, holder=None)
            return bool(self._touched(TAKE, seconds=LEASE_SECONDS))
        except WarehouseError as error:
            if error.sqlstate != SERIALIZATION_FAILURE:  # then another changed the table: look again
                raise
            return False

    def left(self) -> tuple[list[str], datetime | None]:
        """Sessions that the holder before left open, for it died in a transaction, and when it was known to
        hold the lock no more; None where nobody held it.
        """
        rows, _ = self._run(LEFT, {"name": self.name})
        ends = [row["released_at"] for row in rows if row["released_at"]]
        return [row["session"] for row in rows if row["session"]], max(ends, default=None)

    def works_in(self, session: str | None) -> None:
        """Write down the session whose transaction goes on, for whoever comes after a death."""
        self._touched(WORKS_IN, session=session or "")

    def keep_up(self) -> None:
        """Renew it from now on."""
        self._thread = threading.Thread(target=self._renew, name=f"lease {self.name}", daemon=True)
        self._thread.start()

    def give_back(self) -> None:
        """End it. Where that fails it ends by itself."""
        self._given_back.set()
        if self._thread is not None:
            self._thread.join()
        with suppress(WarehouseError):
            self.is_lost |= not self._touched(GIVE_BACK)

    def _renew(self) -> None:
        while not self._given_back.wait(RENEW_SECONDS):
            with suppress(WarehouseError):  # the next one may succeed before the lease ends
                if not self._touched(RENEW, seconds=LEASE_SECONDS):
                    self.is_lost = True
                    return

    def _touched(self, sql: str, **given: Any) -> int:
        parameters = {"name": self.name, "holder": self._holder, **given}
        return self._run(sql, {name: value for name, value in parameters.items() if value is not None})[1]
