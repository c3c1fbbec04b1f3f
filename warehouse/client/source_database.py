"""A Postgres database that data come from: read only, on connections of its own.

Belongs here: connecting to a source, its columns, and its rows as Arrow. Does not belong here: the warehouse
itself (`warehouse.client.warehouse`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from warehouse.client.errors import WarehouseError, scrub
from warehouse.client.settings import Secret

if TYPE_CHECKING:
    import pyarrow as pa

CONNECT_TIMEOUT_S = 10


class SourceDatabase:
    """A source by its URL, `postgresql://user:password@host:port/database`. Every session is read only."""

    def __init__(self, url: Secret) -> None:
        self._url = url

    def query(self, sql: str, params: Any = None) -> list[dict[str, Any]]:
        """Rows as dicts. Raises WarehouseError without the password in its text."""
        import psycopg2

        try:
            with closing(psycopg2.connect(self._url.reveal(), connect_timeout=CONNECT_TIMEOUT_S)) as opened:
                opened.set_session(readonly=True)
                with opened.cursor() as cursor:
                    cursor.execute(sql, params)
                    names = [column.name for column in cursor.description]
                    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        except psycopg2.Error as error:
            raise self._failure("Reading the source", error) from None

    def stream(self, sql: str) -> Iterator[pa.RecordBatch]:
        """The result of one SELECT, batch by batch, in UTC. Raises WarehouseError."""
        import adbc_driver_manager
        from adbc_driver_postgresql import dbapi

        try:
            with closing(dbapi.connect(self._url.reveal())) as opened, closing(opened.cursor()) as cursor:
                cursor.execute("set timezone = 'UTC'")
                cursor.execute("set transaction read only")
                cursor.execute(sql)
                yield from cursor.fetch_record_batch()
        except (adbc_driver_manager.Error, OSError) as error:
            raise self._failure("Reading the source", error) from None

    def _failure(self, action: str, error: Exception) -> WarehouseError:
        secret = unquote(urlsplit(self._url.reveal()).password or "")
        text = " ".join(str(error).split())
        return WarehouseError(f"{action} failed: {scrub(text, secret)}", getattr(error, "pgcode", None))
