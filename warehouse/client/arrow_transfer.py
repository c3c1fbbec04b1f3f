"""Arrow in and out of the warehouse: ADBC on its own connection, COPY inside an open transaction.

Belongs here: moving tables. Does not belong: what the tables mean.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from warehouse.client.connection import adbc_connect, arrow_error, translated
from warehouse.client.errors import WarehouseError
from warehouse.client.identifiers import quote
from warehouse.client.settings import Settings

if TYPE_CHECKING:
    import pyarrow as pa
    from psycopg2.extensions import connection as Connection

MODES = ("append", "replace", "create")
COPY_ROWS = 65_536


def stream(settings: Settings, sql: str, count: Callable[[int], None]) -> pa.RecordBatchReader:
    """The result of one SELECT as batches, `count` told the bytes of each; its connection closes with the
    reader.
    """
    import pyarrow as pa

    opened = adbc_connect(settings)
    try:
        cursor = opened.cursor()
        cursor.execute(sql)
        reader = cursor.fetch_record_batch()
    except Exception as error:
        opened.close()
        raise arrow_error("Reading as Arrow", error, settings) from None

    def batches() -> Iterator[pa.RecordBatch]:
        try:
            for batch in reader:
                count(batch.nbytes)
                yield batch
        except OSError as error:  # pyarrow hands on a stream's error as OSError
            raise arrow_error("Reading as Arrow", error, settings) from None
        finally:
            cursor.close()
            opened.close()

    return pa.RecordBatchReader.from_batches(reader.schema, batches())


def load(settings: Settings, schema: str, table: str, data: pa.Table, mode: str) -> None:
    """Write a table by ADBC in one transaction of its own. Raises WarehouseError; nothing is written then."""
    if mode not in MODES:
        raise WarehouseError(f"Loading failed: mode {mode!r} is unknown. Allowed: {', '.join(MODES)}.")
    opened = adbc_connect(settings)
    try:
        with opened.cursor() as cursor:
            # the driver holds each batch twice more, as text of the COPY
            is_table = hasattr(data, "to_reader")
            parts = data.to_reader(max_chunksize=COPY_ROWS) if is_table else data
            cursor.adbc_ingest(table, parts, mode=mode, db_schema_name=schema)
        opened.commit()
    except Exception as error:
        raise arrow_error(f"Loading {schema}.{table} ({mode})", error, settings) from None
    finally:
        opened.close()


def copy(settings: Settings, opened: Connection, schema: str, table: str, data: pa.Table) -> None:
    """COPY a table's rows by column name, in the transaction of `opened`. Raises WarehouseError."""
    import pyarrow.csv as csv

    plain = _as_text_columns(data)
    names = ", ".join(quote(name) for name in plain.column_names)
    sql = f"copy {quote(schema, table)} ({names}) from stdin (format csv)"
    with translated(f"Copying into {schema}.{table}", settings), opened.cursor() as cursor:
        for batch in plain.to_batches(max_chunksize=COPY_ROWS):
            buffer = io.BytesIO()
            csv.write_csv(batch, buffer, csv.WriteOptions(include_header=False, quoting_style="needed"))
            buffer.seek(0)
            cursor.copy_expert(sql, buffer)


def _as_text_columns(data: pa.Table) -> pa.Table:
    """The table with the columns CSV cannot hold as they are made plain: dictionaries, bytes, lists,
    decimals.
    """
    import pyarrow as pa

    for position, column in enumerate(data.schema):
        replaced: Any = None
        if pa.types.is_dictionary(column.type):
            replaced = data.column(position).cast(column.type.value_type)
        elif pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
            texts = [
                None if value is None else "\\x" + value.hex() for value in data.column(position).to_pylist()
            ]
            replaced = pa.array(texts, pa.string())
        elif pa.types.is_decimal(column.type):
            replaced = data.column(position).cast(pa.string())
        elif pa.types.is_nested(column.type):
            raise WarehouseError(
                f"Copying failed: column {column.name!r} is {column.type}. Allowed are plain values; "
                "turn it into JSON text first."
            )
        if replaced is not None:
            data = data.set_column(position, column.name, replaced)
    return data
