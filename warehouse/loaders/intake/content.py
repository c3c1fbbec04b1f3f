"""The content of rows as one text each, and its SHA-256: what makes two versions of a row the same.

The text is that of Postgres' `row(…)::text` over the declared types, so that both engines hash the same
bytes: doubles show all their digits, a missing value is not an empty one, the order is that of the columns.
Postgres makes it in the database; for BigQuery, whose texts of values differ, it is made here before the rows
are sent.

Belongs here: the text of a value of each kind. Does not belong here: which rows are hashed (`bigquery`).
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from warehouse.loaders.intake.casting import SIZES

if TYPE_CHECKING:
    import pyarrow as pa

    from warehouse.loaders.intake.declared import DeclaredColumn

QUOTED = r'["\\(),\s\x0b]'
"""What makes a field of a row's text be quoted; an empty one is, too."""
LAST_PLAIN, FIRST_PLAIN = 15, -4
"""Powers of ten between which a double is written without an exponent."""
PLAIN_FROM, PLAIN_TO = 1e-4, 1e15
"""Doubles that Python writes without one, too."""
WHOLE, NO_HALF_WAY = 2.0**53, 1e41


def content_sha256(columns: Sequence[DeclaredColumn], rows: pa.Table) -> pa.Array:
    """The hash of each row's content: 32 bytes a row, as Postgres' `sha256(convert_to(row(…)::text,
    'UTF8'))`.
    """
    import pyarrow as pa

    texts = row_texts(columns, rows).to_pylist()
    return pa.array([hashlib.sha256(text.encode()).digest() for text in texts], pa.binary())


def row_texts(columns: Sequence[DeclaredColumn], rows: pa.Table) -> pa.Array:
    """Each row as Postgres writes a row of these columns: `(1,ada,,"two words")`."""
    import pyarrow as pa
    import pyarrow.compute as pc

    fields = [_field(value_texts(column, rows[column.name])) for column in columns]
    joined = pc.binary_join_element_wise(*fields, ",")
    made = pc.binary_join_element_wise("(", joined, ")", "")
    return made.combine_chunks() if isinstance(made, pa.ChunkedArray) else made


def _field(texts: pa.Array) -> pa.Array:
    """A value's text as a field: nothing where it is missing, quoted where it would not be told apart."""
    import pyarrow.compute as pc

    inner = pc.replace_substring_regex(texts, r'(["\\])', r"\1\1")
    is_quoted = pc.or_(pc.equal(texts, ""), pc.match_substring_regex(texts, QUOTED))
    return pc.if_else(is_quoted, pc.binary_join_element_wise('"', inner, '"', ""), texts).fill_null("")


def value_texts(column: DeclaredColumn, values: pa.Array | pa.ChunkedArray) -> pa.Array:
    """The values as Postgres writes them, missing where they are."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    if column.kind == "boolean":
        return pc.if_else(values, "t", "f")
    if column.kind == "instant":
        plain = values.cast(pa.timestamp("us", "UTC")).cast(pa.timestamp("us")).cast(pa.string())
        return pc.binary_join_element_wise(pc.replace_substring_regex(plain, r"\.?0+$", ""), "+00", "")
    if column.kind in WRITERS:
        write, sizes = WRITERS[column.kind], SIZES.search(column.sql_type)
        scale = int(sizes[2] or 0) if sizes else None
        return pa.array(
            [None if value is None else write(value, scale) for value in values.to_pylist()], pa.string()
        )
    return values.cast(pa.string())


def double_text(value: float, scale: int | None = None) -> str:
    """A double by the shortest digits that read back as the same one, as Postgres writes it."""
    if PLAIN_FROM <= abs(value) < PLAIN_TO:
        return repr(value).removesuffix(".0")
    if not math.isfinite(value):
        return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
    sign, digits, exponent = Decimal(_shortest(value)).as_tuple()
    assert isinstance(exponent, int)
    text = "".join(map(str, digits))
    shown = text.rstrip("0") or "0"
    power = exponent + len(text) - 1 if value else 0
    if FIRST_PLAIN <= power < LAST_PLAIN:
        made = format(Decimal((0, tuple(map(int, shown)), power - len(shown) + 1)), "f")
    else:
        fraction = f".{shown[1:]}" if len(shown) > 1 else ""
        made = f"{shown[0]}{fraction}e{'-' if power < 0 else '+'}{abs(power):02d}"
    return f"-{made}" if sign else made


def _shortest(value: float) -> str:
    """The shortest digits that read back as the value. Python takes such that lie half way to the next
    double; Postgres takes only those nearer than that (`d2s.c`). Half way lie whole numbers alone, from 2^53
    to 10^41.
    """
    if not WHOLE <= abs(value) < NO_HALF_WAY:
        return repr(value)
    exact, ends = Fraction(value), [Fraction(math.nextafter(value, end)) for end in (-math.inf, math.inf)]
    shown = repr(value)
    length = len(Decimal(shown).normalize().as_tuple().digits)
    while any(Fraction(shown) == (exact + end) / 2 for end in ends):
        shown, length = f"{value:.{length}e}", length + 1
    return shown


def numeric_text(text: str, scale: int | None = None) -> str:
    """A decimal number as Postgres' NUMERIC writes it: digits behind the point as given, or as declared."""
    value = Decimal(text)
    made = format(value, "f") if scale is None else f"{value:.{scale}f}"
    return made.removeprefix("-") if not value else made


def json_text(text: str, scale: int | None = None) -> str:
    """JSON as Postgres' `jsonb` writes it: keys once, shorter ones first, numbers by their digits."""
    return _written(json.loads(text, parse_float=_Number, parse_int=_Number))


class _Number(str):
    """A number's own text."""


def _written(value: Any) -> str:
    if isinstance(value, _Number):
        return numeric_text(value)
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: (len(key.encode()), key.encode()))
        return "{" + ", ".join(f"{_quoted(key)}: {_written(value[key])}" for key in keys) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_written, value)) + "]"
    return {None: "null", True: "true", False: "false"}[value]


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


WRITERS = {"number": double_text, "decimal": numeric_text, "json": json_text}
