"""From a source's values to the declared kinds: what fits, what is missing, what does not fit.

Nothing is guessed and nothing is rounded: a number with a fraction is no integer, an instant without an
offset needs the table's `zone`, text is never made of numbers. Whole columns are cast by Arrow where all of
them fit; a column with one value that does not is gone through in Python, by the same rules.

Belongs here: kinds and their rules. Does not belong here: what happens to a row with a value that does not
fit (`contract`).
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from warehouse.loaders.intake.converters import (
    CONVERT,
    INTEGER,
    NUMBER,
    ZONED_FIRST,
    ZONED_LAST,
    DoesNotFit,
    fits_numeric,
    shown,
)

if TYPE_CHECKING:
    import pyarrow as pa

PATTERNS = {
    "integer": INTEGER,
    "number": NUMBER,
    "decimal": NUMBER,
    "date": r"\d{4}-\d{2}-\d{2}",
    "instant": r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:?\d{2})",
}
"""Texts that Arrow reads as our own rules do."""
SIZES = re.compile(r"\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)")
"""Precision and scale of a NUMERIC."""


def arrow_type(kind: str) -> pa.DataType:
    """How a kind travels: decimals and JSON as text, instants in UTC with microseconds."""
    import pyarrow as pa

    return {
        "integer": pa.int64(), "number": pa.float64(), "boolean": pa.bool_(), "date": pa.date32(),
        "instant": pa.timestamp("us", "UTC"),
    }.get(kind, pa.string())  # fmt: skip


def cast(
    values: Any, kind: str, zone: str | None = None, sql_type: str = ""
) -> tuple[pa.Array, dict[int, str]]:
    """The values as the kind, missing where they do not fit, and why by row, for those that do not.

    `values`: an Arrow column or a sequence of Python values. `sql_type`: a NUMERIC's precision and scale.
    """
    made, faults = _cast(values, kind, zone)
    sizes = SIZES.search(sql_type) if kind == "decimal" else None
    if sizes:
        digits, scale = int(sizes[1]), int(sizes[2] or 0)
        for row in _doubtful(made, digits, scale):
            text = made[row].as_py()
            if not fits_numeric(text, digits, scale):
                faults[row] = f"{shown(text)} does not fit {sql_type} without rounding"
    return made, faults


def _doubtful(texts: pa.Array, digits: int, scale: int) -> Sequence[int]:
    """The rows whose number has more digits, before or after the point, than NUMERIC(digits, scale) always
    holds.
    """
    import pyarrow.compute as pc

    # RE2 counts repetitions up to 1,000
    whole, part = max(1, min(digits - scale, 1_000)), max(0, min(scale, 1_000))
    if digits - scale < 1:
        return pc.indices_nonzero(pc.is_valid(texts)).to_pylist()
    plain = pc.match_substring_regex(texts, rf"^[+-]?\d{{1,{whole}}}(\.\d{{0,{part}}})?$")
    return pc.indices_nonzero(pc.invert(plain).fill_null(False)).to_pylist()


def _cast(values: Any, kind: str, zone: str | None) -> tuple[pa.Array, dict[int, str]]:
    import pyarrow as pa

    is_arrow = isinstance(values, (pa.ChunkedArray, pa.Array))
    column = values if is_arrow else _as_column(values)
    whole = _whole_column(column, kind) if column is not None else None
    if whole is not None and (is_arrow or _is_within(whole, kind)):
        return whole, {}
    return _one_by_one(values.to_pylist() if is_arrow else values, kind, zone)


def _as_column(values: Sequence[Any]) -> pa.Array | None:
    """Python values of one plain type as an Arrow column of that type; None where they are of several, or
    Arrow cannot hold them.
    """
    import pyarrow as pa

    known = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_(), dt.date: pa.date32(),
             dt.datetime: pa.timestamp("us", "UTC")}  # fmt: skip
    types = set(map(type, values)) - {type(None)}
    if types == {dt.datetime} and not all(value is None or value.tzinfo for value in values):
        return None
    if not types <= known.keys() or len(types) > 1:
        return None
    try:
        return pa.array(values, known[types.pop()] if types else pa.null())
    except (pa.ArrowException, OverflowError, UnicodeEncodeError):
        return None


def _one_by_one(values: Sequence[Any], kind: str, zone: str | None) -> tuple[pa.Array, dict[int, str]]:
    import pyarrow as pa

    convert, made, faults = CONVERT[kind], [], {}
    local = ZoneInfo(zone) if zone else None
    for row, value in enumerate(values):
        try:
            made.append(None if is_missing(value, kind) else convert(value, local))
        except DoesNotFit as fault:
            made.append(None)
            faults[row] = f"{shown(value)} is no {kind}: {fault}"
    return pa.array(made, arrow_type(kind)), faults


def is_missing(value: Any, kind: str) -> bool:
    """Empty text is a value of text, and no value of any other kind. A NaN of a data frame is missing."""
    return value is None or (value == "" and kind != "text")


def _whole_column(column: pa.ChunkedArray | pa.Array, kind: str) -> pa.Array | None:
    """The column cast at once, or None where that could be too lenient or fails."""
    import pyarrow as pa

    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    if pa.types.is_null(column.type):
        return pa.nulls(len(column), arrow_type(kind))
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    is_text = pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
    try:
        if is_text:
            return _whole_text(column.cast(pa.string()), kind)
        if not _is_same_family(column.type, kind):
            return None
        made = column.cast(arrow_type(kind))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return None
    return made if kind != "number" or _is_within(made, kind) else None


def _is_within(made: pa.Array, kind: str) -> bool:
    """Whether all values lie where `converters` allow them; Arrow's own kinds reach further."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if kind == "number":
        return pc.all(pc.is_finite(made).fill_null(True)).as_py()
    if kind not in ("date", "instant") or made.null_count == len(made):
        return True
    unit, first, last = pa.int64(), ZONED_FIRST, ZONED_LAST
    if kind == "date":
        unit, first, last = pa.int32(), dt.date.min, dt.date.max
    found = pc.min_max(made.cast(unit))
    bounds = [pa.scalar(bound, made.type).cast(unit).as_py() for bound in (first, last)]
    return bounds[0] <= found["min"].as_py() and found["max"].as_py() <= bounds[1]


def _whole_text(column: pa.Array, kind: str) -> pa.Array | None:
    import pyarrow as pa
    import pyarrow.compute as pc

    if kind == "text":
        return None if pc.any(pc.match_substring(column, "\0")).as_py() else column
    pattern = PATTERNS.get(kind)
    if pattern is None:
        return None
    column = pc.if_else(pc.equal(column, ""), pa.scalar(None, pa.string()), column)
    if not pc.all(pc.match_substring_regex(column, f"^{pattern}$").fill_null(True)).as_py():
        return None
    if kind == "integer":
        column = pc.replace_substring_regex(column, r"^\+", "")
    made = column.cast(arrow_type(kind))
    return made if _is_within(made, kind) else None


def _is_same_family(found: pa.DataType, kind: str) -> bool:
    import pyarrow as pa

    is_whole = pa.types.is_integer(found)
    return {
        "integer": is_whole,
        "number": is_whole or pa.types.is_floating(found),
        "boolean": pa.types.is_boolean(found),
        "date": pa.types.is_date32(found),
        "instant": pa.types.is_timestamp(found) and found.tz is not None,
        "decimal": is_whole,
    }.get(kind, False)
