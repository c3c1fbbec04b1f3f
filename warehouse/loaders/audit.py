"""`raw.load_audit`: one row per load and table.

Belongs here: the audit table and writing its rows. Does not belong: writing any other table, judging what is
already there.

An audit row of a good load is written in the transaction that publishes the rows, after they have been
counted there: both are committed or neither is, so no audit row can speak of rows that are not there, nor
rows lack one. A load whose counts differ is rolled back and leaves one row with `is_reconciled` false.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

from warehouse.client import quote
from warehouse.loaders.declaration import PARTITION_DATE
from warehouse.loaders.raw_tables import make_table

if TYPE_CHECKING:
    from warehouse.client import Warehouse

RAW = "raw"
AUDIT = quote(RAW, "load_audit")
_COLUMNS = (
    ("load_id", "text", True),
    ("table_name", "text", True),
    ("source_file", "text", True),
    ("source_file_sha256", "text", True),
    ("partition_start", "date", False),
    ("partition_end", "date", False),
    ("source_rows", "bigint", True),
    ("loaded_rows", "bigint", True),
    ("started_at", "timestamptz", True),
    ("finished_at", "timestamptz", True),
    ("is_reconciled", "boolean", True),
)
_COMMENT = (
    "One row per load and raw table. partition_start and partition_end are inclusive; null means open. "
    "Written in the transaction that published the rows."
)
_INSERT = f"""
insert into {AUDIT} ({", ".join(name for name, _, _ in _COLUMNS)}) values (
    %(load_id)s, %(table_name)s, %(source_file)s, %(sha256)s, %(start)s, %(end)s, %(source_rows)s,
    %(loaded_rows)s, %(started_at)s, clock_timestamp(), %(is_reconciled)s
)"""


@dataclass(frozen=True)
class Window:
    """Inclusive range of `partition_date`; None is open. A table not loaded by day always has Window()."""

    start: date | None = None
    end: date | None = None

    def where(self) -> str:
        """The SQL condition, with the parameters of `parameters`."""
        bounds = [f"{quote(PARTITION_DATE)} >= %(start)s"] if self.start else []
        bounds += [f"{quote(PARTITION_DATE)} <= %(end)s"] if self.end else []
        return " and ".join(bounds) or "true"

    @property
    def parameters(self) -> dict[str, date | None]:
        return {"start": self.start, "end": self.end}


@dataclass(frozen=True)
class Entry:
    """What an audit row says about one table's load."""

    load_id: str
    relation: str
    source_file: str
    sha256: str
    window: Window
    source_rows: int
    started_at: datetime


def ensure_audit(wh: Warehouse) -> None:
    """Create schema `raw` and the audit table where they are missing."""
    wh.ensure_schema(RAW)
    if not wh.table_exists(RAW, "load_audit"):
        make_table(wh, RAW, "load_audit", _COLUMNS, _COMMENT, rules="primary key (load_id, table_name)")


def record(wh: Warehouse, entry: Entry, loaded_rows: int) -> None:
    """Write one audit row; `is_reconciled` is whether as many rows were loaded as the source has."""
    wh.execute(
        _INSERT,
        {
            "load_id": entry.load_id,
            "table_name": entry.relation,
            "source_file": entry.source_file,
            "sha256": entry.sha256,
            **entry.window.parameters,
            "source_rows": entry.source_rows,
            "loaded_rows": loaded_rows,
            "started_at": entry.started_at,
            "is_reconciled": loaded_rows == entry.source_rows,
        },
    )
