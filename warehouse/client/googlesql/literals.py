"""Literals of doubles and of time, read here: the engines take different shortened forms.

Belongs here: their texts. Does not belong here: other casts (`googlesql.casts`).
"""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

from warehouse.client.dialect import BIGQUERY
from warehouse.client.googlesql.kinds import TranslationError


def time_text(text: str, kind: str) -> str:
    """A date, datetime or timestamp (in UTC where no offset is written) as both engines read it.

    Raises:
        TranslationError: it is none in ISO 8601; Postgres' words, such as infinity, are not translated.
    """
    try:
        read = dt.datetime.fromisoformat(text.strip())
    except ValueError:
        raise TranslationError(
            f"{text!r} is no {kind} that is translated; allowed: ISO 8601, such as 2024-02-29 12:30:00."
        ) from None
    if kind == "date":
        return read.date().isoformat()
    if kind == "datetime":
        return read.replace(tzinfo=None).isoformat(sep=" ")
    aware = read.replace(tzinfo=dt.UTC) if read.tzinfo is None else read.astimezone(dt.UTC)
    return aware.isoformat(sep=" ")


def double(text: str) -> Any:
    """A double as a bare number, None where BigQuery has no such literal: infinite, NaN, or no number."""
    from sqlglot import exp

    try:
        value = float(text)
    except ValueError:
        return None
    if not math.isfinite(value):
        return None
    number = exp.Literal.number(BIGQUERY.number(abs(value)))
    return number if math.copysign(1.0, value) > 0 else exp.paren(exp.Neg(this=number))


def is_constant(sql: Any) -> bool:
    """Whether an expression of BigQuery is a literal, a negative number among them: it is never NULL."""
    while sql.key in ("paren", "neg"):
        sql = sql.this
    return sql.key == "literal"
