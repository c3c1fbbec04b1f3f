"""The kinds of value a column can be declared as, and what one value must be like to be of a kind.

Belongs here: one function a kind. Does not belong here: columns (`casting`).
"""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

INTEGER = r"[+-]?\d{1,18}"
NUMBER = r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?"
TRUTHS = {
    "true": True,
    "t": True,
    "yes": True,
    "1": True,
    "false": False,
    "f": False,
    "no": False,
    "0": False,
}
EXACT = 2**53
"""Up to here a double holds every whole number."""
ZONED_FIRST, ZONED_LAST = dt.datetime(1, 1, 2, tzinfo=dt.UTC), dt.datetime(9999, 12, 30, tzinfo=dt.UTC)


class DoesNotFit(ValueError):
    """A value that is not of the declared kind; the text says what is allowed."""


def shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "…"


def _integer(value: Any, zone: Any) -> int:
    if isinstance(value, str) and re.fullmatch(r"[+-]?\d{1,19}", value):
        value = int(value)
    if isinstance(value, Decimal | float) and value == value and abs(value) < EXACT and value == int(value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not -(2**63) <= value < 2**63:
        raise DoesNotFit("allowed are whole numbers from -2^63 to 2^63 - 1")
    return value


def _number(value: Any, zone: Any) -> float:
    if isinstance(value, str) and re.fullmatch(NUMBER, value):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise DoesNotFit("allowed are decimal numbers")
    try:
        made = float(value)
    except OverflowError:
        made = math.inf
    if not math.isfinite(made):
        raise DoesNotFit("allowed are finite numbers below 1.8e308")
    return made


def _decimal(value: Any, zone: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        raise DoesNotFit("allowed are decimal numbers")
    text = (
        repr(value)
        if isinstance(value, float)
        else format(value, "f")
        if isinstance(value, Decimal)
        else str(value)
    )
    if not re.fullmatch(NUMBER, text):
        raise DoesNotFit("allowed are finite decimal numbers")
    return text


def fits_numeric(text: str, digits: int, scale: int) -> bool:
    """Whether NUMERIC(digits, scale) holds the number as it is."""
    value = Decimal(text)
    exponent = int(value.normalize().as_tuple().exponent)
    return -exponent <= scale and (not value or value.adjusted() < digits - scale)


def _text(value: Any, zone: Any) -> str:
    if not isinstance(value, str):
        raise DoesNotFit(f"allowed is text, not {type(value).__name__}")
    if "\0" in value:
        raise DoesNotFit("text may not hold the NUL character")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise DoesNotFit("text must be Unicode; it holds half a surrogate pair") from None
    return value


def _boolean(value: Any, zone: Any) -> bool:
    if isinstance(value, str):
        value = TRUTHS.get(value.lower())
    if not isinstance(value, bool):
        raise DoesNotFit(f"allowed are {', '.join(TRUTHS)}")
    return value


def _date(value: Any, zone: Any) -> dt.date:
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
        try:
            return dt.date.fromisoformat(value)
        except ValueError as error:
            raise DoesNotFit(str(error)) from None
    if isinstance(value, dt.datetime) and value.time() == dt.time():
        return value.date()
    if not isinstance(value, dt.date) or isinstance(value, dt.datetime):
        raise DoesNotFit("allowed are dates as YYYY-MM-DD")
    return value


def _instant(value: Any, zone: ZoneInfo | None) -> dt.datetime:
    if isinstance(value, str):
        try:
            value = dt.datetime.fromisoformat(value)
        except ValueError:
            raise DoesNotFit("allowed are ISO 8601 instants such as 2013-01-31T08:15:00Z") from None
    if not isinstance(value, dt.datetime):
        raise DoesNotFit("allowed are instants, a date alone is none")
    if value.tzinfo is None:
        value = _localised(value, zone)
    if not ZONED_FIRST <= value <= ZONED_LAST:
        raise DoesNotFit("allowed are instants of the years 1 to 9999")
    return value.astimezone(dt.UTC)


def _localised(value: dt.datetime, zone: ZoneInfo | None) -> dt.datetime:
    if zone is None:
        raise DoesNotFit("it has no offset from UTC; write one, or declare the table's zone")
    made = value.replace(tzinfo=zone)
    if made.astimezone(dt.UTC).astimezone(zone).replace(tzinfo=None) != value:
        raise DoesNotFit(f"clocks of {zone.key} were put forward over it")
    return made


def _json(value: Any, zone: Any) -> str:
    """JSON text as it is, anything else as JSON text."""
    try:
        if isinstance(value, str):
            json.loads(value, parse_constant=_no_constant)
            text = value
        else:
            text = json.dumps(value, ensure_ascii=False, allow_nan=False, default=str)
    except (ValueError, TypeError, RecursionError) as error:
        raise DoesNotFit(f"it is not JSON ({error})") from None
    if "\\u0000" in text or "\0" in text:
        raise DoesNotFit("it holds the NUL character, which jsonb cannot")
    return text


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")


CONVERT: dict[str, Callable[[Any, ZoneInfo | None], Any]] = {
    "integer": _integer, "number": _number, "decimal": _decimal, "text": _text, "boolean": _boolean,
    "date": _date, "instant": _instant, "json": _json,
}  # fmt: skip
