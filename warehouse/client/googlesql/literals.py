"""Literals of time, read here: the engines take different shortened forms.

Belongs here: texts of dates and instants. Does not belong here: numbers, other casts (`googlesql.casts`).
"""

from __future__ import annotations

import datetime as dt

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
