"""A document's answers to Arrow rows, computed by the warehouse's SQL: the surface that parity compares.

Belongs here: putting the rows where SQL sees them, and reading the answers back. Does not belong here: the
SQL and its running (`ml.document.passes`), or scoring tables that are there already.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ml.document.evaluate import Answers
from ml.document.heads import scores_named
from ml.document.passes import run_scoring
from ml.document.work_tables import WORK_SCHEMA, new_name, prepare
from warehouse.client import quote

if TYPE_CHECKING:
    import pyarrow as pa

    from ml.document.schema import Document
    from warehouse.client import Warehouse

TYPES = {"number": "double precision", "boolean": "boolean", "category": "text"}


def warehouse_answers(wh: Warehouse, document: Document, table: pa.Table) -> Answers:
    """Answers to the rows of `table`, in their order; the table they are written to is dropped again.

    The rows go in and out in Arrow's binary form, which keeps every bit, NaN, and NULL apart from NaN. They
    travel on connections of their own, so this cannot run within an open transaction.

    Raises:
        WarehouseError: the warehouse does not take the rows, or fails on the SQL.
    """
    import pyarrow as pa

    key = _free_name(document)
    name = new_name("parity")
    rows, found = quote(WORK_SCHEMA, name), quote(WORK_SCHEMA, f"{name}_answers")
    listed = [f"{quote(key)} bigint", *(f"{quote(i.name)} {TYPES[i.kind]}" for i in document.inputs)]
    prepare(wh)
    wh.execute(f"create unlogged table {rows} ({', '.join(listed)})")
    try:
        numbered = table.select(list(document.input_names))
        numbered = numbered.add_column(0, key, pa.array(range(table.num_rows), pa.int64()))
        wh.load_arrow(WORK_SCHEMA, name, numbered)
        wh.execute(f"analyze {rows}")
        run_scoring(wh, document, rows, [key], (WORK_SCHEMA, f"{name}_answers"))
        answers = wh.fetch_arrow(f"select * from {found}")
    finally:
        wh.execute(f"drop table if exists {rows}, {found}")
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
