"""A document's BigQuery text, evaluated by the judge and set beside the document's own evaluator.

Belongs here: asking both. Does not belong here: which distance is allowed.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from ml.document import Document, Evaluator
from ml.document.sql import scoring_sql
from tests.peers.ulps import Distance, distance
from tests.peers.zetasql import ZetaSql

NUMBERED = itertools.count()
OF_LIBM = {"exp", "tanh", "sigmoid", "log"}


@dataclass(frozen=True)
class Compared:
    """Margins and scores beside the evaluator's, and in how many rows the decision differs."""

    rows: int
    margins: Distance
    scores: Distance
    decisions: int


def compared(judge: ZetaSql, document: Document, rows: pa.Table) -> Compared:
    """Both answers to the rows; the judge refuses text that is not well typed."""
    table = rows.drop_columns("row_id") if "row_id" in rows.column_names else rows
    name = f"scored_{next(NUMBERED)}"
    judge.load(f"s.{name}", table.add_column(0, "row_id", pa.array(range(table.num_rows), pa.int64())))
    found = judge.run(scoring_sql(document, f"`s`.`{name}`", ["row_id"], dialect="bigquery"))
    found.sort(key=lambda row: row["row_id"])
    want = Evaluator(document).table(table)
    margins, scores = (
        np.array([[row[key] for key in row if key.startswith(part)] for row in found], dtype=np.float64)
        for part in ("margin", "score")
    )
    decision = np.array([-1 if row["decision"] is None else row["decision"] for row in found])
    return Compared(
        table.num_rows,
        distance(margins, want.margins),
        distance(scores, want.scores),
        int((decision != want.decision).sum()),
    )


def needs_libm(document: Document) -> bool:
    """Whether a margin is made with exp, ln or tanh."""
    return any(node.op in OF_LIBM for node in document.nodes)
