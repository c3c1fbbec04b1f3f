"""Locks by name for whoever uses one warehouse, which BigQuery has not: leases in a table.

Belongs here: waiting for one, keeping it, giving it back, ending what a dead holder left open. Does not
belong
here: the table's statements (`lease`), what is done meanwhile.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from typing import Any

from warehouse.client.bigquery.connection import open_client
from warehouse.client.bigquery.datasets import placed
from warehouse.client.bigquery.failures import translated
from warehouse.client.bigquery.jobs import Jobs
from warehouse.client.bigquery.lease import (
    HOLDER,
    LEASE_SECONDS,
    MAKE,
    SCHEMA,
    SERIALIZATION_FAILURE,
    TABLE,
    Lease,
    Run,
)
from warehouse.client.bigquery.place import BigQueryPlace
from warehouse.client.errors import WarehouseError

WAIT_SECONDS = 300.0
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 5.0
LOCK_NOT_AVAILABLE = "55P03"
SESSION = re.compile(r"[A-Za-z0-9_=+/-]+")


class Locks:
    """The locks of one warehouse. `make` puts the table there where it is missing."""

    def __init__(self, run: Run, make: Callable[[], None], close: Callable[[], None]) -> None:
        self._run, self._make, self.close, self._is_made = run, make, close, False
        self._session: str | None = None
        self._begun_at: datetime | None = None
        self._leases: list[Lease] = []

    @contextmanager
    def held(self, name: str) -> Iterator[None]:
        """Hold the lock `name`; others wait up to five minutes, then fail naming the holder. The lease of a
        process that died ends by itself after a minute.

        Raises:
            WarehouseError: another holds it (sqlstate 55P03); another gave it back after this one's
                transaction began, which cannot see what that one wrote (40001); or the lease could not be
                kept up and was taken by another meanwhile.
        """
        lease = Lease(self._statement, name)
        self._take(lease)
        try:
            self._settle(lease)
            lease.keep_up()
            self._leases.append(lease)
            yield
        finally:
            self._leases = [one for one in self._leases if one is not lease]
            lease.give_back()
        if lease.is_lost:
            raise WarehouseError(
                f"Lock {name!r} was lost: BigQuery did not renew it within {LEASE_SECONDS} s. Another may "
                "have worked at the same time. Look at what was written, and run this again."
            )

    def work_in(self, session: str | None, begun_at: datetime | None = None) -> None:
        """Say in which session a transaction goes on, and since when. Should this process die, BigQuery
        would keep it open for a day, and every other change of its tables would fail: so the next holder
        ends it.
        """
        self._session, self._begun_at = session, begun_at
        for lease in self._leases if session else ():
            lease.works_in(session)

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

    def _settle(self, lease: Lease) -> None:
        """End what a dead holder left open, and refuse a transaction that began too early."""
        sessions, released_at = lease.left()
        for session in sessions:
            if SESSION.fullmatch(session):
                with suppress(WarehouseError):  # it ended by itself
                    self._run(f"CALL BQ.ABORT_SESSION('{session}')", {})
        if sessions or self._session:
            lease.works_in(self._session)
        if self._begun_at and released_at and released_at > self._begun_at:
            raise WarehouseError(
                f"Lock {lease.name!r} failed: another held it while this transaction was open, which cannot "
                "see what that one wrote. Allowed: taking it before the first change of rows. Try again.",
                SERIALIZATION_FAILURE,
            )

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
