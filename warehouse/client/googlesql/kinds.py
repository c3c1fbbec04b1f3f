"""Kinds of values: what a translation must know of an expression to keep its meaning.

Belongs here: kinds, how two combine, their names in both engines. Does not belong here: expressions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from warehouse.client.errors import WarehouseError

MOST_DECIMALS = 38
"""Digits behind the point of a BIGNUMERIC; Postgres' NUMERIC has no such end."""

EXACT_FACTOR = MOST_DECIMALS // 2
"""The product of two numbers with so many digits behind the point is exact."""


class TranslationError(WarehouseError, ValueError):
    """A statement that has no translation with the same values: says which part of it, and what to do."""


@dataclass(frozen=True)
class Kind:
    """`name`: int, float, numeric (a BIGNUMERIC), decimal (a NUMERIC column, read as BIGNUMERIC), text, bool,
    date, timestamp, datetime, bytes, json, null, array or unknown. `scale`: of a numeric, the most digits
    behind the point. `of`: an array's elements.
    """

    name: str
    scale: int = 0
    of: Kind | None = None

    @property
    def is_number(self) -> bool:
        return self.name in ("int", "float", "numeric")


INT, FLOAT, TEXT, BOOL = Kind("int"), Kind("float"), Kind("text"), Kind("bool")
DATE, TIMESTAMP, DATETIME, BYTES = Kind("date"), Kind("timestamp"), Kind("datetime"), Kind("bytes")
NULL, JSON, UNKNOWN = Kind("null"), Kind("json"), Kind("unknown")
DECIMAL, BIG = Kind("decimal", 9), Kind("numeric", MOST_DECIMALS)

OF_BIGQUERY = {
    "INT64": INT, "FLOAT64": FLOAT, "STRING": TEXT, "BOOL": BOOL, "DATE": DATE, "TIMESTAMP": TIMESTAMP,
    "DATETIME": DATETIME, "NUMERIC": DECIMAL, "BIGNUMERIC": BIG, "BYTES": BYTES,
}  # fmt: skip
IN_POSTGRES = {
    "int": "bigint", "decimal": "numeric", "float": "double precision", "text": "text", "bool": "boolean",
    "numeric": "numeric", "date": "date", "timestamp": "timestamp with time zone",
    "datetime": "timestamp without time zone", "bytes": "bytea", "json": "jsonb",
}  # fmt: skip
IN_BIGQUERY = {
    "int": "INT64", "float": "FLOAT64", "text": "STRING", "bool": "BOOL", "numeric": "BIGNUMERIC",
    "date": "DATE", "timestamp": "TIMESTAMP", "datetime": "DATETIME", "bytes": "BYTES", "json": "STRING",
    "decimal": "NUMERIC",
}  # fmt: skip
OF_POSTGRES = {
    "SMALLINT": INT, "INT": INT, "BIGINT": INT, "DOUBLE": FLOAT, "FLOAT": FLOAT, "TEXT": TEXT,
    "VARCHAR": TEXT, "CHAR": TEXT, "BOOLEAN": BOOL, "DATE": DATE, "TIMESTAMPTZ": TIMESTAMP,
    "TIMESTAMP": DATETIME, "DECIMAL": BIG, "VARBINARY": BYTES,
}  # fmt: skip
"""By sqlglot's name of a Postgres type. A number's own width is lost: BigQuery has one of each."""


Columns = dict[str, Kind]
"""A relation's columns, in order."""

Tables = Callable[[str], Mapping[str, Kind] | None]
"""The columns of a table by its dotted name; None where it is not known."""


class Typed(NamedTuple):
    """An expression of BigQuery and its kind."""

    sql: Any
    kind: Kind


Rewrite = Callable[[Any], Typed]
"""Translates a part of the expression at hand."""


def common(kinds: Sequence[Kind], what: str) -> Kind:
    """The kind that branches of these kinds have together.

    Raises:
        TranslationError: they have none.
    """
    known = [kind for kind in kinds if kind.name != "null"]
    if not known:
        return NULL
    if all(kind.is_number for kind in known):
        return promoted(known)
    if len({(kind.name, kind.of and kind.of.name) for kind in known}) > 1:
        listed = sorted({kind.name for kind in known})
        raise TranslationError(
            f"{what} mixes {', '.join(listed)}; allowed: one kind. Cast its parts in the SQL."
        )
    return known[0]


def promoted(kinds: Sequence[Kind]) -> Kind:
    """What numbers of these kinds become together: a double where one is, else a NUMERIC where one is."""
    if any(kind.name == "float" for kind in kinds):
        return FLOAT
    scales = [kind.scale for kind in kinds if kind.name == "numeric"]
    return Kind("numeric", max(scales)) if scales else INT


def needed(typed: Typed, what: str, *names: str) -> Typed:
    """The same, if it is of one of these kinds.

    Raises:
        TranslationError: it is not.
    """
    if typed.kind.name not in names:
        raise TranslationError(
            f"{what} of a value of kind {typed.kind.name} has no translation; allowed: {', '.join(names)}. "
            "Cast it in the SQL."
        )
    return typed
