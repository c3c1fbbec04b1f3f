"""Values of a statement's parameters, written into it as literals of Postgres.

Belongs here: `%(name)s` and `%s`, as Postgres' driver reads them. Does not belong here: translation.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping, Sequence
from typing import Any

from warehouse.client.dialect import POSTGRES
from warehouse.client.googlesql.kinds import TranslationError

MARK = re.compile(r"%(?:\((\w+)\))?([s%])")


def filled(sql: str, params: Mapping[str, Any] | Sequence[Any] | None) -> str:
    """The statement with its parameters in place; without any it is left as it is.

    Raises:
        TranslationError: a value of a type that is not sent, or a parameter that is not given.
    """
    if params is None:
        return sql
    waiting = iter(params if not isinstance(params, Mapping) else ())

    def value(found: re.Match[str]) -> str:
        if found[2] == "%":
            return "%"
        try:
            return literal(params[found[1]] if isinstance(params, Mapping) else next(waiting))
        except (KeyError, StopIteration) as error:
            raise TranslationError(f"parameter {found[0]} has no value; given: {list(params)}.") from error

    return MARK.sub(value, sql)


def literal(value: Any) -> str:
    """A value as Postgres writes it.

    Raises:
        TranslationError: a type that is not sent.
    """
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return POSTGRES.number(value)
    if isinstance(value, str):
        return POSTGRES.text(value)
    if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
        return f"'{value.isoformat()}'::date"
    if isinstance(value, (list, tuple)):
        return f"(array[{', '.join(map(literal, value))}])"
    raise TranslationError(
        f"parameter {value!r} is {type(value).__name__}; allowed: numbers, texts, truth values, dates, lists."
    )
