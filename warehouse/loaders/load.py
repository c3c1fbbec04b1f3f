"""Loading a declared source into `raw`: the steps in order, the same for every source.

Belongs here: choosing tables and days, skipping what is already there, one load at a time, the results.
Does not belong: how files are read (`source_file`), carried (`landing`) or published (`publish`, `audit`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from warehouse.client import Settings, open_warehouse
from warehouse.loaders.audit import Window
from warehouse.loaders.declaration import PARTITION_DATE, LoadError, LoadResult, Source, Table
from warehouse.loaders.delivery import Parcel, deliver
from warehouse.loaders.presence import already_loaded, newest_load, pending_days
from warehouse.loaders.publish import has_declared_shape

if TYPE_CHECKING:
    import pyarrow as pa

    from warehouse.client import Warehouse
    from warehouse.loaders.source_file import SourceFile

LOCK = "starhouse load"
Progress = Callable[[str], None]


@dataclass(frozen=True)
class SourceLoader:
    """The loader of one source; `LOADERS` holds one for each."""

    source: Source

    @property
    def tables(self) -> tuple[str, ...]:
        return tuple(table.name for table in self.source.tables)

    @property
    def first_date(self) -> date | None:
        return self.source.first_date

    @property
    def last_date(self) -> date | None:
        return self.source.last_date

    def load(
        self,
        settings: Settings,
        tables: Iterable[str] | None = None,
        start: date | None = None,
        end: date | None = None,
        progress: Progress | None = None,
        source_dir: Path | None = None,
        force: bool = False,
    ) -> list[LoadResult]:
        """Bring tables (all, or those named) into `raw`; one result for each, in the order asked for.

        `start` and `end` are inclusive local dates and choose the days of tables loaded by day; the other
        tables are loaded whole. A table whose file and days are already in `raw` is skipped unless `force`.
        All tables of a call are published in one transaction. One load runs at a time in a database; a second
        waits.

        Raises:
            LoadError: bad input, or counts that do not reconcile; no row of `raw` has changed.
        """
        chosen = [
            self.source.table(name) for name in dict.fromkeys(self.tables if tables is None else tables)
        ]
        window = _window(self.source, start, end)
        files = Files(self.source, Path(source_dir) if source_dir else self.source.directory())
        for table in chosen:
            files.open(table)
        with open_warehouse(settings) as wh, wh.advisory_lock(LOCK):
            return _Load(wh, self.source, files, window, progress or (lambda line: None)).run(chosen, force)


class Files:
    """The files of one call, each read at most once."""

    def __init__(self, source: Source, directory: Path) -> None:
        self.source, self.directory = source, directory
        self._opened: dict[str, SourceFile] = {}
        self._rows: dict[str, pa.Table] = {}

    def open(self, table: Table) -> SourceFile:
        from warehouse.loaders.source_file import SourceFile

        if table.name not in self._opened:
            self._opened[table.name] = SourceFile.open(self.directory / table.file)
        return self._opened[table.name]

    def read(self, name: str) -> pa.Table:
        """The source's own columns of a table."""
        from warehouse.loaders.source_file import read_rows

        if name not in self._rows:
            table = self.source.table(name)
            self._rows[name] = read_rows(self.open(table), table)
        return self._rows[name]

    def derive(self, table: Table) -> pa.Table:
        """The source's and the derived columns, checked."""
        from warehouse.loaders.checks import check_rows

        rows = table.derive(self.read(table.name), self.read)
        check_rows(table, rows)
        return rows.select([column.name for column in (*table.columns, *table.derived)])


@dataclass
class _Load:
    wh: Warehouse
    source: Source
    files: Files
    window: Window
    progress: Progress

    def __post_init__(self) -> None:
        self.started_at, self._clock = datetime.now(UTC), perf_counter()
        self._in_range: dict[str, int] = {}  # rows of the file in the requested days, by table

    def run(self, chosen: list[Table], force: bool) -> list[LoadResult]:
        results: dict[str, LoadResult] = {}
        parcels: list[Parcel] = []
        for table in chosen:
            found = None if force else self._present(table)
            found = found or self._read(table, force)
            if isinstance(found, Parcel):
                parcels.append(found)
            else:
                results[table.name] = found
        if parcels:
            results |= self._deliver(parcels)
        return [results[table.name] for table in chosen]

    def _window(self, table: Table) -> Window:
        return self.window if table.by_day else Window()

    def _present(self, table: Table) -> LoadResult | None:
        """The result of a table one earlier load brought whole, found without reading the file."""
        relation, sha256 = self.source.relation(table), self.files.open(table).sha256
        if not has_declared_shape(self.wh, relation, table):
            return None
        found = already_loaded(self.wh, relation, sha256, self._window(table))
        return self._skipped(table, *found) if found else None

    def _read(self, table: Table, force: bool) -> Parcel | LoadResult:
        """The rows to load, only those of days that differ unless `force`; or the result where none does."""
        relation, file, window = self.source.relation(table), self.files.open(table), self._window(table)
        rows = _within(self.files.derive(table), window)
        self.progress(f"{relation}: read {rows.num_rows:,} rows of {file.path.name}")
        self._in_range[table.name] = rows.num_rows
        if not force and table.by_day and has_declared_shape(self.wh, relation, table):
            days = pending_days(self.wh, relation, file.sha256, window, rows)
            if days is None:
                return self._skipped(table, newest_load(self.wh, relation, file.sha256), rows.num_rows)
            rows, window = _within(rows, days), days
        return Parcel(table, rows, file.path.name, file.sha256, window)

    def _skipped(self, table: Table, load_id: str, rows: int) -> LoadResult:
        self.progress(f"{self.source.relation(table)}: already loaded ({rows:,} rows)")
        seconds = perf_counter() - self._clock
        return LoadResult(table.name, load_id, rows, 0, self.files.open(table).sha256, seconds, True)

    def _deliver(self, parcels: list[Parcel]) -> dict[str, LoadResult]:
        load_id = deliver(self.wh, self.source, parcels, self.started_at)
        seconds, rows = perf_counter() - self._clock, sum(parcel.rows.num_rows for parcel in parcels)
        self.progress(f"{self.source.name}: loaded {rows:,} rows in {seconds:.1f} s, load {load_id}")
        return {
            parcel.table.name: LoadResult(
                parcel.table.name,
                load_id,
                self._in_range[parcel.table.name],
                parcel.rows.num_rows,
                parcel.sha256,
                seconds,
                False,
            )
            for parcel in parcels
        }


def _within(rows: pa.Table, window: Window) -> pa.Table:
    import pyarrow as pa
    import pyarrow.compute as pc

    for bound, keep in ((window.start, pc.greater_equal), (window.end, pc.less_equal)):
        if bound is not None:
            rows = rows.filter(keep(rows[PARTITION_DATE], pa.scalar(bound, pa.date32())))
    return rows


def _window(source: Source, start: date | None, end: date | None) -> Window:
    first, last = source.first_date or date.min, source.last_date or date.max
    lower, upper = start or date.min, end or date.max
    if lower > upper or lower > last or upper < first:
        raise LoadError(
            f"no day of {source.name} lies between start and end",
            value=f"{start} to {end}",
            allowed=f"start ≤ end, touching {first} to {last}",
            next_step="choose other days, or none for everything",
        )
    return Window(start, end)
