"""Arrow in by load jobs of Parquet, Arrow out by the Storage Read API or page by page.

Belongs here: moving tables. Does not belong here: types (`arrow_types`), query jobs (`jobs`).
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, BinaryIO

from warehouse.client.arrow_transfer import MODES
from warehouse.client.bigquery.arrow_types import (
    arrow_schema,
    listed,
    listed_field,
    loadable,
    table_schema,
)
from warehouse.client.bigquery.connection import storage_of
from warehouse.client.bigquery.failures import translated
from warehouse.client.bigquery.jobs import ANSWER_SECONDS, Ran
from warehouse.client.errors import WarehouseError

if TYPE_CHECKING:
    import pyarrow as pa

    from warehouse.client.bigquery.engine import BigQueryEngine
    from warehouse.client.googlesql.kinds import Kind

SAME_ID_TRIES = 10
DISPOSITIONS = {"append": "WRITE_APPEND", "create": "WRITE_EMPTY", "replace": "WRITE_TRUNCATE"}


def load(
    engine: BigQueryEngine, schema: str, table: str, data: pa.Table | pa.RecordBatchReader, mode: str,
    job_id: str | None = None, like: tuple[str, str] | None = None,
) -> None:  # fmt: skip
    """Write rows by one load job, all or nothing.

    `job_id` names the job: where the same one ended well before, nothing is written again. Without one, only
    a request that is repeated within this call finds its own job. `like` is a table whose types a new one
    takes.

    Raises:
        WarehouseError: an unknown mode, a table that exists already (create) or not (append), a type or a
            column that BigQuery does not take; nothing is written then.
    """
    if mode not in MODES:
        raise WarehouseError(f"Loading failed: mode {mode!r} is unknown. Allowed: {', '.join(MODES)}.")
    what = f"Loading {schema}.{table} ({mode})"
    if job_id is not None and _unused(engine, what, job_id) is None:
        return
    known = engine.table(schema, table)
    if (mode == "create") is (known is not None) and mode != "replace":
        state = "exists already" if known else "does not exist"
        raise WarehouseError(f"{what} failed: the table {state}. Take another mode.")
    pattern = engine.table(*like) if like else known if mode == "append" else None
    with tempfile.TemporaryFile() as file:
        fields = _write_parquet(data, file)
        if pattern is not None:
            fields = _of_table(fields, pattern.schema, what)
        config = _load_config(engine, fields, mode)
        target = engine.reference(schema, table)

        def once(own: str) -> None:
            named = own if job_id is None else _unused(engine, what, job_id)
            if named is not None:
                _once(engine, file, target, config, named)

        engine.jobs.persistently(what, once)


def _once(engine: BigQueryEngine, file: Any, target: str, config: Any, job_id: str) -> None:
    from google.api_core.exceptions import Conflict

    engine.jobs.sent += 1
    try:
        job = engine.client.load_table_from_file(
            file, target, rewind=True, job_id=job_id, job_config=config, timeout=ANSWER_SECONDS
        )
    except Conflict:
        job = engine.client.get_job(job_id, retry=engine.jobs.retry, timeout=ANSWER_SECONDS)
    job.result(retry=engine.jobs.retry)


def _unused(engine: BigQueryEngine, what: str, job_id: str) -> str | None:
    """The id, or the next one after jobs that failed; None where one of them ended well."""
    from google.api_core.exceptions import GoogleAPIError, NotFound

    for number in range(1, SAME_ID_TRIES + 1):
        own = job_id if number == 1 else f"{job_id}_{number}"
        with translated(what, engine.place):
            try:
                job = engine.client.get_job(own, retry=engine.jobs.retry, timeout=ANSWER_SECONDS)
            except NotFound:
                return own
            try:
                job.result(retry=engine.jobs.retry)
                return None
            except GoogleAPIError:
                if job.error_result is None:  # how it ended is not known
                    raise
    raise WarehouseError(f"{what} failed: {SAME_ID_TRIES} jobs named {job_id} failed. Give another job_id.")


def _load_config(engine: BigQueryEngine, fields: list[Any], mode: str) -> Any:
    from google.cloud.bigquery import LoadJobConfig
    from google.cloud.bigquery.format_options import ParquetOptions

    options = ParquetOptions()
    options.enable_list_inference = True
    return LoadJobConfig(
        source_format="PARQUET", schema=fields, labels=engine.jobs.labels, parquet_options=options,
        write_disposition=DISPOSITIONS[mode],
        create_disposition="CREATE_NEVER" if mode == "append" else "CREATE_IF_NEEDED",
    )  # fmt: skip


def _write_parquet(data: pa.Table | pa.RecordBatchReader, file: BinaryIO | Any) -> list[Any]:
    """Write the rows batch by batch; the columns of a table that would hold them."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    first = loadable(data.schema.empty_table())
    with pq.ParquetWriter(file, first.schema, compression="snappy") as writer:
        batches = [data] if isinstance(data, pa.Table) else (pa.Table.from_batches([one]) for one in data)
        for batch in batches:
            writer.write_table(loadable(batch))
    return table_schema(first)


def _of_table(fields: list[Any], known: list[Any], what: str) -> list[Any]:
    """The table's own columns of those names, so that a load changes none."""
    there = {field.name: field for field in known}
    strange = [field.name for field in fields if field.name not in there]
    if strange:
        raise WarehouseError(
            f"{what} failed: the table has no columns {strange}. Allowed: {', '.join(there)}."
        )
    return [there[field.name] for field in fields]


def stream(
    engine: BigQueryEngine, ran: Ran, lists: Mapping[str, Kind], count: Callable[[int], None]
) -> pa.RecordBatchReader:
    """A result as batches, `count` told the bytes of each. By the Storage Read API where there is one.

    `lists` names columns that arrive as JSON texts of lists.
    """
    import pyarrow as pa

    sent = arrow_schema(list(ran.rows.schema))
    wanted = pa.schema([listed_field(field, lists.get(field.name)) for field in sent])
    doubled = sorted({name for name in sent.names if sent.names.count(name) > 1})
    if doubled:
        raise WarehouseError(f"Reading as Arrow failed: columns {doubled} come twice. Name each column once.")

    def batches() -> Iterator[pa.RecordBatch]:
        with translated("Reading as Arrow", engine.place), storage_of(engine.place) as storage:
            for found in ran.rows.to_arrow_iterable(bqstorage_client=storage):
                batch = found.select(sent.names).cast(sent)
                if wanted != sent:
                    columns = [listed(column, field) for column, field in zip(batch, wanted, strict=True)]
                    batch = pa.RecordBatch.from_arrays(columns, schema=wanted)
                count(batch.nbytes)
                yield batch

    return pa.RecordBatchReader.from_batches(wanted, batches())
