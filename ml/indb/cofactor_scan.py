"""Measuring cofactors in the warehouse, and saying which column and value stood in the way.

Belongs here: running the statement, reading it, the diagnoses of data. Does not belong here: its text
(`ml.indb.cofactor_sql`), or what is fitted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ml.indb.cofactor_sql import MOST_LEVELS, Query
from ml.indb.cofactors import Cofactors, Level, summed
from ml.indb.columns import Category, Encoded, Number, Weight, encoded_weight
from ml.indb.declarations import TEXT_TYPES, declared_columns
from ml.indb.errors import InDatabaseError
from ml.indb.refusals import refuse_values, refuse_weights
from warehouse.client.dialect import POSTGRES

if TYPE_CHECKING:
    from warehouse.client import Warehouse


@dataclass(frozen=True)
class Measured:
    """Cofactors by the values of the key columns (text, in the order of `keys`), what left the warehouse in
    bytes of text, the statement, and Postgres' type of each column.
    """

    keys: tuple[str, ...]
    groups: Mapping[tuple[str | None, ...], Cofactors]
    bytes_out: int
    sql: str
    types: Mapping[str, str]

    @property
    def kinds(self) -> dict[str, str]:
        """By column, the kind of input it is to a model document: number, boolean or category."""
        named = {"boolean": "boolean", **dict.fromkeys(TEXT_TYPES, "category")}
        return {column: named.get(type_name, "number") for column, type_name in self.types.items()}

    @property
    def total(self) -> Cofactors:
        """All rows."""
        return summed(self.groups.values())

    def by(self, key: str) -> dict[str | None, Cofactors]:
        """Added up by one of the keys."""
        if key not in self.keys:
            allowed = ", ".join(self.keys) or "none"
            raise InDatabaseError(
                f"rows were not split by {key!r}; allowed: {allowed}. Measure with it in `by`."
            )
        at = self.keys.index(key)
        found: dict[str | None, Cofactors] = {}
        for values, part in self.groups.items():
            found[values[at]] = found[values[at]] + part if values[at] in found else part
        return found


def measure(
    wh: Warehouse,
    relation: str,
    numbers: Iterable[Number],
    categories: Iterable[Category] = (),
    by: Sequence[str] = (),
    weight: Weight | None = None,
) -> Measured:
    """Cofactors of a relation's rows, split by the columns `by` (a fold, a day, a class), each row as often
    as its `weight` says.

    `relation` is SQL that may stand behind FROM: a quoted name, or a select in parentheses. Features and
    targets are all `numbers` alike. One statement, one snapshot; equal whatever the parallelism or the order
    of rows.

    Raises:
        InDatabaseError: no rows; a column that is text, NaN, infinite, missing, beyond its limit or finer
            than its decimals; a category with too many values; a key that is missing; a weight that is no
            whole number, negative or too large.
        WarehouseError: a column does not exist, or the statement fails.
    """
    declared, named = list(numbers), [category.name for category in categories]
    with wh.transaction():
        wh.execute("set local extra_float_digits = 1")  # a double's text then has all its digits
        return _measured(wh, relation, declared, named, by, weight)


def _measured(
    wh: Warehouse, relation: str, declared: list[Number], named: list[str], by: Sequence[str],
    weight: Weight | None,
) -> Measured:  # fmt: skip
    weights = [weight.name] if weight else []
    types = column_types(wh, relation, [*(one.name for one in declared), *named, *by, *weights])
    columns = declared_columns(declared, named, types)
    scale = encoded_weight(weight, types[weight.name]) if weight else None
    query = Query(relation, tuple(by), tuple(columns), tuple(named), types, scale)
    rows = wh.query(query.sql)
    if any(row["refused"] for row in rows):
        refuse_weights(wh, relation, scale)
        refuse_values(wh, relation, declared, types)
    found = read_rows(rows, query, relation, types)
    return weighted_by(found, weight)


def weighted_by(found: Measured, weight: Weight | None) -> Measured:
    """What was measured, which says what it was weighted by."""
    if weight is None:
        return found
    is_count = {"counted": None} if weight.is_count else {}
    groups = {key: replace(part, weight=weight.name, **is_count) for key, part in found.groups.items()}
    return replace(found, groups=groups)


def column_types(wh: Warehouse, relation: str, names: Sequence[str]) -> dict[str, str]:
    """Postgres' type name of each column, known even where the relation has no row."""
    unique = list(dict.fromkeys(names))
    if not unique:
        raise InDatabaseError("measuring failed: no column is named. Declare at least one.")
    listed = ", ".join(
        f"pg_typeof(r.{POSTGRES.name_of(name)})::text as t{at}" for at, name in enumerate(unique)
    )
    source = f"(select 1) as one left join lateral (select * from {relation} as x limit 1) as r on true"
    row = wh.query(f"select {listed} from {source}")[0]
    return {name: row[f"t{at}"] for at, name in enumerate(unique)}


def read_rows(rows: list[dict[str, Any]], query: Query, relation: str, types: Mapping[str, str]) -> Measured:
    """What rows of the query's statement, or rows like them from elsewhere, say.

    Raises:
        InDatabaseError: as `measure`, refused values aside.
    """
    parts = [row for row in rows if row["part"] == "number"]
    if not sum(row["rows"] for row in parts if row["place"] == 0):
        of = f" of weight {query.weight.name!r} above 0" if query.weight else ""
        raise InDatabaseError(f"measuring {relation} failed: it has no rows{of}. Widen the window.")
    for part in ("level", "pair"):
        count = sum(row["part"] == part for row in rows)
        if count > MOST_LEVELS:
            raise InDatabaseError(
                f"categories {', '.join(query.categories)} have more than {MOST_LEVELS} {part}s; allowed: "
                "that many. Leave out the one with a value for nearly every row, or group rare values in the "
                "relation."
            )
    scales = _scales(parts, query.numbers)
    groups: dict[tuple[str | None, ...], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(tuple(row["keys"]), []).append(row)
    for values in groups:
        if None in values:
            name = query.keys[values.index(None)]
            raise InDatabaseError(f"key {name!r} is missing in some rows. Filter them out in the relation.")
    made = {values: _group(groups[values], query, scales) for values in sorted(groups, key=str)}
    size = sum(len(str(row[part])) for row in rows for part in ("place", "first", "second", "rows"))
    size += sum(len(text or "") for row in rows for text in (*row["sums"], *row["keys"]))
    return Measured(tuple(query.keys), made, size, query.sql, types)


def _scales(parts: list[dict[str, Any]], numbers: Sequence[Encoded]) -> tuple[int, ...]:
    """Steps in a unit of each column. A sum of NUMERIC shows as many digits as its finest value has."""
    digits = [0 if one.decimals is None else one.decimals for one in numbers]
    for row in parts:
        if row["place"] == 0:
            for at, one in enumerate(numbers):
                if one.decimals is None:
                    digits[at] = max(digits[at], len((row["sums"][at] or "").partition(".")[2]))
    return tuple(10**count for count in digits)


def _group(rows: list[dict[str, Any]], query: Query, scales: tuple[int, ...]) -> Cofactors:
    count, numbers = len(query.numbers), query.numbers
    selects = sorted((row for row in rows if row["part"] == "number"), key=lambda row: row["place"])
    values = [text for row in selects for text in row["sums"]]
    is_numeric = [one.decimals is None for one in numbers]
    products = [
        steps_of(text, scales[i] if is_numeric[i] else 1, scales[j] if is_numeric[j] else 1)
        for text, (i, j) in zip(values[count:], query.pairs(), strict=True)
    ]
    levels: dict[Level, tuple[int, tuple[int, ...]]] = {}
    pairs: dict[tuple[Level, Level], int] = {}
    columns = query.category_pairs()
    for row in rows:
        if row["part"] == "level":
            levels[row["place"], row["first"]] = (row["rows"], _sums(row["sums"], scales, is_numeric))
        elif row["part"] == "pair":
            one, two = columns[row["place"]]
            pairs[(one, row["first"]), (two, row["second"])] = row["rows"]
    return Cofactors(
        tuple(one.name for one in numbers), scales, selects[0]["rows"],
        _sums(values[:count], scales, is_numeric), tuple(products), tuple(query.categories), levels, pairs,
        counted=selects[0]["counted"] if query.weight else None,
    )  # fmt: skip


def _sums(texts: Sequence[str], scales: tuple[int, ...], is_numeric: list[bool]) -> tuple[int, ...]:
    return tuple(steps_of(t, s if n else 1) for t, s, n in zip(texts, scales, is_numeric, strict=True))


def steps_of(text: str, *scales: int) -> int:
    """A decimal in steps: bigint columns arrive in steps already, NUMERIC in units."""
    whole, _, digits = text.partition(".")
    value = int(whole + digits)
    steps = 1
    for scale in scales:
        steps *= scale
    # Every product of two values has at most the digits of both, so this divides without a rest.
    return value * steps // 10 ** len(digits)
