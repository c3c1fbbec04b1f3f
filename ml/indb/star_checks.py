"""The checks without which a factorised sum would be wrong without a word: N to 1, and no orphan.

A key that stands twice in its dimension would count its facts twice; a fact whose key is missing, or stands
in no dimension, would not count. Belongs here: these checks, with examples. Does not belong here: sums.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml.indb.cofactor_scan import column_types
from ml.indb.errors import InDatabaseError
from warehouse.client.dialect import POSTGRES

if TYPE_CHECKING:
    from ml.indb.star import Dimension, Star
    from warehouse.client import Warehouse

EXAMPLES = 3
WHOLE = ("smallint", "integer", "bigint")
TEXTS = ("text", "character varying", "character")


def check_star(wh: Warehouse, star: Star) -> int:
    """The rows of the fact, each of which has exactly one row in every dimension. One scan of the fact.

    Raises:
        InDatabaseError: a key of another type; a key that occurs twice in its dimension; facts without a key
            or with one that the dimension has not: names dimension, column, how many and examples.
        WarehouseError: a relation or column does not exist.
    """
    _refuse_types(wh, star)
    for one in star.dimensions:
        _refuse_repeated(wh, one)
    found = wh.query(_orphans_sql(star))[0]
    for at, one in enumerate(star.dimensions):
        if found[f"missing{at}"]:
            raise InDatabaseError(
                f"dimension {one.name!r}: column {one.column_in_fact!r} of the fact is missing in "
                f"{found[f'missing{at}']:,} of {found['rows']:,} rows; allowed: a key in every row. Give "
                "such rows the key of an unknown member, or filter them out of the fact."
            )
        if found[f"orphans{at}"]:
            _refuse_orphans(wh, star, one, found[f"orphans{at}"], found["rows"])
    return int(found["rows"])


def _refuse_types(wh: Warehouse, star: Star) -> None:
    in_fact = column_types(wh, star.fact, [one.column_in_fact for one in star.dimensions])
    for one in star.dimensions:
        there, here = column_types(wh, one.relation, [one.key])[one.key], in_fact[one.column_in_fact]
        if there != here and not any(there in kind and here in kind for kind in (WHOLE, TEXTS)):
            raise InDatabaseError(
                f"dimension {one.name!r}: key {one.key!r} is {there}, column {one.column_in_fact!r} of the "
                f"fact is {here}; allowed: the same type. Cast one of them in its relation."
            )


def _refuse_repeated(wh: Warehouse, one: Dimension) -> None:
    key = f"d.{POSTGRES.name_of(one.key)}"
    found = wh.query(
        f"select {key}::text as key, count(*) as rows, count(*) over () as keys from {one.relation} as d "
        f"where {key} is not null group by {key} having count(*) > 1 order by count(*) desc, 1 "
        f"limit {EXAMPLES}"
    )
    if found:
        examples = ", ".join(f"{row['key']!r} in {row['rows']} rows" for row in found)
        raise InDatabaseError(
            f"dimension {one.name!r}: {found[0]['keys']:,} values of its key {one.key!r} stand in several "
            f"rows, such as {examples}; allowed: one row a key, or facts would count twice. Of a dimension "
            "with history take the surrogate key, or the rows of one moment."
        )


def _orphans_sql(star: Star) -> str:
    """Rows, and by dimension those without a key and those whose key it has not."""
    listed, joins = ["count(*) as rows"], []
    for at, one in enumerate(star.dimensions):
        key = f"f.{POSTGRES.name_of(one.column_in_fact)}"
        listed.append(f"count(*) filter (where {key} is null) as missing{at}")
        listed.append(f"count(*) filter (where {key} is not null and d{at}.k is null) as orphans{at}")
        joins.append(f"left join {_keys(one)} as d{at} on d{at}.k = {key}")
    return f"select {', '.join(listed)}\nfrom {star.fact} as f\n" + "\n".join(joins)


def _keys(one: Dimension) -> str:
    return f"(select d.{POSTGRES.name_of(one.key)} as k from {one.relation} as d)"


def _refuse_orphans(wh: Warehouse, star: Star, one: Dimension, orphans: int, rows: int) -> None:
    key = f"f.{POSTGRES.name_of(one.column_in_fact)}"
    found = wh.query(
        f"select {key}::text as key, count(*) as rows from {star.fact} as f "
        f"left join {_keys(one)} as d on d.k = {key} where {key} is not null and d.k is null "
        f"group by {key} order by count(*) desc, 1 limit {EXAMPLES}"
    )
    examples = ", ".join(f"{row['key']!r} in {row['rows']} rows" for row in found)
    raise InDatabaseError(
        f"dimension {one.name!r}: {orphans:,} of {rows:,} facts have a {one.column_in_fact!r} that is not "
        f"among its keys {one.key!r}, such as {examples}; allowed: keys of the dimension. Load the missing "
        "members, or give such facts the key of an unknown member."
    )
