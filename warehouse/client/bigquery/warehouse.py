"""`BigQueryWarehouse`: what the rest of the project knows of a warehouse on BigQuery.

Belongs here: the interface. Does not belong here: how each part is done (the other files of this folder).
"""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from warehouse.client.bigquery import arrow_transfer
from warehouse.client.bigquery.catalog import BigQueryCatalog
from warehouse.client.bigquery.connection import open_client
from warehouse.client.bigquery.engine import BigQueryEngine
from warehouse.client.bigquery.exports import read_folder
from warehouse.client.bigquery.jobs import Jobs
from warehouse.client.bigquery.transactions import BigQueryTransactions
from warehouse.client.errors import WarehouseError
from warehouse.client.googlesql import TranslationError
from warehouse.client.googlesql.parameters import filled
from warehouse.client.identifiers import quote
from warehouse.client.settings import Settings

if TYPE_CHECKING:
    import pyarrow as pa

KNOWN_SECONDS = 60.0
"""How long the columns of a table are taken for what they were."""


class BigQueryWarehouse(BigQueryCatalog, BigQueryTransactions):
    """One session of the warehouse. For one thread at a time.

    bytes_out counts the Arrow bytes that left the warehouse through this object; bytes_processed and
    bytes_billed what BigQuery read for it.
    """

    def __init__(self, settings: Settings, http: Any = None) -> None:
        place = settings.bigquery
        client = open_client(place, http)
        jobs = Jobs(client, place, {"starhouse_env": settings.env})
        super().__init__(BigQueryEngine(client, place, jobs), http)
        self.settings, self.place = settings, place
        self._is_closed, self._asked_at = False, time.monotonic()

    def __enter__(self) -> BigQueryWarehouse:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"BigQueryWarehouse({self.settings!r})"

    @property
    def bytes_processed(self) -> int:
        """The bytes that queries of this warehouse read."""
        return self._engine.jobs.bytes_processed

    @property
    def bytes_billed(self) -> int:
        """The bytes that queries of this warehouse cost."""
        return self._engine.jobs.bytes_billed

    def query(self, sql: str, params: Any = None) -> list[dict[str, Any]]:
        """Rows as dicts by column name; an empty list for a statement without a result.

        Raises:
            WarehouseError: it failed, or has no translation (TranslationError).
        """
        return super().query(sql, params)

    def estimate(self, sql: str, params: Any = None) -> int:
        """The bytes a statement would read, by a dry run, which costs nothing. Raises WarehouseError."""
        return sum(self._engine.estimate(text) for text in self._translation(sql, params).statements)

    def estimate_googlesql(self, sql: str) -> int:
        """As `estimate`, of a statement that is written in GoogleSQL. Raises WarehouseError."""
        self._opened().begin({})
        return self._engine.estimate(sql)

    @property
    def export_uri(self) -> str | None:
        """The folder of a bucket into which models are exported; None where the URL names none."""
        return self.place.export_uri

    def read_folder(self, uri: str) -> dict[str, bytes]:
        """The files of a folder of a bucket, by their path in it. Raises WarehouseError."""
        return read_folder(self._opened().client, self.place, uri)

    def labelled(self, **labels: str) -> AbstractContextManager[None]:
        """Jobs inside bear these labels, such as model and run."""
        return self._engine.jobs.labelled(**labels)

    @property
    def google_client(self) -> Any:
        """Google's own client, for a library that takes one."""
        return self._opened().client

    def googlesql(self, sql: str) -> str:
        """One query of Postgres as the text that is sent for it. Raises WarehouseError."""
        return self._engine.ready(self._translation(sql, None).statements[-1])[0]

    def run_googlesql(self, sql: str) -> list[dict[str, Any]]:
        """Run a statement that is written in GoogleSQL, as for BigQuery ML; its tables are `schema`.`table`
        of the house. Raises WarehouseError.
        """
        self._opened().begin({})
        return self._engine.run(sql)

    def fetch_arrow(self, sql: str) -> pa.Table:
        """The result of one SELECT. Raises WarehouseError."""
        return self.stream_arrow(sql).read_all()

    def stream_arrow(self, sql: str) -> pa.RecordBatchReader:
        """As `fetch_arrow`, batch by batch, for results larger than memory."""
        made = self._translation(sql, None)
        for text in made.statements[:-1]:
            self._engine.run(text)
        ran = self._engine.send(made.statements[-1])
        self._remember(made)
        return arrow_transfer.stream(self._engine, ran, made.lists, self._count)

    def load_arrow(
        self, schema: str, table: str, data: pa.Table | pa.RecordBatchReader, mode: str = "append",
        job_id: str | None = None,
    ) -> None:  # fmt: skip
        """Write Arrow rows by one load job, outside any transaction. mode: append, replace or create. The
        same `job_id` loads once. Raises WarehouseError.
        """
        arrow_transfer.load(self._opened(), schema, table, data, mode, job_id)
        self._known.pop(f"{schema}.{table}", None)

    def replace_table(self, schema: str, new: str, old: str) -> None:
        """Put the table `new` in the place of `old`, which may be missing, and take its name: a copy, which
        is whole or not at all, and the end of `new`.
        """
        engine = self._opened()
        if self._is_begun:
            raise TranslationError(
                f"Putting {schema}.{new} in the place of {old} stands behind a change of rows in one "
                "transaction; allowed on BigQuery: before the first change, or after its end."
            )
        paths = [quote(schema, name, dialect="bigquery") for name in (old, new)]
        engine.begin({})
        engine.run(f"CREATE OR REPLACE TABLE {paths[0]} COPY {paths[1]}")
        engine.run(f"DROP TABLE {paths[1]}")
        for name in (old, new):
            self._known.pop(f"{schema}.{name}", None)

    def close(self) -> None:
        """Give the connection back; safe to call twice."""
        if not self._is_closed:
            self._is_closed = True
            self._engine.client.close()
            if self._held is not None:
                self._held.close()

    def _opened(self) -> BigQueryEngine:
        if self._is_closed:
            raise WarehouseError(
                "The warehouse session is closed. Open a new one with open_warehouse(settings)."
            )
        return self._engine

    def _filled(self, sql: str, params: Any) -> str:
        """Large values are sent as parameters of the query, whose text may have a megabyte. Columns are asked
        for anew once a minute: others change tables too.
        """
        if not self._depth and time.monotonic() - self._asked_at > KNOWN_SECONDS:
            self._known.clear()
            self._asked_at = time.monotonic()
        large: dict[str, str | bytes] = {}
        text = filled(sql, params, large)
        self._opened().begin(large)
        return text

    def _count(self, size: int) -> None:
        self.bytes_out += size
