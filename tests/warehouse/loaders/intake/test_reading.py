"""Reading in bulk gives what reading one by one gives: JSON texts, columns of values, blocks of a CSV."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import random
from decimal import Decimal

import pyarrow as pa
import pytest

from tests.warehouse.loaders.intake.declaring import orders
from warehouse.loaders.intake import casting
from warehouse.loaders.intake.batch import Batch, Numbered
from warehouse.loaders.intake.connectors import file_formats
from warehouse.loaders.intake.connectors.json_text import object_of
from warehouse.loaders.intake.connectors.places import Keyed, place_of
from warehouse.loaders.intake.converters import CONVERT, fits_numeric

TEXTS = [
    "-0", "0.1", "1e400", "-1e400", "1e-400", "9223372036854775808", "123456789012345678901", "NaN",
    "-9223372036854775809", "12345678901234567.0", "1.7976931348623159e308", "[123456789012345678901]",
    '{"b": -99999999999999999999}', '"\\ud800"', '"\\ud83d\\ude00"', '"é"', '"\\u0000"', "true", "null",
]  # fmt: skip
VALUES = {
    "text": ["", "a", "\0", "\ud800", "NaN", "٣", "1_0", " 1", '{"a":1}', "[1,"],
    "number": ["1", "+5", "-0", "1e400", "1.5", ".5", "5.", "1e5", "9223372036854775807", "1" * 21],
    "time": ["2013-01-31", "2013-02-30", "0000-01-01", "9999-12-31", "2013-01-31T08:15:00Z",
             "2013-01-31 08:15", "2013-01-31T08:15:00.123456+02:00", "0001-01-01T00:00:00Z",
             "9999-12-31T23:00:00-05:00", "2013-01-31T08:15:60Z", "2013-01-31T08:15:00+25:00"],
    "integer": [0, -1, 2**53, 2**53 + 1, 2**63 - 1, -(2**63), 2**63, 10**30],
    "double": [0.0, -0.0, 1.5, float("nan"), float("inf"), 3.0, 2.0**53],
    "boolean": [True, False, "true", "f"],
    "day": [dt.date(2013, 1, 1), dt.date.min, dt.date.max],
    "instant": [dt.datetime(2013, 1, 1), dt.datetime(2013, 1, 1, tzinfo=dt.UTC),
                dt.datetime(1, 1, 1, tzinfo=dt.UTC), dt.datetime(9999, 12, 31, 23, tzinfo=dt.UTC),
                dt.datetime(2013, 1, 1, 5, tzinfo=dt.timezone(dt.timedelta(hours=5)))],
    "odd": [Decimal("1.5"), b"x", [1], {"a": 1}, None],
}  # fmt: skip


@pytest.mark.parametrize("text", TEXTS)
def test_an_object_is_read_as_pythons_parser_reads_it(text):
    whole = f' {{"a": {text}, "c": 1, "c": 2}}\r\n'.encode()
    assert repr(object_of(whole)) == repr(json.loads(whole))


@pytest.mark.parametrize("text", [b"[1]", b"7", b'{"a": }', b"\xff", b'{"a": "\t"}', b"{} {}", b""])
def test_what_is_no_object_is_refused(text):
    with pytest.raises(ValueError):
        object_of(text)


def test_a_column_is_cast_as_its_values_are_one_by_one():
    chance = random.Random(2013)
    for _ in range(3_000):
        pool = VALUES[chance.choice(list(VALUES))]
        few = [*chance.sample(pool, min(len(pool), 2)), None]
        values = chance.choices(few, k=chance.randint(0, 4))
        kind, zone = chance.choice(list(CONVERT)), chance.choice([None, "America/New_York"])
        made, faults = casting.cast(values, kind, zone)
        slow, expected = casting._one_by_one(values, kind, zone)
        assert (_shown(made), faults) == (_shown(slow), expected), (kind, values)


def _shown(column: pa.Array) -> list[str]:
    plain = column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column
    return [repr(value) for value in plain.to_pylist()]


def test_numbers_that_a_numeric_does_not_hold_are_told():
    texts = ["1", "-12.34", "+12.3", "123.4", "1.234", "1.230", "0001", "1e1", "1e3", ".5", "5.", None]
    for sql_type, digits, scale in (("numeric(4,2)", 4, 2), ("numeric(3)", 3, 0), ("numeric(2,2)", 2, 2)):
        _, faults = casting.cast(texts, "decimal", None, sql_type)
        expected = [n for n, text in enumerate(texts) if text and not fits_numeric(text, digits, scale)]
        assert list(faults) == expected


class Counted(io.BytesIO):
    """Bytes that count how many of them were asked for."""

    taken = 0

    def read(self, size: int | None = -1) -> bytes:
        part = super().read(size)
        self.taken += len(part)
        return part


def test_a_csv_file_is_read_block_by_block(monkeypatch):
    block = 1 << 12
    monkeypatch.setattr(file_formats, "BLOCK_BYTES", block)
    target = io.StringIO()
    written = [[str(n), f'the "{n}"\nof York, {"x" * (n % 50)}', str(n / 4)] for n in range(12_000)]
    csv.writer(target, lineterminator="\n").writerows([["order_id", "customer", "amount"], *written])
    stream = Counted(target.getvalue().encode())
    assert len(stream.getvalue()) > 100 * block
    batches = file_formats.batches_of(stream, "a.csv", "a.csv", orders())
    read = next(batches)
    # a reader that is not held back is 32 blocks ahead, and the head is read in one piece
    assert stream.taken < (1 << 16) + 12 * block
    rows = [read, *batches]
    assert [list(row.values()) for batch in rows for row in batch.rows.to_pylist()] == written
    assert rows[1].positions[0] == f"a.csv: row {len(rows[0].positions) + 1}"


def test_a_reader_that_is_left_in_the_middle_ends(monkeypatch):
    monkeypatch.setattr(file_formats, "BLOCK_BYTES", 1 << 10)
    text = b"order_id\n" + b"".join(b"%d\n" % n for n in range(100_000))
    batches = file_formats.batches_of(io.BytesIO(text), "a.csv", "a.csv", orders())
    next(batches)
    batches.close()
    assert next(batches, None) is None


@pytest.mark.parametrize(
    "columns",
    [
        {"a": [1, -7]},
        {"a": [1, 2], "b": ["x", "é, y"], "c": [dt.date(2013, 1, 1), dt.date(987, 12, 31)]},
        {"a": [1, None]},
        {"b": [0.1, 1e23]},
        {"a": [dt.datetime(2013, 1, 1, tzinfo=dt.UTC)] * 2},
    ],
)
def test_places_by_key_are_the_same_made_at_once(columns):
    for key in (tuple(columns), (*columns, "gone")):
        at = Keyed("orders", key, pa.table(columns), 8)
        rows = [[row.get(name) for name in key] for row in pa.table(columns).to_pylist()]
        expected = [place_of("orders", key, row, f"row {8 + n}") for n, row in enumerate(rows)]
        assert list(at) == expected == at.as_arrow().to_pylist() == at[0:2]


def test_positions_are_texts_however_they_are_kept():
    at = Numbered("a.csv: row ", range(5, 9))
    assert list(at) == [f"a.csv: row {n}" for n in range(5, 9)] == at.as_arrow().to_pylist()
    assert list(at[1:3]) == ["a.csv: row 6", "a.csv: row 7"]
    batch = Batch([{"b": 1}, {"a": 2, "b": 3}, {}, {"c": 4}], at)
    assert batch.positions_of([0, 3]).to_pylist() == [at[0], at[3]]
    assert batch.column_names == ["b", "a", "c"]
    assert batch.known_at_of([1, 2], dt.datetime(2013, 1, 1, tzinfo=dt.UTC)).to_pylist()[1].year == 2013
