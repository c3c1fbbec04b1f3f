"""Where a row stands in a source that has no lines or offsets: by its key.

The number of a row changes from read to read, and the same bad row would come into quarantine again and
again. Belongs here: the texts. Does not belong here: files and streams, which have places of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa


def place_of(read: str, key: Sequence[str], values: Sequence[Any], number: str) -> str:
    """`orders: order_id 7`; by the `number` of the row where a value of the key is missing."""
    if None in values:
        return f"{read}: {number}"
    return f"{read}: " + ", ".join(f"{name} {value}" for name, value in zip(key, values, strict=True))


class Keyed(Sequence[str]):
    """The places of Arrow rows, from the row numbered `first`; made when they are asked for."""

    def __init__(self, read: str, key: Sequence[str], rows: pa.Table, first: int) -> None:
        import pyarrow as pa

        self._read, self._key, self._first, self._count = read, key, first, rows.num_rows
        known, absent = set(rows.column_names), pa.nulls(rows.num_rows)
        self._columns = [rows[name].combine_chunks() if name in known else absent for name in key]

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, at: Any) -> Any:
        if isinstance(at, slice):
            return [self[place] for place in range(*at.indices(self._count))]
        at = range(self._count)[at]
        values = [column[at].as_py() for column in self._columns]
        return place_of(self._read, self._key, values, f"row {self._first + at}")

    def as_arrow(self) -> pa.Array:
        """At once where every value is there and Arrow writes it as Python does."""
        import pyarrow as pa
        import pyarrow.compute as pc

        plain = (pa.types.is_integer, pa.types.is_string, pa.types.is_date32)
        if any(c.null_count or not any(is_plain(c.type) for is_plain in plain) for c in self._columns):
            return pa.array(list(self), pa.string())
        made: list[Any] = []
        for number, (name, column) in enumerate(zip(self._key, self._columns, strict=True)):
            made += [f"{', ' if number else f'{self._read}: '}{name} ", column.cast(pa.string())]
        return pc.binary_join_element_wise(*made, "")
