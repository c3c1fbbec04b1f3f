"""Rows that pull the surfaces of a document apart, and the assertion that they agree to the bit.

Belongs here: what tests of several importers share. Does not belong here: a test, or an estimator.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyarrow as pa

from ml.document import Document, Evaluator
from ml.document.sql import scoring_sql
from warehouse.client import Warehouse
from warehouse.client.dialect import POSTGRES

EXTREMES = (
    None, float("nan"), float("inf"), float("-inf"), 1e308, -1e308, 1.7976931348623157e308, 1e100, -1e100,
    1e200, 5e-324, -5e-324, 1e-310, 1e-200, -1e-120, 1e-100, 0.0, -0.0, 1.0, -1.0, 0.1, -2.5, 3.0, 1e16,
    709.9, -745.2,
)  # fmt: skip
TEXTS = (None, "", "a", "b", "A", "a ", "it's \\ odd", "été", "zz", "a,b\n")
Parts = tuple[np.ndarray, np.ndarray, np.ndarray]
TYPES = {"number": pa.float64(), "boolean": pa.bool_(), "category": pa.string()}


def extreme_rows(
    document: Document, count: int = 300, seed: int = 0, texts: tuple[str | None, ...] = TEXTS
) -> pa.Table:
    """`count` random rows of a document's inputs: half of the numbers ordinary ones, half extremes; NULL,
    NaN and unknown categories among them. Column `row_id` numbers the rows.
    """
    rng = np.random.default_rng(seed)
    known = [key for node in document.nodes if node.op == "lookup" for key, _ in node.params["values"]]
    texts = (*texts, *dict.fromkeys(known))
    marks = [*_constants(document)]
    columns: dict[str, Any] = {"row_id": pa.array(range(count), pa.int64())}
    for item in document.inputs:
        if item.kind == "category":
            values = [texts[place] for place in rng.integers(0, len(texts), count)]
        elif item.kind == "boolean":
            values = [(None, True, False)[place] for place in rng.integers(0, 3, count)]
        else:
            special = (*EXTREMES, *marks)
            picked = [special[place] for place in rng.integers(0, len(special), count)]
            usual = np.round(rng.normal(size=count) * 3, rng.integers(0, 4)).tolist()
            which = rng.random(count) < 0.5
            values = [u if w else p for u, p, w in zip(usual, picked, which, strict=True)]
        columns[item.name] = pa.array(values, TYPES[item.kind])
    return pa.table(columns)


def _constants(document: Document) -> list[float]:
    """Numbers that nodes compare with, and their neighbours."""
    found: list[float] = []
    for node in document.nodes:
        found += node.params.get("edges", []) or node.params.get("xs", [])
        found += [key for key, _ in node.params["values"]] if node.op == "recode" else []
    return [near for x in found for near in (x, math.nextafter(x, -math.inf), math.nextafter(x, math.inf))]


def bits(values: Any) -> np.ndarray:
    """The 64 bits of each double, every NaN as one."""
    array = np.asarray(values, dtype=np.float64)
    return np.where(np.isnan(array), np.nan, array).view(np.uint64)


def sql_answers(wh: Warehouse, document: Document, table: pa.Table) -> Parts:
    """Margins (rows, k), scores (rows, k) and decisions (rows,) by SQL, in the order of `row_id`."""
    query = scoring_sql(document, values_of(table), ["row_id"])
    found = wh.query(f"select * from ({query}) as answers order by row_id")
    margins, scores = (
        np.array([[row[name] for name in row if name.startswith(part)] for row in found], dtype=np.float64)
        for part in ("margin", "score")
    )
    decisions = [-1 if row["decision"] is None else row["decision"] for row in found]
    return margins, scores, np.array(decisions, dtype=np.int64)


def values_of(table: pa.Table) -> str:
    """A table as a SELECT of its values: no table has to be loaded, and no literal loses a bit."""
    types = {pa.float64(): "float8", pa.bool_(): "boolean", pa.string(): "text", pa.int64(): "bigint"}
    casts = [types[field.type] for field in table.schema]
    rows = zip(*(table[name].to_pylist() for name in table.column_names), strict=True)
    texts = [
        ", ".join(f"{_literal(value)}::{cast}" for value, cast in zip(row, casts, strict=True))
        for row in rows
    ]
    names = ", ".join(POSTGRES.name_of(name) for name in table.column_names)
    return f"(select * from (values ({'), ('.join(texts)})) as given({names}))"


def _literal(value: Any) -> str:
    return "null" if value is None else POSTGRES.text(value if isinstance(value, str) else repr(value))


def row_answers(document: Document, table: pa.Table) -> Parts:
    """The same, row by row in plain Python."""
    row = Evaluator(document).row
    found = [row(values) for values in table.to_pylist()]
    return tuple(np.array([one[part] for one in found]) for part in range(3))  # type: ignore[return-value]


def assert_same_bits(wh: Warehouse, document: Document, table: pa.Table | None = None) -> None:
    """Rows, batch and SQL give the same margins, scores and decisions on `table`, or on extreme rows; the
    document read back from its text is the same document.
    """
    assert Document.from_text(document.text).text == document.text
    table = extreme_rows(document) if table is None else table
    batch = Evaluator(document).table(table)
    for surface, (margins, scores, decision) in {
        "row": row_answers(document, table),
        "sql": sql_answers(wh, document, table),
    }.items():
        for part, found, expected in (
            ("margins", bits(margins), bits(batch.margins)),
            ("scores", bits(scores), bits(batch.scores)),
            ("decisions", decision, batch.decision),
        ):
            wrong = np.flatnonzero((found != expected).reshape(len(expected), -1).any(axis=1))
            shown = [(table.slice(p, 1).to_pylist(), found[p], expected[p]) for p in wrong[:3].tolist()]
            assert len(wrong) == 0, f"{surface} against batch: {len(wrong)} {part} differ: {shown}"
