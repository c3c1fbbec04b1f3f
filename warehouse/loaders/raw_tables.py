"""Making and changing the tables of `raw` on each engine.

Postgres makes them within the transaction that fills them, with indexes; the key is a unique one. BigQuery
allows no such statement within a transaction and enforces no key: there tables are made before it,
partitioned by day and clustered by key, and the key is checked by a query before the commit.

Belongs here: that difference, for every loader. Does not belong here: what a source's tables hold (`publish`,
`intake.versions`), or any other statement, which is the same on both.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from warehouse.client import WarehouseError, quote
from warehouse.loaders.declaration import LoadError

if TYPE_CHECKING:
    from warehouse.client import Warehouse

BIGQUERY = "bigquery"
Columns = Iterable[tuple[str, str, bool]]
"""Name, Postgres type, and whether a value is required."""
IN_BIGQUERY = {
    "bigint": "INT64", "integer": "INT64", "double precision": "FLOAT64", "text": "STRING", "boolean": "BOOL",
    "date": "DATE", "timestamptz": "TIMESTAMP", "timestamp with time zone": "TIMESTAMP", "bytea": "BYTES",
    "numeric": "BIGNUMERIC", "jsonb": "STRING",
}  # fmt: skip
"""JSON stays text: BigQuery's JSON keeps numbers as doubles."""
IN_POSTGRES = {"integer": "bigint", "timestamptz": "timestampwithtimezone"}
"""What the catalogue calls a type, without spaces, where it is not its declared name."""
NOT_FOR_CLUSTERS = {"FLOAT64", "BYTES"}
MOST_CLUSTERS = 4
NAME = re.compile(r"[A-Za-z_]\w{0,299}", re.ASCII)
SIZED = re.compile(r"numeric\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)")
MOST_DIGITS, MOST_SCALE = 38, 38
"""Digits before and behind the point that a BIGNUMERIC surely holds."""
SHORT_DIGITS, SHORT_SCALE = 29, 9
"""Those that a NUMERIC holds."""


@contextmanager
def transaction(wh: Warehouse, prepare: Callable[[], None]) -> Iterator[None]:
    """A transaction for whose work `prepare` makes the tables: within it, on BigQuery before it."""
    if wh.dialect == BIGQUERY:
        prepare()
        with wh.transaction():
            yield
        return
    with wh.transaction():
        prepare()
        yield


@contextmanager
def preparing(wh: Warehouse) -> Iterator[None]:
    """A transaction for tables made and changed; none on BigQuery, where each such statement stands alone."""
    if wh.dialect == BIGQUERY:
        yield
        return
    with wh.transaction():
        yield


def make_table(
    wh: Warehouse,
    schema: str,
    name: str,
    columns: Columns,
    comment: str,
    rules: str = "",
    defaults: Mapping[str, str] | None = None,
    day: str | None = None,
    clusters: Sequence[str] = (),
) -> None:
    """Create a table where it is missing.

    `rules`: constraints, `defaults`: SQL of values by column; both for Postgres alone, statements that
    BigQuery gets check and write them themselves. `day`: the date or instant by whose day BigQuery parts the
    table, `clusters`: the columns by which it keeps rows together, of which four count.

    Raises: LoadError: a column's name or type that BigQuery has not.
    """
    columns = list(columns)
    if wh.dialect == BIGQUERY:
        wh.run_googlesql(_bigquery_table(schema, name, columns, day, clusters))
    else:
        ends = {
            one: f" {value}" if value.startswith("generated ") else f" default {value}"
            for one, value in (defaults or {}).items()
        }
        listed = [
            f"{quote(one)} {kind}{' not null' if must else ''}{ends.get(one, '')}"
            for one, kind, must in columns
        ]
        listed += [rules] if rules else []
        wh.execute(f"create table if not exists {quote(schema, name)} ({', '.join(listed)})")
    wh.describe(comment, schema, name)


def make_index(
    wh: Warehouse, schema: str, table: str, name: str, columns: Sequence[str], is_unique: bool = False
) -> None:
    """Create an index where it is missing; on BigQuery there is none to make."""
    if wh.dialect != BIGQUERY:
        kind, listed = "unique index" if is_unique else "index", ", ".join(map(quote, columns))
        wh.execute(f"create {kind} if not exists {quote(name)} on {quote(schema, table)} ({listed})")


def check_column(wh: Warehouse, name: str, kind: str) -> None:
    """Raises LoadError where a table of the engine cannot have such a column."""
    if wh.dialect == BIGQUERY:
        bigquery_type(name, kind)


def is_stored_as(wh: Warehouse, kind: str, found: str) -> bool:
    """Whether a column declared with a Postgres type is the one that `wh.column_types` calls `found`."""
    kind, found = kind.replace(" ", ""), found.replace(" ", "")
    if wh.dialect == BIGQUERY and kind.startswith("numeric"):
        return found.startswith("numeric")
    known = IN_POSTGRES | ({"jsonb": "text"} if wh.dialect == BIGQUERY else {})
    return known.get(kind, kind) == found


def check_key(wh: Warehouse, relation: str, key: Sequence[str], where: str, parameters: dict) -> None:
    """Refuse a key that comes twice in the table of `raw`, where no unique index does. `where` bounds the
    rows looked at, and so the bytes read.

    Raises:
        WarehouseError: naming the key.
    """
    if wh.dialect != BIGQUERY:
        return
    names = ", ".join(map(quote, key))
    sql = f"select {names} from {quote('raw', relation)} where {where} group by {names}"
    sql += " having count(*) > 1 limit 1"
    if found := wh.query(sql, parameters):
        values = ", ".join(str(value) for value in found[0].values())
        raise WarehouseError(f"Key ({', '.join(key)}) = ({values}) comes twice in raw.{relation}.")


def bigquery_type(name: str, kind: str) -> str:
    """BigQuery's type for a column of a Postgres type.

    Raises:
        LoadError: there is none that holds every value, or the name is none of BigQuery.
    """
    if not NAME.fullmatch(name):
        raise LoadError(
            f"column {name} cannot stand in a table of BigQuery", value=name,
            allowed="letters, digits and _, no digit first", next_step="declare it under another name",
        )  # fmt: skip
    sized = SIZED.fullmatch(kind)
    if sized is None:
        return IN_BIGQUERY[kind]
    digits, scale = int(sized[1]), int(sized[2] or 0)
    if scale > MOST_SCALE or digits - scale > MOST_DIGITS:
        raise LoadError(
            f"column {name} has more digits than BigQuery keeps", value=kind,
            allowed=f"{MOST_DIGITS} digits before the point and {MOST_SCALE} behind it",
            next_step="declare a narrower type, or load it as text",
        )  # fmt: skip
    is_short = scale <= SHORT_SCALE and digits - scale <= SHORT_DIGITS
    return f"{'NUMERIC' if is_short else 'BIGNUMERIC'}({digits}, {scale})"


def _bigquery_table(
    schema: str, name: str, columns: list[tuple[str, str, bool]], day: str | None, clusters: Sequence[str]
) -> str:
    types = {one: bigquery_type(one, kind) for one, kind, _ in columns}
    listed = [
        f"{quote(one, dialect=BIGQUERY)} {types[one]}{' NOT NULL' if must else ''}"
        for one, _, must in columns
    ]
    sql = f"CREATE TABLE IF NOT EXISTS {quote(schema, name, dialect=BIGQUERY)} ({', '.join(listed)})"
    if day is not None:
        column = quote(day, dialect=BIGQUERY)
        sql += f" PARTITION BY {column if types[day] == 'DATE' else f'DATE({column})'}"
    kept = [one for one in clusters if types[one] not in NOT_FOR_CLUSTERS][:MOST_CLUSTERS]
    if kept:
        sql += f" CLUSTER BY {', '.join(quote(one, dialect=BIGQUERY) for one in kept)}"
    return sql
