"""A document's answers to Arrow rows, computed by the warehouse's SQL: the surface that parity compares.

Belongs here: putting the rows where SQL sees them, and reading the answers back. Does not belong here: the
SQL and its running (`ml.document.passes`), or scoring tables that are there already.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import numpy as np

from ml.document.evaluate import Answers
from ml.document.heads import scores_named
from ml.document.passes import WORK_SCHEMA, run_scoring
from warehouse.client import quote

if TYPE_CHECKING:
    import pyarrow as pa

    from ml.document.schema import Document
    from warehouse.client import Warehouse

SCHEMA = WORK_SCHEMA
TYPES = {"number": "double precision", "boolean": "boolean", "category": "text"}


def warehouse_answers(wh: Warehouse, document: Document, table: pa.Table) -> Answers:
    """Answers to the rows of `table`, in their order; the table they are written to is dropped again.

    The rows go in and out in Arrow's binary form, which keeps every bit, NaN, and NULL apart from NaN.

    Raises:
        WarehouseError: the warehouse does not take the rows, or fails on the SQL.
    """
    import pyarrow as pa

    key = _free_name(document)
    name = f"parity_{uuid.uuid4().hex}"
    listed = [f"{quote(key)} bigint", *(f"{quote(i.name)} {TYPES[i.kind]}" for i in document.inputs)]
    wh.execute(f"create schema if not exists {quote(SCHEMA)}")
    wh.execute(f"create unlogged table {quote(SCHEMA, name)} ({', '.join(listed)})")
    try:
        numbered = table.select(list(document.input_names))
        numbered = numbered.add_column(0, key, pa.array(range(table.num_rows), pa.int64()))
        wh.load_arrow(SCHEMA, name, numbered)
        wh.execute(f"analyze {quote(SCHEMA, name)}")
        run_scoring(wh, document, quote(SCHEMA, name), [key], (SCHEMA, f"{name}_answers"))
        answers = wh.fetch_arrow(f"select * from {quote(SCHEMA, f'{name}_answers')}")
    finally:
        wh.execute(f"drop table if exists {quote(SCHEMA, name)}, {quote(SCHEMA, f'{name}_answers')}")
    return answers_of(answers.sort_by(key), document)


def answers_of(table: pa.Table, document: Document) -> Answers:
    """The columns that scoring SQL gives, as `Answers`: NULL margins and scores as NaN, no decision as -1."""
    import pyarrow as pa
    import pyarrow.compute as pc

    def matrix(names: list[str]) -> np.ndarray:
        columns = [table.column(name).cast(pa.float64()).to_numpy() for name in names]
        return np.stack(columns, axis=1) if columns else np.empty((table.num_rows, 0))

    margins: list[Any] = scores_named(len(document.margins), "margin")
    scores = [name for name in table.column_names if name == "score" or name.startswith("score_")]
    decision = pc.fill_null(table.column("decision").cast(pa.int64()), -1).to_numpy()
    return Answers(matrix(margins), matrix(scores), decision)


def _free_name(document: Document) -> str:
    name = "row_number"
    while name in document.input_names:
        name = f"_{name}"
    return name
