"""Dates, instants and spans of time.

The house's sessions are in UTC, so a day of an instant is 24 hours in both engines. Belongs here: arithmetic
of time, its parts, time zones. Does not belong here: casts (`googlesql.casts`).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from warehouse.client.googlesql.casts import casted, written
from warehouse.client.googlesql.kinds import (
    DATE,
    DATETIME,
    INT,
    TEXT,
    TIMESTAMP,
    Kind,
    Rewrite,
    TranslationError,
    Typed,
    needed,
)

if TYPE_CHECKING:
    from sqlglot import exp

INTERVAL, SPAN = Kind("interval"), Kind("span")
"""So many of a calendar's units; and the microseconds between two instants, which Postgres calls an interval
as well."""

MICROSECONDS = {"SECOND": 1_000_000, "MINUTE": 60_000_000, "HOUR": 3_600_000_000, "DAY": 86_400_000_000}
SMALL, LARGE = (
    ("MICROSECOND",),
    {"DAY": ("DAY", 1), "WEEK": ("DAY", 7), "MONTH": ("MONTH", 1), "YEAR": ("MONTH", 12)},
)
ONE_PART = re.compile(r"\s*(-?\d+(?:\.\d+)?)\s*([a-z]+)\s*", re.IGNORECASE)
PLAIN_PARTS = {"HOUR": "HOUR", "MINUTE": "MINUTE", "DAY": "DAY", "MONTH": "MONTH", "QUARTER": "QUARTER",
               "YEAR": "YEAR", "DOY": "DAYOFYEAR", "WEEK": "ISOWEEK", "ISOYEAR": "ISOYEAR"}  # fmt: skip
TRUNCATED = {"HOUR": "HOUR", "MINUTE": "MINUTE", "SECOND": "SECOND", "DAY": "DAY", "WEEK": "ISOWEEK",
             "MONTH": "MONTH", "QUARTER": "QUARTER", "YEAR": "YEAR"}  # fmt: skip
PREFIX = {"date": "DATE", "datetime": "DATETIME", "timestamp": "TIMESTAMP"}
PATTERNS = {"%Y-%m-%d": "%Y-%m-%d", "%Y-%m": "%Y-%m", "%Y-%m-%d %H:%M:%S": "%Y-%m-%d %H:%M:%S",
            "%Y-%m-%d %H:%M:%S.%f": "%Y-%m-%d %H:%M:%E6S"}  # fmt: skip
"""By what the parser makes of a pattern of `to_char`: YYYY-MM-DD, YYYY-MM, with HH24:MI:SS, with SS.US."""


def instant(node: Any, of: Rewrite) -> Typed:
    from sqlglot import exp

    return Typed(exp.CurrentTimestamp(), TIMESTAMP)


def today(node: Any, of: Rewrite) -> Typed:
    return Typed(written("CURRENT_DATE()"), DATE)


def interval(node: exp.Interval, of: Rewrite) -> Typed:
    """`interval '7 days'`: months, days and microseconds, which Postgres keeps apart as well."""
    text = node.this.name if node.this is not None else ""
    text += f" {node.args['unit'].name}" if node.args.get("unit") is not None else ""
    amounts: dict[str, int] = {}
    place = 0
    for one in ONE_PART.finditer(text):
        unit = one[2].upper()
        unit = unit if unit in MICROSECONDS or unit in LARGE else unit.removesuffix("S")
        if one.start() != place or (unit not in MICROSECONDS and unit not in LARGE):
            break
        place = one.end()
        name, factor = LARGE.get(unit, ("MICROSECOND", MICROSECONDS.get(unit, 0)))
        amount = float(one[1]) * factor if "." in one[1] else int(one[1]) * factor
        if amount != int(amount) or ("." in one[1] and unit in LARGE):
            break
        amounts[name] = amounts.get(name, 0) + int(amount)
    else:
        if place == len(text) and amounts:
            return _typed({name: str(amount) for name, amount in amounts.items()})
    raise TranslationError(
        f"interval {text!r} has no translation; allowed: whole numbers of years, months, weeks, days, hours, "
        "minutes and seconds."
    )


def made_interval(node: exp.MakeInterval, of: Rewrite) -> Typed:
    """`make_interval(days => n, …)` of whole numbers."""
    amounts: dict[str, str] = {}
    for unit, part in node.args.items():
        if part is None:
            continue
        count = needed(of(part.expression if part.key == "kwarg" else part), "make_interval", "int")
        name, factor = LARGE.get(unit.upper(), ("MICROSECOND", MICROSECONDS.get(unit.upper(), 0)))
        text = f"({count.sql.sql('bigquery')}) * {factor}"
        amounts[name] = f"{amounts[name]} + {text}" if name in amounts else text
    return _typed(amounts)


def _typed(amounts: dict[str, str]) -> Typed:
    """Amounts by unit, as texts of whole numbers in BigQuery, on an expression that is never written."""
    from sqlglot import exp

    made = exp.Null()
    made.meta["amounts"] = amounts
    return Typed(made, INTERVAL)


def of_times(node: Any, one: Typed, two: Typed) -> Typed | None:
    """+, - and * where a side is of time; None where none is.

    Raises:
        TranslationError: the engines could differ.
    """
    kinds = (one.kind.name, two.kind.name)
    if not {"date", "datetime", "timestamp", "interval", "span"} & set(kinds):
        return None
    if node.key == "mul" and set(kinds) == {"int", "interval"}:
        number, span = (one, two) if kinds[0] == "int" else (two, one)
        count = number.sql.sql("bigquery")
        return _typed({unit: f"({count}) * {n}" for unit, n in span.sql.meta["amounts"].items()})
    if node.key == "add" and kinds[1] != "interval":
        one, two, kinds = two, one, (kinds[1], kinds[0])
    if node.key in ("add", "sub"):
        if kinds[1] == "interval" and kinds[0] in PREFIX:
            return _moved(one, two, node.key)
        if kinds in (("int", "date"), ("date", "int")):
            return _days(node, two, one) if kinds[0] == "int" else _days(node, one, two)
        if node.key == "sub" and kinds == ("date", "date"):
            return Typed(written("DATE_DIFF({a}, {b}, DAY)", a=one.sql, b=two.sql), INT)
        if node.key == "sub" and kinds[0] == kinds[1] in ("timestamp", "datetime"):
            text = f"{PREFIX[kinds[0]]}_DIFF({{a}}, {{b}}, MICROSECOND)"
            return Typed(written(text, a=one.sql, b=two.sql), SPAN)
    raise TranslationError(
        f"{node.sql('postgres')[:80]} has no translation; allowed: days or an interval from an instant, the "
        "days between dates, the time between instants."
    )


def _days(node: Any, day: Typed, count: Typed) -> Typed:
    name = "DATE_ADD" if node.key == "add" else "DATE_SUB"
    return Typed(written(f"{name}({{a}}, INTERVAL ({{b}}) DAY)", a=day.sql, b=count.sql), DATE)


def _moved(one: Typed, span: Typed, key: str) -> Typed:
    """An instant so much later or earlier. A date becomes a time without a zone, as in Postgres."""
    given = one
    if one.kind is DATE:
        given = casted(one, DATETIME)
    name = "ADD" if key == "add" else "SUB"
    text, prefix = given.sql.sql("bigquery"), PREFIX[given.kind.name]
    amounts = span.sql.meta["amounts"]
    if "MONTH" in amounts:  # BigQuery has no months of an instant
        inner = text if prefix == "DATETIME" else f"DATETIME({text}, 'UTC')"
        inner = f"DATETIME_{name}({inner}, INTERVAL ({amounts['MONTH']}) MONTH)"
        text = inner if prefix == "DATETIME" else f"TIMESTAMP({inner}, 'UTC')"
    for unit in ("DAY", "MICROSECOND"):
        if unit in amounts:
            text = f"{prefix}_{name}({text}, INTERVAL ({amounts[unit]}) {unit})"
    return Typed(written(text), given.kind)


def microseconds(given: Typed, what: str) -> Typed:
    """A span or an interval without months as its microseconds, as Postgres compares them."""
    if given.kind is SPAN:
        return Typed(given.sql, INT)
    amounts = dict(given.sql.meta.get("amounts", {"MONTH": "0"}))
    if "MONTH" in amounts:
        raise TranslationError(
            f"{what} of months has no translation; allowed: days, hours, minutes, seconds."
        )
    parts = [f"({n}) * {MICROSECONDS['DAY'] if unit == 'DAY' else 1}" for unit, n in amounts.items()]
    return Typed(written(" + ".join(parts)), INT)


def part(node: exp.Extract, of: Rewrite) -> Typed:
    """`extract(part from …)`, a NUMERIC in Postgres."""
    name, given = node.this.name.upper(), of(node.expression)
    if given.kind in (SPAN, INTERVAL):
        if name != "EPOCH":
            raise TranslationError(f"extract {name} from a span has no translation; allowed: epoch.")
        return _seconds(microseconds(given, "the epoch").sql)
    given = needed(given, f"extract {name}", *PREFIX)
    if name == "EPOCH":
        instant = given if given.kind is TIMESTAMP else casted(given, TIMESTAMP)
        return _seconds(written("UNIX_MICROS({x})", x=instant.sql))
    if name in ("DOW", "ISODOW"):
        shift = "EXTRACT(DAYOFWEEK FROM {x}) - 1"
        text = shift if name == "DOW" else "MOD(EXTRACT(DAYOFWEEK FROM {x}) + 5, 7) + 1"
    elif name in PLAIN_PARTS and not (given.kind is DATE and name in ("HOUR", "MINUTE")):
        text = f"EXTRACT({PLAIN_PARTS[name]} FROM {{x}})"
    else:
        raise TranslationError(
            f"extract {name} has no translation; allowed: epoch, dow, isodow, "
            f"{', '.join(PLAIN_PARTS).lower()}."
        )
    return Typed(written(f"CAST({text} AS BIGNUMERIC)", x=given.sql), Kind("numeric", 0))


def _seconds(microseconds: Any) -> Typed:
    text = "CAST({x} AS BIGNUMERIC) / CAST(1000000 AS BIGNUMERIC)"
    return Typed(written(text, x=microseconds), Kind("numeric", 6))


def truncated(node: Any, of: Rewrite) -> Typed:
    """`date_trunc(unit, …)`; of a date it is the instant at which it begins, in UTC."""
    unit, given = node.args["unit"].name.upper(), needed(of(node.this), "date_trunc", *PREFIX)
    if unit not in TRUNCATED or node.args.get("zone") is not None:
        raise TranslationError(
            f"{node.sql('postgres')[:80]} has no translation; allowed: {', '.join(TRUNCATED).lower()}."
        )
    given = casted(given, TIMESTAMP) if given.kind is DATE else given
    return Typed(
        written(f"{PREFIX[given.kind.name]}_TRUNC({{x}}, {TRUNCATED[unit]})", x=given.sql), given.kind
    )


def in_zone(node: exp.AtTimeZone, of: Rewrite) -> Typed:
    """`at time zone`: the clock there of an instant, or the instant of a clock there.

    A clock that shows an hour twice means the later one in Postgres, the earlier one in BigQuery: the offset
    of the day after is taken where it gives that clock.
    """
    given = needed(of(node.this), "at time zone", "timestamp", "datetime", "date")
    zone = needed(of(node.args["zone"]), "a time zone", "text").sql
    if given.kind is DATE:
        given = casted(given, TIMESTAMP)
    if given.kind is TIMESTAMP:
        return Typed(written("DATETIME({x}, {z})", x=given.sql, z=zone), DATETIME)
    later = "TIMESTAMP_SUB(TIMESTAMP(DATETIME_ADD({x}, INTERVAL 1 DAY), {z}), INTERVAL 24 HOUR)"
    text = f"IF(DATETIME({later}, {{z}}) = {{x}}, {later}, TIMESTAMP({{x}}, {{z}}))"
    return Typed(written(text, x=given.sql, z=zone), TIMESTAMP)


def shown(node: exp.TimeToStr, of: Rewrite) -> Typed:
    """`to_char` of a time by one of the patterns that mean the same."""
    asked = node.args["format"].name
    given = needed(of(node.this), "to_char", *PREFIX)
    if asked not in PATTERNS or (given.kind is DATE and "%H" in asked):
        raise TranslationError(f"to_char by {asked!r} has no translation; allowed: {', '.join(PATTERNS)}.")
    return Typed(written(f"FORMAT_{PREFIX[given.kind.name]}('{PATTERNS[asked]}', {{x}})", x=given.sql), TEXT)


def times() -> dict[type, Any]:
    """By sqlglot's class, who translates it."""
    from sqlglot import exp

    return {
        exp.CurrentTimestamp: instant, exp.CurrentDate: today, exp.Interval: interval, exp.Extract: part,
        exp.TimestampTrunc: truncated, exp.AtTimeZone: in_zone, exp.TimeToStr: shown,
        exp.MakeInterval: made_interval,
    }  # fmt: skip
