"""Locks by name for whoever uses one warehouse: a lease in a table, kept up while it is held.

BigQuery has no locks. An UPDATE that conflicts with another of the same table is run again on what that one
left, so of two that take one lease, one finds it taken. Belongs here: taking, keeping and giving back.
Does not belong here: what is done meanwhile.
"""

from __future__ import annotations

import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

from warehouse.client.bigquery.connection import open_client
from warehouse.client.bigquery.datasets import placed
from warehouse.client.bigquery.failures import translated
from warehouse.client.bigquery.jobs import Jobs
from warehouse.client.bigquery.place import BigQueryPlace
from warehouse.client.errors import WarehouseError

SCHEMA, TABLE = "starhouse", "lock"
LEASE_SECONDS = 60
RENEW_SECONDS = 15.0
WAIT_SECONDS = 300.0
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 5.0
LOCK_NOT_AVAILABLE = "55P03"
SERIALIZATION_FAILURE = "40001"

MAKE = "CREATE TABLE IF NOT EXISTS {lock} (name STRING NOT NULL, holder STRING, expires_at TIMESTAMP)"
# Two sessions may each add the row of a new name; whoever takes the lock takes all rows of the name.
ADD = """
INSERT INTO {lock} (name, holder, expires_at)
SELECT @name, '', TIMESTAMP_SECONDS(0) FROM (SELECT 1) AS one
WHERE NOT EXISTS (SELECT 1 FROM {lock} AS held WHERE held.name = @name)
"""
TAKE = """
UPDATE {lock} AS lease
SET holder = @holder, expires_at = TIMESTAMP_ADD(CURRENT_TIMESTAMP(), INTERVAL @seconds SECOND)
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
UPDATE {lock} AS lease SET holder = '', expires_at = TIMESTAMP_SECONDS(0)
WHERE lease.name = @name AND lease.holder = @holder
"""
HOLDER = """
SELECT holder, TIMESTAMP_DIFF(expires_at, CURRENT_TIMESTAMP(), SECOND) AS seconds FROM {lock} AS held
WHERE held.name = @name AND held.expires_at > CURRENT_TIMESTAMP() ORDER BY expires_at DESC LIMIT 1
"""

Run = Callable[[str, dict[str, Any]], tuple[list[dict[str, Any]], int]]
"""Runs GoogleSQL with parameters outside any transaction: its rows, and how many were touched."""


class Locks:
    """The locks of one warehouse. `make` puts the table there where it is missing."""

    def __init__(self, run: Run, make: Callable[[], None], close: Callable[[], None]) -> None:
        self._run, self._make, self.close, self._is_made = run, make, close, False

    @contextmanager
    def held(self, name: str) -> Iterator[None]:
        """Hold the lock `name`; others wait up to five minutes, then fail naming the holder. The lease of a
        process that died ends by itself after a minute.

        Raises:
            WarehouseError: another holds it (sqlstate 55P03), or the lease could not be kept up and was
                taken by another meanwhile.
        """
        lease = Lease(self._statement, name)
        self._take(lease)
        lease.keep_up()
        try:
            yield
        finally:
            lease.give_back()
        if lease.is_lost:
            raise WarehouseError(
                f"Lock {name!r} was lost: BigQuery did not renew it within {LEASE_SECONDS} s. Another may "
                "have worked at the same time. Look at what was written, and run this again."
            )

    def _take(self, lease: Lease) -> None:
        if not self._is_made:
            self._make()
            self._is_made = True
        deadline, pause = time.monotonic() + WAIT_SECONDS, FIRST_PAUSE
        while not lease.take():
            if time.monotonic() > deadline:
                raise WarehouseError(
                    f"Lock {lease.name!r} failed: {self._holder(lease.name)} holds it. Wait for it or end "
                    "it, then try again.",
                    LOCK_NOT_AVAILABLE,
                )
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _holder(self, name: str) -> str:
        rows, _ = self._statement(HOLDER, {"name": name})
        return (
            f"{rows[0]['holder']} (its lease ends in {rows[0]['seconds']} s)" if rows else "another session"
        )

    def _statement(self, sql: str, parameters: dict[str, Any]) -> tuple[list[dict[str, Any]], int]:
        return self._run(sql.format(lock=f"`{SCHEMA}`.`{TABLE}`"), parameters)


def open_locks(place: BigQueryPlace, http: Any, labels: dict[str, str]) -> Locks:
    """The locks of a place, on a client of their own: a thread renews while another works, and no budget
    stops it.
    """
    from google.cloud.bigquery import Dataset, ScalarQueryParameter

    own = replace(place, budget_bytes=None, maximum_bytes_billed=None, priority="interactive")
    jobs = Jobs(open_client(own, http), own, labels)
    kinds = {str: "STRING", int: "INT64"}

    def run(sql: str, parameters: dict[str, Any]) -> tuple[list[dict[str, Any]], int]:
        given = [ScalarQueryParameter(name, kinds[type(value)], value) for name, value in parameters.items()]
        ran = jobs.run(placed(sql, own), given)
        with translated("Reading a lock", own):
            return [dict(row.items()) for row in ran.rows], ran.affected

    def make() -> None:
        dataset = Dataset(f"{own.project}.{own.dataset_of(SCHEMA)}")
        dataset.location = own.location
        with translated("Making the dataset of locks", own):
            jobs.client.create_dataset(dataset, exists_ok=True, retry=jobs.retry)
        run(MAKE.format(lock=f"`{SCHEMA}`.`{TABLE}`"), {})

    return Locks(run, make, jobs.client.close)


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
