"""A batch: rows as a source gave them, where each stood, and how to go on after it.

Belongs here: what connectors hand over. Does not belong here: types and contracts.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Reject:
    """A row that cannot be loaded: where it stood, why, which column (None: the whole row), and the row."""

    position: str
    reason: str
    column: str | None
    row: Mapping[str, Any]


@dataclass(frozen=True)
class Batch:
    """Rows of one table.

    `rows`: Arrow with the source's own types and names, or plain dicts where a column may mix types.
    `positions`: one text a row that finds it in the source again, such as `orders.csv:17`. `resume`: by part
    of the source (a file, a partition; "" for the whole) the position after this batch. `rejects`: rows the
    reader itself could not make out, not among `rows`. `known_at`: an instant a row (UTC), for sources that
    know it apart from the row, such as a broker; used where the table declares no column for it.
    """

    rows: pa.Table | Sequence[Mapping[str, Any]]
    positions: Sequence[str]
    resume: Mapping[str, str] = field(default_factory=dict)
    rejects: Sequence[Reject] = ()
    known_at: Sequence[dt.datetime] | None = None

    @property
    def row_count(self) -> int:
        """Rows read, rejects included."""
        return len(self.positions) + len(self.rejects)

    @property
    def column_names(self) -> list[str]:
        """Every column some row has, in the order of first appearance."""
        if not isinstance(self.rows, Sequence):
            return list(self.rows.column_names)
        return list(dict.fromkeys(name for row in self.rows for name in row))

    def values(self, column: str) -> Any:
        """A column as Arrow, or as a list; missing ones as None."""
        if not isinstance(self.rows, Sequence):
            return self.rows[column]
        return [row.get(column) for row in self.rows]

    def row(self, at: int) -> dict[str, Any]:
        if not isinstance(self.rows, Sequence):
            return self.rows.slice(at, 1).to_pylist()[0]
        return dict(self.rows[at])
