"""What can be wrong with a file: each fault's error names file, place, value and what is allowed."""

from __future__ import annotations

import pytest

from warehouse.loaders import LoadError
from warehouse.loaders.checks import check_rows
from warehouse.loaders.declaration import Column, Table
from warehouse.loaders.source_file import SourceFile, read_rows

TABLE = Table(
    "orders",
    "orders.csv",
    (
        Column("order_id", "integer"),
        Column("amount", "number"),
        Column("at", "instant", header="OrderedAt"),
        Column("day", "date"),
        Column("is_paid", "boolean"),
        Column("note", "text"),
    ),
    key=("order_id",),
    derive=lambda rows, read: rows.append_column("known_at", rows["at"]),
    describe="One row per order.",
)
HEADING = "order_id,amount,OrderedAt,day,is_paid,note\n"
GOOD = "1,2.5,2013-01-01T10:00:00Z,2013-01-01,true,first\n"


def read(tmp_path, content: str | bytes):
    path = tmp_path / "orders.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    rows = read_rows(SourceFile.open(path), TABLE)
    rows = TABLE.derive(rows, None)
    check_rows(TABLE, rows)
    return rows


def test_types_nulls_order_and_headings(tmp_path):
    shuffled = (
        "note,order_id,OrderedAt,amount,is_paid,day\nNA,7,2013-01-01T10:00:00-05:00,,false,2013-01-02\n"
    )
    row = read(tmp_path, shuffled).to_pylist()[0]
    assert row["order_id"] == 7 and row["note"] is None and row["amount"] is None
    assert row["at"].isoformat() == "2013-01-01T15:00:00+00:00"
    assert (row["day"].isoformat(), row["is_paid"]) == ("2013-01-02", False)
    assert list(row)[:6] == [column.name for column in TABLE.columns]


@pytest.mark.parametrize(
    "content",
    [
        "\ufeff" + HEADING + GOOD,  # byte order mark
        (HEADING + GOOD).replace("\n", "\r\n"),
        HEADING + GOOD.rstrip("\n"),  # no newline at the end
        HEADING + GOOD + "\n\n",  # blank lines
        HEADING + '1,2.5,2013-01-01T10:00:00Z,2013-01-01,true,"a ""quoted"", one"\n',
    ],
)
def test_spellings_of_csv_that_are_read(tmp_path, content):
    assert read(tmp_path, content).num_rows == 1


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        (HEADING, "has no rows"),
        ("order_id,amount\n1,2\n", "misses column OrderedAt, day, is_paid, note"),
        (HEADING.strip() + ",extra\n" + GOOD.strip() + ",1\n", "undeclared column extra"),
        (HEADING.strip() + ",note\n" + GOOD.strip() + ",1\n", "repeats column note"),
        (
            HEADING + GOOD + GOOD.replace("1,2.5", "x,2.5"),
            r"line 3: column order_id .*invalid value 'x'.*integer",
        ),
        (HEADING + GOOD.replace("1,2.5", "2.0,2.5"), "column order_id .*integer"),
        (HEADING + GOOD.replace("1,2.5", "99999999999999999999,2"), "column order_id"),
        (HEADING + GOOD.replace("2.5", "much"), "column amount .*number"),
        (HEADING + GOOD.replace("10:00:00Z", "10:00:00"), "column OrderedAt .*zone offset"),
        (HEADING + GOOD.replace(",2013-01-01,", ",01.01.2013,"), "column day"),
        (HEADING + GOOD.replace("true", "perhaps"), "column is_paid .*boolean"),
        (HEADING + GOOD + "1,2\n", "broken line.*Expected 6 columns, got 2"),
        (HEADING + GOOD.replace("first", '"never closed') + GOOD, "quote that is never closed"),
        ((HEADING + GOOD).replace("first", "caf\u00e9").encode("latin-1"), "column note .*UTF8"),
        (b"\xff\xfe" + HEADING.encode("utf-16-le"), "not UTF-8"),
        (HEADING + GOOD.replace("2.5", "nan"), "line 2: column amount is not finite"),
        (HEADING + GOOD.replace("2.5", "-inf"), "not finite"),
        (HEADING + GOOD.replace("1,2.5", "NA,2.5"), "line 2: column order_id has no value"),
        (HEADING + GOOD.replace("2013-01-01T10:00:00Z", ""), "column known_at has no value"),
        (
            HEADING + GOOD + GOOD.replace("1,", "2,") + GOOD,
            r"line 2 and line 4: the same key \(order_id\) twice.*Received: 1\.",
        ),
    ],
)
def test_a_faulty_file_is_refused(tmp_path, content, named):
    with pytest.raises(LoadError, match=f"(?s){named}") as caught:
        read(tmp_path, content)
    text = str(caught.value)
    assert "orders.csv" in text
    assert all(part in text for part in ("Received: ", "Allowed: ", "Next: "))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(LoadError, match="orders.csv.*No such file"):
        SourceFile.open(tmp_path / "orders.csv")


def test_a_derive_that_forgets_a_column_is_refused(tmp_path):
    (tmp_path / "orders.csv").write_text(HEADING + GOOD)
    with pytest.raises(LoadError, match="known_at"):
        check_rows(TABLE, read_rows(SourceFile.open(tmp_path / "orders.csv"), TABLE))
