"""Declared numbers and categories of a relation, and which of them cannot be measured together.

Belongs here: the checks that need types but no rows. Does not belong here: one column's SQL
(`ml.indb.columns`), measuring (`ml.indb.cofactor_scan` and its kin).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ml.indb.cofactor_sql import MOST_NUMBERS
from ml.indb.columns import Encoded, Number, encoded
from ml.indb.errors import InDatabaseError
from warehouse.client.dialect import POSTGRES

TEXT_TYPES = ("text", "character varying", "character")
CATEGORY_TYPES = (*TEXT_TYPES, "boolean", "smallint", "integer", "bigint")


def declared_columns(
    declared: Sequence[Number], named: Sequence[str], types: Mapping[str, str]
) -> list[Encoded]:
    """The measured columns of the numbers, of a relation that SQL names r.

    Raises:
        InDatabaseError: a column that is declared twice or cannot be measured, or too many of them.
    """
    _refuse_repeats([*(column for one in declared for column in one.columns), *named])
    columns = [
        part for one in declared for part in encoded(one, types[one.name], f"r.{POSTGRES.name_of(one.name)}")
    ]
    _refuse_many(len(columns))
    _refuse_types(named, types)
    return columns


def _refuse_many(columns: int) -> None:
    if columns > MOST_NUMBERS:
        raise InDatabaseError(
            f"{columns} columns of numbers are declared; allowed: {MOST_NUMBERS}. Export the rows "
            "instead, or use fewer."
        )


def _refuse_repeats(names: Sequence[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InDatabaseError(f"columns {twice} are declared twice; allowed: each once.")


def _refuse_types(names: Iterable[str], types: Mapping[str, str]) -> None:
    for name in names:
        if types[name] not in CATEGORY_TYPES:
            raise InDatabaseError(
                f"category {name!r} is {types[name]}; allowed: {', '.join(CATEGORY_TYPES)}. Cast it in the "
                "relation, or declare it a number."
            )
