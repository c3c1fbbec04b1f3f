"""The Python evaluator: a table of many rows by NumPy, one row by plain Python, to the same bits.

Belongs here: running the nodes and the head. Does not belong here: what an operation computes
(`ml.document.ops`), or where rows come from.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ml.document.heads import ROW_HEADS, batch_head
from ml.document.ops import OPS
from ml.document.ops.category import Categories
from ml.document.schema import Document, DocumentError

if TYPE_CHECKING:
    import pyarrow as pa

BLOCK_ROWS = 16_384
"""Rows computed at once: a block's columns stay in the processor's cache."""


@dataclass(frozen=True)
class Answers:
    """What a document says of rows. `margins` (rows, k) float64 is the bit contract, NaN where it is missing;
    `scores` (rows, s): P(second class), P of each class, the value, or distances, by the head; `decision`
    (rows,) int64: the class by position, -1 where there is none.
    """

    margins: np.ndarray
    scores: np.ndarray
    decision: np.ndarray


class Evaluator:
    """One document, ready to answer. Holds no state of a request: safe from several threads."""

    def __init__(self, document: Document) -> None:
        self.document = document

    def table(self, table: pa.Table) -> Answers:
        """Answers to the rows of an Arrow table that holds the inputs by name.

        Raises:
            DocumentError: an input is absent or its column is not of its kind.
        """
        columns = {item.name: arrow_column(item, table) for item in self.document.inputs}
        return self.columns(columns, table.num_rows)

    def columns(self, columns: Mapping[str, Any], rows: int) -> Answers:
        """Answers to NumPy columns: float64, NaN for missing (booleans as 0 and 1), `Categories` for text."""
        blocks = [
            self._block({name: _part(column, start) for name, column in columns.items()})
            for start in range(0, rows, BLOCK_ROWS)
        ]
        margins = np.concatenate(blocks) if blocks else np.empty((0, len(self.document.margins)))
        scores, decision = batch_head(self.document.head, margins)
        return Answers(margins, scores, decision)

    def _block(self, values: dict[str, Any]) -> np.ndarray:
        with np.errstate(invalid="ignore"):  # NaN compares as false here, which is what is meant
            for node in self.document.nodes:
                operands = [values[name] for name in node.inputs]
                values[node.id] = OPS[node.op].batch(node, operands)
        return np.stack([values[name] for name in self.document.margins], axis=1)

    def row(self, row: Mapping[str, Any]) -> tuple[list[float], list[float], int]:
        """Margins, scores and decision of one row given as plain values; None is missing.

        The quick path for one request: no array is made. Raises KeyError for an absent input.
        """
        read, margins_of, head = self._program
        found = margins_of(*read(row))
        scores, decision = head(found)
        return found, scores, decision

    @cached_property
    def _program(self) -> tuple[Any, Callable[..., list[float]], Any]:
        head = ROW_HEADS[self.document.head.kind](self.document.head)
        return _reader(self.document), _row_margins(self.document), head


def _row_margins(document: Document) -> Callable[..., list[float]]:
    """A function of the inputs, in order, that gives the margins: one line of Python a node, which is quicker
    than a list that grows. The source holds places counted here alone, no text of the document.
    """
    variables = {name: f"v{place}" for place, name in enumerate(document.input_names)}
    functions: dict[str, Any] = {"__builtins__": {}}
    lines = [f"def margins_of({', '.join(variables.values())}):"]
    for place, node in enumerate(document.nodes):
        functions[f"f{place}"] = OPS[node.op].row(node)
        operands = ", ".join(variables[name] for name in node.inputs)
        variables[node.id] = f"v{len(variables)}"
        lines.append(f"    {variables[node.id]} = f{place}({operands})")
    lines.append(f"    return [{', '.join(variables[name] for name in document.margins)}]")
    exec(compile("\n".join(lines), "<a model document>", "exec"), functions)
    return functions["margins_of"]


def _reader(document: Document) -> Callable[[Mapping[str, Any]], list[Any]]:
    """A function that reads a row's inputs in order, numbers as floats with NaN for None."""
    names = [(item.name, item.kind == "category") for item in document.inputs]

    def read(row: Mapping[str, Any]) -> list[Any]:
        values: list[Any] = []
        for name, is_text in names:
            value = row[name]
            values.append(value if is_text else math.nan if value is None else float(value))
        return values

    return read


def _part(column: Any, start: int) -> Any:
    stop = start + BLOCK_ROWS
    if isinstance(column, Categories):
        return Categories(column.codes[start:stop], column.values)
    return column[start:stop]


def arrow_column(item: Any, table: pa.Table) -> Any:
    """One input's column of an Arrow table, as the evaluator takes it."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if item.name not in table.column_names:
        raise DocumentError(f"input {item.name!r} is missing; the rows hold {', '.join(table.column_names)}.")
    column = table.column(item.name)
    try:
        if item.kind == "category":
            encoded = column.cast(pa.string()).combine_chunks().dictionary_encode()
            values = [*encoded.dictionary.to_pylist(), None]
            codes = pc.fill_null(encoded.indices, len(values) - 1).to_numpy(zero_copy_only=False)
            return Categories(codes.astype(np.int64), values)
        if item.kind == "boolean":
            column = column.cast(pa.bool_()).cast(pa.uint8())
        return column.cast(pa.float64()).to_numpy()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise DocumentError(
            f"input {item.name!r}: a column of type {column.type} cannot be read as {item.kind}: {error}."
        ) from error
