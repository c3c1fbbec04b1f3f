"""`Warehouse`: what the rest of the project knows of the database.

Belongs here: queries, transactions, locks, Arrow in and out. Does not belong: SQL of any model, or another
engine's dialect.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from warehouse.client import arrow_transfer
from warehouse.client.catalog import PostgresCatalog
from warehouse.client.connection import connect, connect_or_create, translated
from warehouse.client.errors import WarehouseError
from warehouse.client.settings import Settings

if TYPE_CHECKING:
    import pyarrow as pa
    from psycopg2.extensions import connection as Connection

    Params = Mapping[str, Any] | Sequence[Any] | None

LOCK_NOT_AVAILABLE = "55P03"


class Warehouse(PostgresCatalog):
    """One session of the warehouse, in UTC; autocommit outside `transaction()`. For one thread at a time.

    bytes_out counts the Arrow bytes that left the warehouse through this object.
    """

    dialect = "postgres"

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.bytes_out = 0
        self._connection: Connection | None = None
        self._depth = 0
        self._is_closed = False
        self._hold()

    def __enter__(self) -> Warehouse:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Warehouse({self.settings!r})"

    def query(self, sql: str, params: Params = None) -> list[dict[str, Any]]:
        """Rows as dicts by column name; an empty list for a statement without a result. Raises
        WarehouseError.
        """
        with self._cursor("Query", sql, params) as cursor:
            if cursor.description is None:
                return []
            names = [column.name for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def scalar(self, sql: str, params: Params = None) -> Any:
        """The first column of the first row; None where there is no row. Raises WarehouseError."""
        with self._cursor("Query", sql, params) as cursor:
            row = cursor.fetchone() if cursor.description is not None else None
            return None if row is None else row[0]

    def execute(self, sql: str, params: Params = None) -> int:
        """Run statements; the number of rows the last one touched, -1 where the server does not say."""
        with self._cursor("Statement", sql, params) as cursor:
            return int(cursor.rowcount)

    @contextmanager
    def transaction(self) -> Iterator[Warehouse]:
        """All or nothing: commits at the end, rolls back on any exception. Nested ones join the outer one."""
        connection = self._open()
        if self._depth == 0:
            connection.autocommit = False
        self._depth += 1
        try:
            yield self
        except BaseException:
            self._depth -= 1
            if self._depth == 0 and not connection.closed:
                connection.rollback()
                connection.autocommit = True
            raise
        self._depth -= 1
        if self._depth == 0:
            try:
                with translated("Commit", self.settings):
                    connection.commit()
            finally:
                if not connection.closed:
                    connection.rollback()
                    connection.autocommit = True

    def fetch_arrow(self, sql: str) -> pa.Table:
        """The result of one SELECT, read on a connection of its own (it does not see an open transaction's
        changes).

        Cast NUMERIC to double precision in the SQL: ADBC has no type for it. Raises WarehouseError.
        """
        return self.stream_arrow(sql).read_all()

    def stream_arrow(self, sql: str) -> pa.RecordBatchReader:
        """As `fetch_arrow`, batch by batch, for results larger than memory. Read it to the end, or close
        it.
        """
        return arrow_transfer.stream(self.settings, sql, self._count)

    def load_arrow(self, schema: str, table: str, data: pa.Table, mode: str = "append") -> None:
        """Write Arrow rows by ADBC on a connection and transaction of its own. mode: append, replace or
        create.
        """
        arrow_transfer.load(self.settings, schema, table, data, mode)

    def copy_arrow(self, schema: str, table: str, data: pa.Table) -> None:
        """COPY Arrow rows into an existing table by column name, inside the current transaction if there is
        one.
        """
        with self.transaction():
            arrow_transfer.copy(self.settings, self._open(), schema, table, data)

    @contextmanager
    def advisory_lock(self, name: str) -> Iterator[None]:
        """Hold the lock `name` of this database; others wait up to five minutes, then fail naming the holder.

        It lives on a connection of its own, so a failed transaction cannot keep it, and a killed process
        loses it.
        """
        connection = connect(self.settings)
        try:
            try:
                with translated(f"Lock {name!r}", self.settings), connection.cursor() as cursor:
                    cursor.execute("select pg_advisory_lock(hashtextextended(%s, 0))", (f"starhouse:{name}",))
            except WarehouseError as error:
                if error.sqlstate != LOCK_NOT_AVAILABLE:
                    raise
                raise WarehouseError(
                    f"Lock {name!r} failed: {self._holder(name)} holds it. Wait for it or end it, then "
                    "try again.",
                    error.sqlstate,
                ) from None
            yield
        finally:
            connection.close()

    @contextmanager
    def labelled(self, **labels: str) -> Iterator[None]:
        """Nothing: Postgres has no labels. On BigQuery jobs inside bear these, as its bills show them."""
        yield

    def close(self) -> None:
        """Give back connection and server; safe to call twice."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._connection is not None:
            self._connection.close()
        if self.settings.is_embedded:
            from warehouse.client.embedded.server import release

            release(self.settings)

    def _hold(self) -> None:
        if self.settings.is_embedded:
            from warehouse.client.embedded.server import hold

            hold(self.settings)
        try:
            self._connection = connect_or_create(self.settings)
        except BaseException:
            self.close()
            raise

    def _open(self) -> Connection:
        """The connection, opened anew after a restart of the server; never within a transaction, which is
        lost.
        """
        if self._is_closed:
            raise WarehouseError(
                "The warehouse session is closed. Open a new one with open_warehouse(settings)."
            )
        if self._connection is None or (self._connection.closed and self._depth == 0):
            if self.settings.is_embedded:
                from warehouse.client.embedded.server import hold, release

                hold(self.settings)
                release(self.settings)
            self._connection = connect_or_create(self.settings)
        return self._connection

    @contextmanager
    def _cursor(self, action: str, sql: str, params: Params) -> Iterator[Any]:
        connection = self._open()
        with translated(action, self.settings), connection.cursor() as cursor:
            cursor.execute(sql, _plain(params))
            yield cursor

    def _count(self, size: int) -> None:
        self.bytes_out += size

    def _holder(self, name: str) -> str:
        sql = """
            select a.pid, a.application_name, a.backend_start
            from pg_locks l join pg_stat_activity a using (pid)
            where l.locktype = 'advisory' and l.granted and l.objsubid = 1
              and (l.classid::bigint << 32) | l.objid::bigint = hashtextextended(%s, 0)
        """
        with connect(self.settings) as connection, connection.cursor() as cursor:
            cursor.execute(sql, (f"starhouse:{name}",))
            row = cursor.fetchone()
        return f"session {row[0]} ({row[1]}, since {row[2]:%H:%M:%S} UTC)" if row else "another session"


def _plain(params: Params) -> Params:
    """NumPy scalars as Python values: psycopg2 would write NumPy 2's repr, `np.float64(0.5)`, into the
    SQL.
    """
    if isinstance(params, Mapping):
        return {key: _plain_value(value) for key, value in params.items()}
    return params if params is None else [_plain_value(value) for value in params]


def _plain_value(value: Any) -> Any:
    return value.item() if type(value).__module__ == "numpy" and hasattr(value, "item") else value


def open_warehouse(settings: Settings) -> Warehouse:
    """Open the warehouse: starts the embedded server if needed and creates the database. Use it with `with`.

    On BigQuery it is a `BigQueryWarehouse`, which has the same methods. Raises SettingsError, ServerError or
    WarehouseError; each says what to do next.
    """
    if settings.engine == "bigquery":
        from warehouse.client.bigquery.warehouse import BigQueryWarehouse

        return cast("Warehouse", BigQueryWarehouse(settings))
    return Warehouse(settings)
