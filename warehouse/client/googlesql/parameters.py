"""Values of a statement's parameters, written into it as literals of Postgres.

Belongs here: `%(name)s` and `%s`, as Postgres' driver reads them. Does not belong here: translation.
"""

from __future__ import annotations

import datetime
import re
import uuid
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from warehouse.client.dialect import POSTGRES
from warehouse.client.googlesql.kinds import TranslationError

MARK = re.compile(r"%(?:\((\w+)\))?([s%])")


LARGE = 100_000
"""Characters of a text that is no more written into a statement, where the engine takes it aside."""


def filled(
    sql: str, params: Mapping[str, Any] | Sequence[Any] | None, aside: dict[str, str | bytes] | None = None
) -> str:
    """The statement with its parameters in place; without any it is left as it is.

    Bytes and large texts are put into `aside` under a mark that stands for them in the statement.

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
            given = params[found[1]] if isinstance(params, Mapping) else next(waiting)
        except (KeyError, StopIteration) as error:
            raise TranslationError(f"parameter {found[0]} has no value; given: {list(params)}.") from error
        is_aside = isinstance(given, bytes) or (isinstance(given, str) and len(given) > LARGE)
        return _put_aside(given, aside) if is_aside and aside is not None else literal(given)

    return MARK.sub(value, sql)


def _put_aside(value: str | bytes, aside: dict[str, str | bytes]) -> str:
    mark = f"starhouse:large:{uuid.uuid4().hex}"
    aside[mark] = value
    return f"'{mark}'" if isinstance(value, str) else f"'{mark}'::bytea"


def literal(value: Any) -> str:
    """A value as Postgres writes it.

    Raises:
        TranslationError: a type that is not sent.
    """
    if type(value).__module__ == "numpy" and hasattr(value, "item"):
        value = value.item()
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return POSTGRES.number(value)
    if isinstance(value, str):
        return POSTGRES.text(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return f"'\\x{bytes(value).hex()}'::bytea"
    if isinstance(value, datetime.datetime):
        return f"'{value.isoformat(sep=' ')}'::{'timestamptz' if value.tzinfo else 'timestamp'}"
    if isinstance(value, datetime.date):
        return f"'{value.isoformat()}'::date"
    if isinstance(value, Decimal):
        return f"'{value}'::numeric"
    if isinstance(value, uuid.UUID):
        return f"'{value}'"
    if isinstance(value, (list, tuple)):
        return f"(array[{', '.join(map(literal, value))}])"
    raise TranslationError(
        f"parameter {value!r} is {type(value).__name__}; allowed: numbers, texts, truth values, dates, "
        "times, lists."
    )
