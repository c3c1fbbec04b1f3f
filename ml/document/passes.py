"""Scoring a table of the warehouse by a document of any size: one statement, or several passes.

A pass is a statement that computes some levels of the document for all rows and keeps them in an unlogged
table for the next, so that no statement needs more of the server's memory than `layout.PASS_SIZE` stands for.
Each is a `create table as select`, which Postgres runs in parallel. Sums go on from the last pass, from the
left, so the bits are those of one statement.

On BigQuery it is the text of a statement that has an end, at a megabyte; the cuts are the same.

Belongs here: cutting a document into statements, running them, clearing up. Does not belong here: their text
(`ml.document.sql`), which rows to score.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml.document.layout import Layout
from ml.document.schema import DocumentError
from ml.document.sql import Writer, comment
from ml.document.work_tables import WORK_SCHEMA, new_name, prepare
from warehouse.client import WarehouseError, quote

if TYPE_CHECKING:
    from ml.document.schema import Document
    from warehouse.client import Warehouse

MAX_KEPT = 900
"""Columns of a work table: a row of Postgres must fit into a page of 8 kB."""


@dataclass(frozen=True)
class Passes:
    """Statements to run in this order, and then a SELECT of the answers. `tables` are the work tables,
    quoted; `statements[i]` makes `tables[i]`, and each but the first reads the one before, which may go then.
    """

    statements: tuple[str, ...]
    tables: tuple[str, ...]
    select: str


def scoring_passes(
    document: Document,
    relation: str,
    keys: Sequence[str] = (),
    *,
    work: tuple[str, str] | None = None,
    title: str | None = None,
    dialect: str = "postgres",
) -> Passes:
    """The passes over `relation`, whose columns are as for `scoring_sql`; a small document has none but the
    final SELECT. `work` is the schema and name that the work tables' names begin with. The text is Postgres',
    cut as the engine of `dialect` needs it, whose warehouse translates it.

    Raises:
        DocumentError: as `scoring_sql`, or a row between two passes would not fit into a page.
    """
    layout = Layout(document, dialect)
    writer, runs = Writer(layout, keys), layout.runs()
    schema, stem = work or (WORK_SCHEMA, new_name("scoring"))
    tables = [quote(schema, f"{stem}_{number}") for number in range(1, len(runs))]
    statements, source, level = [], relation, 1
    for number, (table, (_, last)) in enumerate(zip(tables, runs, strict=False), 1):
        _require_fits(layout, last, len(keys))
        text = writer.text(writer.levels(level, last), source)
        step = f"-- pass {number} of {len(runs)}\n"
        statements.append(f"{comment(document, title)}{step}create unlogged table {table} as\n{text}")
        source, level = table, last + 1
    select = comment(document, title) + writer.text([writer.head(), *writer.levels(level)], source)
    return Passes(tuple(statements), tuple(tables), select)


@contextmanager
def prepared_scoring(
    wh: Warehouse, document: Document, relation: str, keys: Sequence[str] = (), *, title: str | None = None
) -> Iterator[str]:
    """Run every pass but the last; gives the SELECT of `keys`, margins, scores and decision, for use within
    the block in any statement. The work tables are gone afterwards, also after a failure.

    Raises:
        DocumentError: as `scoring_passes`; nothing was sent then.
        WarehouseError: a statement failed.
    """
    passes = scoring_passes(document, relation, keys, title=title, dialect=wh.dialect)
    # Compiling thousands of branches takes far longer than running them.
    with with_settings(wh, jit="off"):
        try:
            if passes.tables:
                prepare(wh)
            for number, statement in enumerate(passes.statements):
                wh.execute(statement)
                if number:
                    wh.execute(f"drop table {passes.tables[number - 1]}")
            yield passes.select
        except BaseException:
            _drop(wh, passes.tables, is_failing=True)
            raise
        _drop(wh, passes.tables)


def run_scoring(
    wh: Warehouse,
    document: Document,
    relation: str,
    keys: Sequence[str],
    into: tuple[str, str],
    *,
    title: str | None = None,
) -> int:
    """Score every row of `relation` into a new table `into` (schema and name): `keys`, margins, scores and
    decision. The number of rows.

    Raises:
        DocumentError: as `scoring_passes`; nothing was sent then.
        WarehouseError: a statement failed, or the table exists; no work table is left.
    """
    with prepared_scoring(wh, document, relation, keys, title=title) as select:
        return wh.execute(f"create table {quote(*into)} as\n{select}")


def _require_fits(layout: Layout, level: int, keys: int) -> None:
    handed = {*layout.carried(level), *(column.name for column in layout.at(level))}
    if len(handed) + keys > MAX_KEPT:
        raise DocumentError(
            f"{layout.document.name} is too large for one statement, and its passes would keep "
            f"{len(handed) + keys} columns a row; allowed: {MAX_KEPT}. Score it by the streamed path."
        )


def _drop(wh: Warehouse, tables: Sequence[str], *, is_failing: bool = False) -> None:
    try:
        for table in tables:
            wh.execute(f"drop table if exists {table}")
    except WarehouseError:
        # Within a failed transaction nothing can be dropped, and its rollback takes the tables away; the
        # failure itself is what the caller must see.
        if not is_failing:
            raise


@contextmanager
def with_settings(wh: Warehouse, **settings: str) -> Iterator[None]:
    """The session's settings changed within the block; nothing on BigQuery, which has none of them."""
    if wh.dialect != "postgres":
        yield
        return
    before = wh.query("select " + ", ".join(f"current_setting('{name}') as {name}" for name in settings))[0]
    _set(wh, settings)
    try:
        yield
    except BaseException:
        with suppress(WarehouseError):  # in a failed transaction; its rollback restores them
            _set(wh, before)
        raise
    _set(wh, before)


def _set(wh: Warehouse, settings: Mapping[str, str]) -> None:
    changes = ", ".join("set_config(%s, %s, false)" for _ in settings)
    wh.execute(f"select {changes}", [part for pair in settings.items() for part in pair])
