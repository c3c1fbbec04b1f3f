"""A batch: rows as a source gave them, where each stood, and how to go on after it.

Belongs here: what connectors hand over. Does not belong here: types and contracts.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
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


class Numbered(Sequence[str]):
    """Positions that differ by a number alone, such as `orders.csv: row 17`, kept as their numbers: the texts
    of 100,000 rows take 8 MB, and are wanted one by one for rejects only.
    """

    def __init__(self, text: str, numbers: Sequence[int]) -> None:
        self._text, self._numbers = text, numbers

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, at: Any) -> Any:
        if isinstance(at, slice):
            return Numbered(self._text, self._numbers[at])
        return f"{self._text}{self._numbers[at]}"

    def as_arrow(self) -> pa.Array:
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        numbers = pa.array(np.asarray(self._numbers, np.int64)).cast(pa.string())
        return pc.binary_join_element_wise(self._text, numbers, "")


@dataclass(frozen=True)
class Batch:
    """Rows of one table.

    `rows`: Arrow with the source's own types and names, or plain dicts where a column may mix types.
    `positions`: one text a row that finds it in the source again, such as `orders.csv: row 17`. `resume`: by
    part of the source (a file, a partition; "" for the whole) the position after this batch. `rejects`: rows
    the reader itself could not make out, not among `rows`. `known_at`: an instant (UTC) a row, or one for
    all, for sources that know it apart from the row, such as a broker; used where the table declares no
    column for it.
    """

    rows: pa.Table | Sequence[Mapping[str, Any]]
    positions: Sequence[str]
    resume: Mapping[str, str] = field(default_factory=dict)
    rejects: Sequence[Reject] = ()
    known_at: Sequence[dt.datetime] | dt.datetime | None = None

    @property
    def row_count(self) -> int:
        """Rows read, rejects included."""
        return len(self.positions) + len(self.rejects)

    @cached_property
    def column_names(self) -> list[str]:
        """Every column some row has, in the order of first appearance."""
        if not isinstance(self.rows, Sequence):
            return list(self.rows.column_names)
        found: dict[str, None] = {}
        for row in self.rows:
            if not row.keys() <= found.keys():
                found.update(dict.fromkeys(row))
        return list(found)

    def values(self, column: str) -> Any:
        """A column as Arrow, or as a list; missing ones as None."""
        if not isinstance(self.rows, Sequence):
            return self.rows[column]
        return [row.get(column) for row in self.rows]

    def row(self, at: int) -> dict[str, Any]:
        if not isinstance(self.rows, Sequence):
            return self.rows.slice(at, 1).to_pylist()[0]
        return dict(self.rows[at])

    def positions_of(self, places: Sequence[int]) -> pa.Array:
        """The positions of these rows, as Arrow's texts."""
        import pyarrow as pa

        as_arrow = getattr(self.positions, "as_arrow", None)
        if as_arrow is None:
            return pa.array([self.positions[place] for place in places], pa.string())
        found = as_arrow()
        return found if len(places) == len(found) else found.take(pa.array(places, pa.int64()))

    def known_at_of(self, places: Sequence[int], otherwise: dt.datetime) -> pa.Array:
        """The instants from which these rows were known; `otherwise` where the source does not say."""
        import pyarrow as pa

        known, kind = self.known_at or otherwise, pa.timestamp("us", "UTC")
        if isinstance(known, dt.datetime):
            return pa.repeat(pa.scalar(known, kind), len(places))
        return pa.array([known[place] for place in places], kind)
