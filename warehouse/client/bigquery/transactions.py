"""Transactions and locks of a warehouse on BigQuery.

Inside `transaction()` the first change of rows opens a session; definitions of lasting tables stand before
it, as `warehouse.client.googlesql.transactions` decides for every engine. Rows of Arrow come by a load job,
which takes part in no transaction: they are loaded beside and inserted from there. Belongs here: this. Does
not belong here: the session's statements (`sessions`), leases (`locks`).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any

from warehouse.client.bigquery import arrow_transfer
from warehouse.client.bigquery.catalog import SHORT_LIVED
from warehouse.client.bigquery.engine import BigQueryEngine
from warehouse.client.bigquery.locks import Locks, open_locks
from warehouse.client.bigquery.sessions import Session
from warehouse.client.errors import WarehouseError
from warehouse.client.googlesql import TranslatedWarehouse
from warehouse.client.identifiers import quote

if TYPE_CHECKING:
    from typing import Self

    import pyarrow as pa


class BigQueryTransactions(TranslatedWarehouse):
    """Changes that are kept together, and locks between processes; `http` replaces the clients' session."""

    _engine: BigQueryEngine
    _opened: Any
    load_arrow: Any
    ensure_schema: Any

    def __init__(self, engine: BigQueryEngine, http: Any = None) -> None:
        super().__init__(engine)
        self._http = http
        self._session: Session | None = None
        self._held: Locks | None = None
        self._until_end, self._locked = ExitStack(), set[str]()
        self._staged: list[str] = []

    def copy_arrow(self, schema: str, table: str, data: pa.Table) -> None:
        """Append Arrow rows to an existing table by column name, inside the current transaction if there is
        one: a load job takes part in none, so they are loaded beside and inserted from there.
        """
        if not self._depth:
            self.load_arrow(schema, table, data)
            return
        staged = f"copied_{uuid.uuid4().hex}"
        self.ensure_schema(SHORT_LIVED)
        arrow_transfer.load(self._opened(), SHORT_LIVED, staged, data, "create", like=(schema, table))
        names = ", ".join(map(quote, data.column_names))
        self._staged.append(staged)
        self.execute(
            f"insert into {quote(schema, table)} ({names}) select {names} from {quote(SHORT_LIVED, staged)}"
        )

    @contextmanager
    def advisory_lock(self, name: str) -> Iterator[None]:
        """Hold the lock `name` of this warehouse; others wait up to five minutes, then fail naming the
        holder.

        It is a lease: a killed process loses it after a minute. Raises WarehouseError.
        """
        with self._locks().held(name):
            yield

    def lock_until_commit(self, name: str) -> None:
        """Hold the lock `name` to the end of the open transaction; others wait. Take it before the first
        change of rows, which fixes what the transaction sees. Raises WarehouseError.
        """
        if not self._depth:
            raise WarehouseError(f"Lock {name!r} failed: no transaction is open. Use advisory_lock(name).")
        if name not in self._locked:
            self._until_end.enter_context(self._locks().held(name))
            self._locked.add(name)

    @contextmanager
    def transaction(self) -> Iterator[Self]:
        """All or nothing, as `googlesql.transactions` says; locks taken until its end are given back last."""
        if self._depth:
            with super().transaction():
                yield self
            return
        with self._until_end:
            try:
                with super().transaction():
                    yield self
            finally:
                self._locked = set()
                self._drop_staged()

    def _begin(self) -> None:
        self._session = Session(self._opened().jobs)
        self._engine.session = self._session.id
        if self._held is not None:
            self._held.work_in(self._session.id, self._session.begun_at)

    def _commit(self) -> None:
        if self._session is not None:
            self._session.commit()
        self._leave()

    def _rollback(self) -> None:
        session = self._session
        self._leave()
        if session is not None:
            session.roll_back()

    def _leave(self) -> None:
        self._session = self._engine.session = None
        if self._held is not None:
            self._held.work_in(None)

    def _drop_staged(self) -> None:
        staged, self._staged = self._staged, []
        for name in staged:
            with suppress(WarehouseError):  # BigQuery drops it after two days
                self._engine.run(f"DROP TABLE IF EXISTS {quote(SHORT_LIVED, name, dialect='bigquery')}")

    def _locks(self) -> Locks:
        """Their jobs go by a client of their own: a thread renews while this one works, and no budget stops
        it.
        """
        self._opened()
        if self._held is None:
            self._held = open_locks(self._engine.place, self._http, self._engine.jobs.labels)
            if self._session is not None:
                self._held.work_in(self._session.id, self._session.begun_at)
        return self._held
