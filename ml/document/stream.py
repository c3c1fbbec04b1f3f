"""Scoring a table of the warehouse by the Python evaluator: rows stream out, answers stream in.

A few batches of rows are in memory at a time: one thread reads, one evaluates and one writes, and
NumPy, Arrow and the driver let one another work. Belongs here: that stream. Does not belong here: whether to
stream (`ml.scoring_plan`), scoring by SQL (`ml.document.passes`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ml.document.ahead import ahead
from ml.document.evaluate import Answers, Evaluator
from ml.document.heads import scores_named
from ml.document.schema import DocumentError
from warehouse.client import WarehouseError, quote

if TYPE_CHECKING:
    import pyarrow as pa

    from ml.document.schema import Document
    from warehouse.client import Warehouse


@dataclass
class Streamed:
    """What went through: rows, and bytes of Arrow out of the warehouse and in again."""

    rows: int = 0
    bytes_out: int = 0
    bytes_in: int = 0


def stream_scoring(
    wh: Warehouse,
    document: Document,
    relation: str,
    keys: Sequence[str],
    into: tuple[str, str],
    answers: Sequence[str] = ("margin", "score"),
    progress: Callable[[int], None] | None = None,
) -> Streamed:
    """Append `keys` and `answers` of every row of `relation` to the table `into` (schema and name), which has
    columns of these names, on connections of their own. `answers` are `margin`, `score` (or `margin_0`, …)
    and `decision`, NULL where there is none; `relation` is as for `scoring_sql`. `progress` is told the rows
    so far after each batch.

    Raises:
        DocumentError: the document has no such answer, or an input is not of its kind.
        WarehouseError: the relation cannot be read or the table not written; nothing is written then.
    """
    import pyarrow as pa

    evaluator, done = Evaluator(document), Streamed()
    columns = list(dict.fromkeys([*keys, *document.input_names]))
    reader = wh.stream_arrow(f"select {', '.join(map(quote, columns))} from {relation} as r")
    fields = [*(reader.schema.field(key) for key in keys), *_fields(document, answers)]
    schema = pa.schema(fields)

    def answered() -> Iterator[tuple[int, pa.RecordBatch]]:
        for batch in ahead(reader):
            named = _named(evaluator.table(pa.Table.from_batches([batch])))
            arrays = [*(batch.column(key) for key in keys), *(named[name] for name in answers)]
            yield batch.nbytes, pa.record_batch(arrays, schema=schema)

    _load(wh, into, schema, _counted(ahead(answered()), done, progress))
    return done


def _counted(
    answered: Iterator[tuple[int, pa.RecordBatch]], done: Streamed, progress: Callable[[int], None] | None
) -> Iterator[pa.RecordBatch]:
    with closing(answered):
        for size, given in answered:
            done.rows, done.bytes_out = done.rows + given.num_rows, done.bytes_out + size
            done.bytes_in += given.nbytes
            if progress is not None:
                progress(done.rows)
            yield given


def _load(wh: Warehouse, into: tuple[str, str], schema: pa.Schema, batches: Iterator[pa.RecordBatch]) -> None:
    """Write the batches; an error in making them is raised as it is, where the driver would word it anew."""
    import pyarrow as pa

    failures: list[Exception] = []

    def watched() -> Iterator[pa.RecordBatch]:
        try:
            yield from batches
        except Exception as error:
            failures.append(error)
            raise

    try:
        with closing(watched()) as given:
            wh.load_arrow(*into, pa.RecordBatchReader.from_batches(schema, given))
    except WarehouseError:
        if failures:
            raise failures[0] from None
        raise


def _fields(document: Document, answers: Sequence[str]) -> list[Any]:
    import pyarrow as pa

    count = len(document.margins)
    known = {name: pa.float64() for name in (*scores_named(count, "margin"), *scores_named(count))}
    known["decision"] = pa.int64()
    lacking = [name for name in answers if name not in known]
    if lacking:
        raise DocumentError(f"{document.name} has no answers {lacking}; allowed: {', '.join(known)}.")
    return [pa.field(name, known[name]) for name in answers]


def _named(found: Answers) -> dict[str, pa.Array]:
    import pyarrow as pa

    named: dict[str, pa.Array] = {}
    for name, matrix in (("margin", found.margins), ("score", found.scores)):
        for place, column in enumerate(scores_named(matrix.shape[1], name)):
            named[column] = pa.array(matrix[:, place], pa.float64(), from_pandas=True)
    named["decision"] = pa.array(found.decision, pa.int64(), mask=found.decision < 0)
    return named
