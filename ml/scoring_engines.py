"""The two ways to score the rows of a relation into a new table: by SQL in the warehouse, or by a stream
through Python. The bits are the same.

Belongs here: what a scoring is made of, and running it. Does not belong here: which way to go
(`ml.scoring_plan`), which rows, and what becomes of the scores (`ml.score`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml.document.passes import prepared_scoring, with_settings
from ml.document.stream import stream_scoring
from ml.document.unguarded import OUT_OF_RANGE, unguarded_sql
from warehouse.client import WarehouseError, quote

if TYPE_CHECKING:
    from ml.document import Document
    from warehouse.client import Warehouse

ENGINES = ("warehouse", "stream")

TUPLE_COST = "0.02"
"""Postgres reckons that a row handed on by a parallel worker costs as much as 40 operations, and so would
work out a sum of 20 terms in one process. A row of key and answer is small."""


@dataclass(frozen=True)
class Scoring:
    """What is scored: the rows of `relation`, which may stand after FROM and holds the inputs as for
    `scoring_sql`. Kept are its columns `keys` and of the document's answers `answers`. `title` heads the SQL.
    """

    document: Document
    relation: str
    keys: tuple[str, ...]
    answers: tuple[str, ...] = ("margin", "score", "decision")
    title: str | None = None

    def of(self, relation: str) -> Scoring:
        """The same of other rows."""
        return Scoring(self.document, relation, self.keys, self.answers, self.title)


@dataclass(frozen=True)
class Scored:
    """Rows scored, and bytes of Arrow that left the warehouse and came back."""

    rows: int
    bytes_out: int = 0
    bytes_in: int = 0


def fill(
    wh: Warehouse,
    engine: str,
    scoring: Scoring,
    into: tuple[str, str],
    progress: Callable[[int], None] | None = None,
) -> Scored:
    """Make the unlogged table `into` (schema and name) of keys and answers. A stream tells `progress` the
    rows so far, and leaves the table empty if it fails. Not within a transaction: a stream has connections of
    its own, and SQL may fail once before it succeeds.

    Raises:
        DocumentError: the document cannot be scored this way.
        WarehouseError: the relation cannot be read, or the table is there already.
    """
    if engine == "warehouse":
        return _by_sql(wh, scoring, into)
    keys = [quote(key) for key in scoring.keys]
    types = {"decision": "bigint"}
    answers = [f"null::{types.get(name, 'double precision')} as {quote(name)}" for name in scoring.answers]
    wh.execute(
        f"create unlogged table {quote(*into)} as select {', '.join([*keys, *answers])} "
        f"from {scoring.relation} as r with no data"
    )
    done = stream_scoring(
        wh, scoring.document, scoring.relation, scoring.keys, into, scoring.answers, progress
    )
    return Scored(done.rows, done.bytes_out, done.bytes_in)


def _by_sql(wh: Warehouse, scoring: Scoring, into: tuple[str, str]) -> Scored:
    """By the quicker text where there is one; where a row needs the guards, it fails and they answer."""
    head = {"title": scoring.title}
    quick = None
    if wh.dialect == "postgres":  # the error that it leans on is Postgres' own
        quick = unguarded_sql(scoring.document, scoring.relation, scoring.keys, **head)
    if quick is not None:
        try:
            with with_settings(wh, jit="off", parallel_tuple_cost=TUPLE_COST):
                return _created(wh, scoring, into, quick)
        except WarehouseError as error:
            if error.sqlstate != OUT_OF_RANGE:
                raise
    with prepared_scoring(wh, scoring.document, scoring.relation, scoring.keys, **head) as select:
        return _created(wh, scoring, into, select)


def _created(wh: Warehouse, scoring: Scoring, into: tuple[str, str], select: str) -> Scored:
    columns = ", ".join(quote(name) for name in (*scoring.keys, *scoring.answers))
    rows = wh.execute(
        f"create unlogged table {quote(*into)} as\nselect {columns} from (\n{select}\n) as scored"
    )
    # BigQuery does not say how many rows a new table has, and counts them without reading any.
    return Scored(rows if rows >= 0 else int(wh.scalar(f"select count(*) from {quote(*into)}")))
