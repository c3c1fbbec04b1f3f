"""The text of a row's content, made outside the database, is the one that Postgres writes, byte for byte."""

from __future__ import annotations

import datetime as dt
import json
import random
import struct

import pyarrow as pa

from tests.warehouse.loaders.intake.declaring import columns
from warehouse.loaders.intake.casting import arrow_type
from warehouse.loaders.intake.content import content_sha256, row_texts

TEXTS = [
    "",
    " ",
    "a,b",
    'a "b"',
    "back\\slash",
    "(x)",
    "two words",
    "tab\t",
    "\v",
    "\x85",
    "\xa0",
    "é",
    "😀",
    "null",
]
INSTANTS = [
    dt.datetime(2013, 1, 1, tzinfo=dt.UTC), dt.datetime(2013, 1, 1, 10, 20, 30, 500_000, tzinfo=dt.UTC),
    dt.datetime(1, 1, 2, 0, 0, 0, 1, tzinfo=dt.UTC),
    dt.datetime(9999, 12, 30, 23, 59, 59, 999_990, tzinfo=dt.UTC),
]  # fmt: skip
NUMERICS = [
    "0",
    "-0",
    "-0.00",
    "9.50",
    "1e3",
    "1.50E1",
    "1e-7",
    ".5",
    "5.",
    "+7",
    "123456789012345678901234567890.12",
]
JSONS = [
    '{"b": 1, "a": [1.50, 1e2, -0, -0.0, 1E-3], "aa": null}', '{"a": 1, "a": 2}',
    '"\\u00e9\\n\\u001f\\u007f\\/"',
    "[]", "{}", ' [ true ,false ] ', '{"é": "x", "zz": "y", "z": ""}', "12345678901234567890.123",
]  # fmt: skip


def doubles() -> list[float]:
    """Powers of two and ten, their neighbours, and any bits at all."""
    drawn = random.Random(7)
    made = [struct.unpack("<d", struct.pack("<Q", drawn.getrandbits(64)))[0] for _ in range(3_000)]
    made += [sign * 2.0**power for power in range(-1074, 1024) for sign in (1, -1)]
    made += [
        float(f"{digits}e{power}") for power in range(-30, 30) for digits in ("1", "1.5", "9.999999999999999")
    ]
    return [value for value in made if value == value and abs(value) != float("inf")] + [0.0, -0.0, 5e-324]


def written(wh, sql_type: str, values: list[str]) -> list[str]:
    """Rows of one such value, as the database writes them."""
    each = "unnest(%(v)s::text[]) with ordinality as u(v, n)"
    sql = f"select row(v::{sql_type})::text as t from {each} order by n"
    return [row["t"] for row in wh.query(sql, {"v": values})]


def ours(sql_type: str, values: list) -> list[str]:
    (column,) = columns(f"value {sql_type}")
    return row_texts([column], pa.table({"value": pa.array(values, arrow_type(column.kind))})).to_pylist()


def test_every_kind_of_value_is_written_as_postgres_does(wh):
    numbers = doubles()
    assert ours("double precision", numbers) == written(wh, "float8", [repr(value) for value in numbers])
    assert ours("numeric", NUMERICS) == written(wh, "numeric", NUMERICS)
    fitting = ["0", "-0", "9.5", "1e3", "12.25"]
    assert ours("numeric(10,2)", fitting) == written(wh, "numeric(10,2)", fitting)
    assert ours("numeric(10)", ["5", "1e3"]) == written(wh, "numeric(10)", ["5", "1e3"])
    assert ours("text", [*TEXTS, None]) == written(wh, "text", [*TEXTS, None])
    assert ours("jsonb", JSONS) == written(wh, "jsonb", JSONS)
    assert ours("timestamptz", INSTANTS) == written(wh, "timestamptz", [v.isoformat() for v in INSTANTS])
    days = [dt.date(2013, 1, 1), dt.date(1, 1, 1), dt.date(9999, 12, 31)]
    assert ours("date", days) == written(wh, "date", [v.isoformat() for v in days])
    assert ours("bigint", [-(2**63), 0, 2**63 - 1]) == written(
        wh, "bigint", [str(-(2**63)), "0", str(2**63 - 1)]
    )
    assert ours("boolean", [True, False, None]) == written(wh, "boolean", ["t", "f", None])


def test_a_row_of_all_kinds_has_the_hash_that_postgres_gives(wh):
    declared = columns(
        "id bigint, name text, amount numeric(10,2), weight double precision, doc jsonb, at timestamptz"
    )
    rows = [
        {"id": at, "name": TEXTS[at % len(TEXTS)] or None, "amount": f"{at}.5", "weight": at / 7,
         "doc": json.dumps({"n": at}), "at": INSTANTS[at % len(INSTANTS)]}
        for at in range(40)
    ]  # fmt: skip
    table = pa.table({c.name: pa.array([r[c.name] for r in rows], arrow_type(c.kind)) for c in declared})
    wh.execute(
        "create schema s; create table s.t (n bigint, id bigint, name text, amount text, weight float8, "
        "doc text, at timestamptz)"
    )
    wh.load_arrow("s", "t", table.append_column("n", pa.array(range(40), pa.int64())))
    content = "row(id, name, amount::numeric(10,2), weight, doc::jsonb, at)"
    sql = f"select sha256(convert_to({content}::text, 'UTF8')) as h from s.t order by n"
    assert content_sha256(declared, table).to_pylist() == [bytes(row["h"]) for row in wh.query(sql)]
