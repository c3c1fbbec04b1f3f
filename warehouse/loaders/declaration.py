"""What a source is: the declarations a loader is made of, the error it raises and the result it returns.

Belongs here: `Column`, `Table`, `Source`, `LoadResult`, `LoadError`, and the checks a declaration can make of
itself. Does not belong: reading files, talking to the warehouse, anything true of one source only.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from warehouse.client import WarehouseError

if TYPE_CHECKING:
    import pyarrow as pa

# declared type → (Arrow type, Postgres type); instants are UTC with microseconds
TYPES = {
    "integer": ("int64", "bigint"),
    "number": ("float64", "double precision"),
    "text": ("string", "text"),
    "boolean": ("bool", "boolean"),
    "date": ("date32", "date"),
    "instant": ("timestamp[us, tz=UTC]", "timestamptz"),
}
KNOWN_AT = "known_at"
PARTITION_DATE = "partition_date"
# dlt rewrites other names to snake_case without a word, so a declaration has to be in it already
NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


class LoadError(WarehouseError):
    """A load that was refused or failed; nothing in `raw` has changed.

    The text says what failed, the value received, what is allowed and the next step.
    """

    def __init__(self, what: str, *, value: object, allowed: str, next_step: str) -> None:
        received = value if isinstance(value, str) else repr(value)
        received = received if len(received) <= 200 else received[:200] + "…"
        super().__init__(f"{what}. Received: {received}. Allowed: {allowed}. Next: {next_step}.")


@dataclass(frozen=True)
class Column:
    """One source column: its name in `raw`, its type (a key of `TYPES`) and its heading in the file."""

    name: str
    type: str
    header: str | None = None

    def __post_init__(self) -> None:
        _check_name("column", self.name)
        if self.type not in TYPES:
            raise LoadError(
                f"column {self.name} is declared with an unknown type",
                value=self.type,
                allowed=", ".join(TYPES),
                next_step="correct the declaration",
            )

    @property
    def heading(self) -> str:
        return self.header or self.name


@dataclass(frozen=True)
class Table:
    """One table of a source.

    `name`     the table's name; in the warehouse `raw.<source>__<name>`.
    `file`     its file inside the source's folder (.csv, or .zip of one .csv).
    `columns`  every column of the file, in any order.
    `key`      columns that together name a row; null or repeated values are refused.
    `derive`   (rows, read) → rows with `known_at` (instant, UTC: when the row could first be known) added,
               and, where `by_day`, `partition_date` (date). `read(table name)` gives another table of the
               same source, read from the same folder.
    `by_day`   the table can be loaded by `partition_date`; else it is always replaced as a whole.
    `describe` one sentence that becomes the comment on the table in the warehouse.
    """

    name: str
    file: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    derive: Callable[[pa.Table, Callable[[str], pa.Table]], pa.Table]
    describe: str
    by_day: bool = False

    def __post_init__(self) -> None:
        _check_name("table", self.name)
        names = [column.name for column in self.columns]
        known = {*names, PARTITION_DATE} if self.by_day else {*names}
        if len(set(names)) < len(names) or not self.key or not set(self.key) <= known:
            raise LoadError(
                f"table {self.name}: repeated columns, or a key that is not among them",
                value=(names, self.key),
                allowed="distinct names; a key of declared columns",
                next_step="correct the declaration",
            )

    @property
    def derived(self) -> tuple[Column, ...]:
        """The columns `derive` adds."""
        partition = (Column(PARTITION_DATE, "date"),) if self.by_day else ()
        return (Column(KNOWN_AT, "instant"), *partition)

    @property
    def required(self) -> tuple[str, ...]:
        """Columns that may not be null."""
        return (*dict.fromkeys((*self.key, *(column.name for column in self.derived))),)


@dataclass(frozen=True)
class Source:
    """A source: its name, its tables, where its files are, and the days it covers (None: open)."""

    name: str
    tables: tuple[Table, ...]
    directory: Callable[[], Path]
    first_date: date | None = None
    last_date: date | None = None

    def __post_init__(self) -> None:
        _check_name("source", self.name)

    def relation(self, table: Table) -> str:
        """The table's name in the schemas `raw` and `landing`."""
        return f"{self.name}__{table.name}"

    def table(self, name: str) -> Table:
        for table in self.tables:
            if table.name == name:
                return table
        raise LoadError(
            f"source {self.name} has no such table",
            value=name,
            allowed=", ".join(table.name for table in self.tables),
            next_step="name one of these tables",
        )


@dataclass(frozen=True)
class LoadResult:
    """What one call did for one table.

    `source_rows` of the file lie in the requested range; `loaded_rows` were written by this call: those of
    the days that differed, none when skipped; `sha256` is the source file's; wall `seconds` are those of the
    whole load the table was part of.
    """

    table: str
    load_id: str
    source_rows: int
    loaded_rows: int
    sha256: str
    seconds: float
    is_skipped: bool


def _check_name(kind: str, name: str) -> None:
    if not NAME.fullmatch(name):
        raise LoadError(
            f"{kind} name is not plain snake_case",
            value=name,
            allowed="lower-case letters and digits, words parted by one _; a file's own heading goes into "
            "Column(header=…)",
            next_step="correct the declaration",
        )
