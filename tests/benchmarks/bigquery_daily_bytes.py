"""Bytes BigQuery would scan for one added day: `python -m tests.benchmarks.bigquery_daily_bytes` writes
`build/bench/bigquery_daily_bytes.json`.

Computed, not measured on BigQuery: the statements are those that dbt sends to the emulator for a new day
(`--selector new_day`), the bytes follow from the documented rule (`tests.benchmarks.scanned_bytes`) and the
size of the rows of real days, for a history of a year and of ten, in which these days stand again and again.
Belongs here: that computation. Does not belong here: the rule.
"""

from __future__ import annotations

import math
import re
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.benchmarks.record import record, versions
from tests.benchmarks.scanned_bytes import Scan, Warehouse, scans

if TYPE_CHECKING:
    from tests.warehouse.dbt.bigquery.two_engines import TwoEngines

DAYS = ((date(2013, 11, 1), date(2013, 11, 7)), date(2013, 11, 8))
YEAR = 365
HISTORIES = (YEAR, 10 * YEAR)
LEAST_BILLED = 10 * 2**20
"""Of each table that a query reads, at least so much is billed."""
RAW_PARTITION = "partition_date"
FIXED = {"INTEGER": 8, "FLOAT": 8, "BOOLEAN": 1, "DATE": 8, "TIMESTAMP": 8, "DATETIME": 8, "BIGNUMERIC": 32}
REPORTED = 12
GOAL = 1.1
INCLUDES = {
    "ours": "every statement of `dbt build --selector new_day`, its tests and its questions too",
    "neither": "the load; computed by BigQuery's documented rule, not measured on BigQuery",
}
TEMPORARY, BROUGHT_DAYS = "__dbt_tmp", 3
NUMBERED = re.compile(rf"{TEMPORARY}\d+")
VIEW = re.compile(r"create or replace view `[^`]+`\.`(\w+)`\.`(\w+)`.*?^  as (.*);", re.DOTALL | re.MULTILINE)
DATABASE = "starhouse_bench_bytes"  # a database of its own, dropped at the end


@dataclass(frozen=True)
class Table:
    """Bytes by column of a mean day of a partitioned table, or of the whole of another."""

    size: Mapping[str, float]
    partition: str | None
    months: bool = False

    def whole(self, parts: int) -> Table:
        """A table without partitions that holds so many of them."""
        return Table({column: size * parts for column, size in self.size.items()}, None)


def size_of(value: Any, kind: str) -> int:
    """Bytes of a value: https://cloud.google.com/bigquery/pricing#data."""
    if value is None:
        return 0
    return FIXED[kind] if kind in FIXED else 2 + len(str(value).encode())


def table_of(
    rows: list[Mapping[str, Any]], kinds: Mapping[str, str], partition: str | None, months: bool
) -> Table:
    """The sizes of a table's rows, which are those of its days."""
    parts = len({row[partition] for row in rows}) if partition else 1
    totals = {column: sum(size_of(row[column], kind) for row in rows) for column, kind in kinds.items()}
    size = {column: total / max(parts, 1) for column, total in totals.items()}
    return Table(size, partition, bool(months))


def bytes_of(scan: Scan, table: Table, history: int, last: date) -> float:
    """What a scan reads where the table holds `history` days up to `last`."""
    width = sum(table.size[column] for column in scan.columns)
    if table.partition is None:
        return width
    days = (last - timedelta(days=back) for back in range(history))
    if table.months:
        return width * len({day.replace(day=1) for day in days if scan.matches(day.replace(day=1))})
    return width * sum(scan.matches(day) for day in days)


def joined(found: Iterable[Scan]) -> dict[str, list[Scan]]:
    """Scans by table: a column that a statement reads twice is read once."""
    by_table: dict[str, list[Scan]] = {}
    for scan in found:
        by_table.setdefault(scan.table, []).append(scan)
    return by_table


def read_by(
    sql: str, warehouse: Warehouse, tables: Mapping[str, Table], history: int, last: date
) -> dict[str, float]:
    """Bytes by table of one statement: of the scans of a table the largest, with the columns of all."""
    found = {}
    for name, several in joined(scans(NUMBERED.sub(TEMPORARY, sql), warehouse)).items():
        if name in tables:
            columns = frozenset().union(*(scan.columns for scan in several))
            all_columns = [Scan(name, columns, scan.condition) for scan in several]
            found[name] = max(bytes_of(scan, tables[name], history, last) for scan in all_columns)
    return found


def billed(read: Mapping[str, float]) -> int:
    return sum(max(LEAST_BILLED, math.ceil(size)) for size in read.values())


def main() -> None:
    from tests.conftest import create_database, drop_database
    from tests.peers.bqemulator import REQUIREMENTS, BqEmulator
    from tests.peers.environment import peer_python
    from tests.warehouse.dbt.bigquery.two_engines import TwoEngines
    from warehouse.client import load_settings, open_warehouse, start_server

    server = load_settings()
    start_server(server)
    own = replace(server, database=DATABASE)
    drop_database(server, DATABASE)
    create_database(server, DATABASE)
    try:
        with (
            tempfile.TemporaryDirectory() as folder, open_warehouse(own) as wh,
            BqEmulator(peer_python("bqemulator", REQUIREMENTS)) as emulator,
        ):  # fmt: skip
            sent, warehouse, tables = added_day(TwoEngines(wh, emulator, Path(folder)))
    finally:
        drop_database(server, DATABASE)
    found = report(sent, warehouse, tables)
    short, long = found["bytes"]
    record(
        "bigquery_daily_bytes", peer="the same day after a tenth of the history", rows=len(sent),
        ours=[long], theirs=[short], goal=GOAL, unit="bytes scanned", direction="at_most", includes=INCLUDES,
        versions=versions("sqlglot", "dbt-bigquery"), **found,
    )  # fmt: skip


def added_day(engines: TwoEngines) -> tuple[list[str], Warehouse, dict[str, Table]]:
    """A week built on the emulator, then the statements of one more day, and what the tables then hold."""
    (first, last), added = DAYS
    engines.load(first, last)
    engines.copy_raw()
    engines.make_ml()
    engines.dbt("bigquery", "build", "--exclude-resource-type", "unit_test", "test")
    engines.load(added, added)
    engines.copy_raw()
    before = len(engines.statements())
    engines.dbt("bigquery", "build", "--selector", "new_day")
    return engines.statements()[before:], *described(engines)


def described(engines: TwoEngines) -> tuple[Warehouse, dict[str, Table]]:
    """What is known of the emulator's tables and views, and how large their days are."""
    columns, partitions, tables = {}, {}, {}
    for name, kinds in engines.tables().items():
        columns[name] = dict(kinds)
        found = engines.google.get_table(name)
        if found.table_type == "VIEW":
            continue
        partitioning = found.time_partitioning
        partition = partitioning.field if partitioning else RAW_PARTITION if RAW_PARTITION in kinds else None
        if partition:
            partitions[name] = partition
        rows = [dict(row.items()) for row in engines.google.list_rows(found)]
        tables[name] = table_of(rows, kinds, partition, partitioning and partitioning.type_ == "MONTH")
        # What a statement brings stands in a table of its own first: taken for three days of the target.
        brought = f"{name}{TEMPORARY}"
        columns[brought], tables[brought] = columns[name], tables[name].whole(BROUGHT_DAYS)
    return Warehouse(columns, views_of(engines.statements()), partitions), tables


def views_of(statements: list[str]) -> dict[str, str]:
    """The query of each view by its name, as the statement that made it says; the emulator does not tell."""
    found = {}
    for made in filter(None, map(VIEW.search, statements)):
        found[f"{made[1]}.{made[2]}"] = made[3]
    return found


def report(sent: list[str], warehouse: Warehouse, tables: Mapping[str, Table]) -> dict[str, Any]:
    """Bytes of the run by history, and the statements that read more where there is more history."""
    last = DAYS[1]
    read = [[read_by(sql, warehouse, tables, history, last) for sql in sent] for history in HISTORIES]
    totals = [sum(sum(one.values()) for one in of) for of in read]
    growing = sorted(
        ((sum(long.values()) - sum(short.values()), " ".join(sql.split("*/")[-1].split())[:160])
         for sql, short, long in zip(sent, *read, strict=True)), reverse=True,
    )  # fmt: skip
    return {
        "statements": len(sent),
        "history_days": HISTORIES,
        "bytes": [round(total) for total in totals],
        "bytes_billed": [sum(map(billed, of)) for of in read],
        "growing": [{"bytes": round(size), "statement": text} for size, text in growing if size > 0][
            :REPORTED
        ],
    }


if __name__ == "__main__":
    main()
