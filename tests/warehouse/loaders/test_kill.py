"""A load killed with SIGKILL leaves the earlier rows whole, and the next load ends with every row once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from warehouse.client import subprocess_env
from warehouse.loaders import LOADERS

LOADER = LOADERS["nycflights13"]
TABLES = ["airlines", "weather", "flights"]

# the load of a process that kills itself at one point of it
LOAD = """
import os, signal, sys
from pathlib import Path
from warehouse.client import load_settings
from warehouse.loaders import LOADERS, delivery, landing, publish

def die(*args, **kwargs):
    os.kill(os.getpid(), signal.SIGKILL)

def then_die(function):
    return lambda *args, **kwargs: (function(*args, **kwargs), die())

point, folder = sys.argv[1:]
if point == "before dlt":
    landing._run = die
elif point == "after dlt's commit, before its own marker":
    from dlt.destinations.impl.postgres.postgres import PostgresParquetCopyJob as job
    job.run = then_die(job.run)
elif point == "landed, not published":
    delivery.publish = die
elif point == "published, before the audit row":
    publish.record = die
elif point == "after the audit row, before commit":
    publish.record = then_die(publish.record)
elif point == "after commit":
    delivery.clear = die
LOADERS["nycflights13"].load(
    load_settings(), tables=["airlines", "weather", "flights"], source_dir=Path(folder), force=point != "none"
)
"""
POINTS = [
    "before dlt",
    "after dlt's commit, before its own marker",
    "landed, not published",
    "published, before the audit row",
    "after the audit row, before commit",
    "after commit",
]


def start(settings, folder: Path, point: str = "none") -> subprocess.Popen:
    env = subprocess_env(settings) | {"STARHOUSE_DATABASE": settings.database}
    command = [sys.executable, "-c", LOAD, point, str(folder)]
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def source_rows(wh) -> dict[str, tuple]:
    """Count and hash of the source's own columns: the same for every load of the same file."""
    found = {}
    for table in TABLES:
        columns = ", ".join(f'"{column.name}"' for column in LOADER.source.table(table).columns)
        row = f"md5(row({columns})::text)"
        sql = f"select count(*) as rows, md5(string_agg({row}, '' order by {row})) as hash"
        found[table] = tuple(wh.query(f'{sql} from raw."nycflights13__{table}"')[0].values())
    return found


@pytest.mark.parametrize("point", POINTS)
def test_a_killed_load_loses_and_doubles_nothing(point, wh, sample):
    LOADER.load(wh.settings, tables=TABLES, source_dir=sample.path)
    earlier = source_rows(wh)
    sample.edit("flights.csv.zip", lambda rows: [row.__setitem__(15, "5") for row in rows[1::2]])
    sample.edit("weather.csv", lambda rows: rows.pop())

    process = start(wh.settings, sample.path, point)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == -9, output

    after_kill = source_rows(wh)
    assert (after_kill == earlier) is (point != "after commit")
    again = LOADER.load(wh.settings, tables=TABLES, source_dir=sample.path)
    final = source_rows(wh)
    assert [final[table][0] for table in TABLES] == [16, 140, 1673]
    assert final != earlier
    assert (final == after_kill) is (point == "after commit")
    assert {result.table for result in again if result.is_skipped} == (
        set(TABLES) if point == "after commit" else {"airlines"}
    )
    assert wh.scalar("select count(*) from raw.load_audit where not is_reconciled") == 0
    audited = {
        row["table_name"].removeprefix("nycflights13__"): row["loaded_rows"]
        for row in wh.query(
            "select distinct on (table_name) * from raw.load_audit order by table_name, finished_at desc"
        )
    }
    assert audited == {table: final[table][0] for table in TABLES}
    assert not (wh.settings.dlt_dir / wh.settings.database).exists()


def test_two_loads_at_once_are_one(wh, sample):
    running = [start(wh.settings, sample.path) for _ in range(2)]
    outputs = [process.communicate(timeout=120)[0] for process in running]
    assert [process.returncode for process in running] == [0, 0], outputs
    assert [source_rows(wh)[table][0] for table in TABLES] == [16, 141, 1673]
    assert wh.scalar("select count(*) from raw.load_audit") == 3  # the second found everything there
