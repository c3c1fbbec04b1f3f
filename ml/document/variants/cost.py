"""What a document costs: its size, and the time of an answer.

Belongs here: counting and timing. Does not belong here: how good the answers are (`non_inferiority`).
"""

from __future__ import annotations

import gc
import statistics
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ml.document.evaluate import Evaluator

if TYPE_CHECKING:
    import pyarrow as pa

    from ml.document.schema import Document

ROWS = 200
BATCHES, BATCH_ROWS = 3, 8_192


@dataclass(frozen=True)
class Size:
    """Bytes of the canonical text, plain and deflated; nodes of all trees, terms of all weighted sums, and
    entries of all tables.
    """

    bytes: int
    deflated_bytes: int
    tree_nodes: int
    terms: int
    entries: int


@dataclass(frozen=True)
class Speed:
    """`row_microseconds`: median time of one answer to one row. `rows_per_second`: answering a table, median
    of a few passes. Python's evaluator, one thread.
    """

    row_microseconds: float
    rows_per_second: float


def size_of(document: Document) -> Size:
    """The size of a document."""
    text, nodes = document.text.encode(), document.nodes
    return Size(
        bytes=len(text),
        deflated_bytes=len(zlib.compress(text, 6)),
        tree_nodes=sum(len(tree["feature"]) for n in nodes if n.op == "trees" for tree in n.params["trees"]),
        terms=sum(len(node.inputs) for node in nodes if node.op == "weighted"),
        entries=sum(len(node.params["values"]) for node in nodes if node.op in ("lookup", "recode")),
    )


def speeds(
    full: Evaluator, variant: Evaluator, table: pa.Table, rows: int = ROWS, batches: int = BATCHES
) -> tuple[Speed, Speed]:
    """Both documents' speed on the same rows of `table` in turns, so that a busy moment slows both.

    `rows` single rows and `batches` passes over at most 8,192 rows are timed, after one that is not.
    """
    pair = (full, variant)
    batch = table.select(list(full.document.input_names)).slice(0, BATCH_ROWS)
    places = [round(i * (table.num_rows - 1) / max(rows - 1, 1)) for i in range(rows)]
    given = table.select(list(full.document.input_names)).take(places).to_pylist()
    for evaluator in pair:
        evaluator.row(given[0])
        evaluator.table(batch)
    single: tuple[list[float], list[float]] = ([], [])
    whole: tuple[list[float], list[float]] = ([], [])
    with _undisturbed():
        for row in given:
            for times, evaluator in zip(single, pair, strict=True):
                times.append(_seconds(evaluator.row, row))
        for _ in range(batches):
            for times, evaluator in zip(whole, pair, strict=True):
                times.append(_seconds(evaluator.table, batch))
    one, two = (
        Speed(1e6 * statistics.median(alone), batch.num_rows / statistics.median(together))
        for alone, together in zip(single, whole, strict=True)
    )
    return one, two


def _seconds(answer: Any, argument: Any) -> float:
    started = time.perf_counter()
    answer(argument)
    return time.perf_counter() - started


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Without the garbage collector, whose pauses fall on whoever happens to run."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
