"""Carrying Arrow rows into the schema `landing` with dlt: parquet files, taken in by ADBC as binary COPY.

Belongs here: all of dlt. Does not belong: `raw`, which only `publish` writes.

Every load works in a new folder below `settings.dlt_dir` and lands in tables made new, with `replace`. So dlt
never finds a package that an earlier, killed run left pending: it would load that one, ignore the new rows,
or refuse for good where it was killed between its commit and its own marker. What a killed load leaves behind
is swept by the next. dlt's state tables (`_dlt_loads`, `_dlt_version`) live in `landing` too, none in `raw`.

Into BigQuery each table is carried by one load job that makes it new, not by dlt: dlt's own destination there
has no option for another endpoint, and its package of several tables is not one transaction either.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from math import ceil
from pathlib import Path
from time import time
from typing import TYPE_CHECKING

from warehouse.client import connection_urls, quote
from warehouse.client.errors import scrub
from warehouse.loaders.declaration import TYPES, LoadError, Source, Table
from warehouse.loaders.raw_tables import BIGQUERY

if TYPE_CHECKING:
    import pyarrow as pa

    from warehouse.client import Settings, Warehouse

SCHEMA = "landing"
WORKERS = 2
# two files at once take 0.44 s where one takes 0.71 s for 336,776 rows: our end and the server's are both
# busy
ROWS_WORTH_PARTING = 50_000
ROWS_PER_FILE = 500_000  # ADBC holds one file in memory
# dlt takes its configuration from here alone: no environment variable, no file, no word to its makers
CONFIGURATION = {
    "runtime": {"dlthub_telemetry": False, "log_level": "ERROR"},
    "load": {
        "workers": WORKERS,
        "raise_on_failed_jobs": True,
        "raise_on_max_retries": 1,
        "delete_completed_jobs": True,
    },
    "normalize": {"workers": 1},
    "data_writer": {"file_max_items": 1},  # every part its own file
    "restore_from_destination": False,
    "enable_runtime_trace": False,
}


def land(wh: Warehouse, source: Source, rows: Mapping[str, pa.Table]) -> str:
    """Bring rows by table name into `landing.<source>__<table>`; returns the load's id.

    The caller holds the lock of all loads. Raises LoadError with dlt's own reason; `raw` is not touched
    either way.
    """
    settings = wh.settings
    wh.ensure_schema(SCHEMA)
    if wh.dialect == BIGQUERY:
        for name, data in rows.items():
            wh.load_arrow(SCHEMA, source.relation(source.table(name)), data, mode="replace")
        return _load_id()
    for name in rows:
        _make_table(wh, source, source.table(name))
    rows = {name: data for name, data in rows.items() if data.num_rows}
    if not rows:  # a day without rows is a load all the same, but dlt fails on a file without any
        return _load_id()
    # one folder a database, as the lock is one a database: a load never sweeps another's work away
    work = settings.dlt_dir / settings.database
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    try:
        return _run(settings, source, rows, work)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def clear(wh: Warehouse, source: Source, names: list[str]) -> None:
    """Drop the landed rows; after publishing they would only take space."""
    for name in names:
        wh.execute(f"drop table if exists {quote(SCHEMA, source.relation(source.table(name)))}")


def _load_id() -> str:
    """An id such as dlt gives: the instant, in seconds. One load runs at a time."""
    return f"{time():.7f}"


def landed_columns(table: Table) -> list[tuple[str, str]]:
    """(name, Postgres type) of what is carried: the source's columns and the derived ones."""
    return [(column.name, TYPES[column.type][1]) for column in (*table.columns, *table.derived)]


def _make_table(wh: Warehouse, source: Source, table: Table) -> None:
    # unlogged: rows on their way need no write-ahead log, and dlt finds the table instead of making a logged
    # one
    relation = quote(SCHEMA, source.relation(table))
    columns = ", ".join(f"{quote(name)} {kind}" for name, kind in landed_columns(table))
    wh.execute(f"drop table if exists {relation}")
    wh.execute(f"create unlogged table {relation} ({columns})")


def _run(settings: Settings, source: Source, rows: Mapping[str, pa.Table], folder: Path) -> str:
    import dlt
    from dlt.common.runtime.run_context import switched_run_context

    with switched_run_context(_context(folder)):
        pipeline = dlt.pipeline(
            source.name,
            pipelines_dir=str(folder / "pipelines"),
            destination=dlt.destinations.postgres(connection_urls(settings).dlt),
            dataset_name=SCHEMA,
        )
        resources = [
            dlt.resource(_parts(data), name=source.relation(source.table(name)), write_disposition="replace")
            for name, data in rows.items()
        ]
        try:
            info = pipeline.run(resources, loader_file_format="parquet")
        except Exception as error:
            raise LoadError(
                f"dlt could not bring {source.name} into the warehouse",
                value=_reason(error),
                allowed="rows the warehouse accepts, and a warehouse that stays up",
                next_step="mend the reason and load again; nothing has changed",
            ) from error
    return info.loads_ids[0]


def _parts(data: pa.Table) -> list[pa.Table]:
    """The rows in equal parts, one for each file that is carried."""
    count = (
        WORKERS * ceil(data.num_rows / (WORKERS * ROWS_PER_FILE)) if data.num_rows > ROWS_WORTH_PARTING else 1
    )
    size = ceil(data.num_rows / count)
    return [data.slice(first, size) for first in range(0, data.num_rows, size)]


def _context(folder: Path):
    """A run context of dlt that knows only `CONFIGURATION` and writes only below `folder`."""
    from dlt.common.configuration.providers.dictionary import DictionaryProvider
    from dlt.common.runtime.run_context import RunContext

    class Contained(RunContext):
        run_dir = local_dir = global_dir = data_dir = str(folder)

        def initial_providers(self):
            provider = DictionaryProvider()
            provider._config_doc = CONFIGURATION
            return [provider]

    return Contained(str(folder))


def _reason(error: BaseException) -> str:
    """The innermost error's first line: dlt wraps it several times, with its own advice around it."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__
    return scrub(f"{type(error).__name__}: {error}").strip().splitlines()[0]
