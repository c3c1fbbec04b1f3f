"""Cofactors from exported rows, by the processor's matrix products: the same bits as those by SQL.

Where columns are many, a database's products one by one take longer than letting the rows out. Whole numbers
are cut into digits of 18 bits, so that every sum of products that a matrix product forms stays below 2**53,
where doubles add whole numbers exactly, in whatever order; what they come to is added up in whole numbers.

Belongs here: reading rows as encoded numbers, these sums. Does not belong here: the same by SQL
(`ml.indb.cofactor_scan`), the choice between both (`ml.indb.training_plan`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ml.indb.cofactor_scan import Measured, column_types, read_rows
from ml.indb.cofactor_sql import Query
from ml.indb.columns import Category, Encoded, Number
from ml.indb.declarations import declared_columns
from ml.indb.errors import InDatabaseError
from ml.indb.refusals import refuse_values
from warehouse.client.dialect import POSTGRES

if TYPE_CHECKING:
    from warehouse.client import Warehouse

BITS = 18
CHUNK = 2**17
"""Rows of one matrix product: 2**17 products of two 18-bit digits stay below 2**53."""

Keys = tuple[str | None, ...]


def measure_exported(
    wh: Warehouse,
    relation: str,
    numbers: Iterable[Number],
    categories: Iterable[Category] = (),
    by: Sequence[str] = (),
) -> Measured:
    """As `ml.indb.cofactor_scan.measure`, and equal to it; the rows leave, in batches. `bytes_out` is of
    Arrow.

    Raises:
        InDatabaseError: as `measure`; a column that counts in no whole steps (declared without decimals).
        WarehouseError: a column does not exist, or the statement fails.
    """
    declared, named = list(numbers), [category.name for category in categories]
    types = column_types(wh, relation, [*(one.name for one in declared), *named, *by])
    columns = declared_columns(declared, named, types)
    wide = [one.name for one in columns if one.decimals is None]
    if wide:
        raise InDatabaseError(
            f"columns {wide} are declared without decimals; allowed in an export: whole steps. Declare "
            "decimals and a limit, or measure by SQL."
        )
    sql, before = _rows_sql(relation, columns, named, by, types), wh.bytes_out
    parts: dict[Keys, _Part] = {}
    for batch in wh.stream_arrow(sql):
        for low in range(0, batch.num_rows, CHUNK):
            if not _add(parts, batch.slice(low, CHUNK), len(columns), len(named), len(by)):
                refuse_values(wh, relation, declared, types)
    query = Query(relation, tuple(by), tuple(columns), tuple(named), types)
    rows = [row for keys, part in parts.items() for row in part.rows_of(keys, query)]
    found = read_rows(rows, query, relation, types)
    return replace(found, sql=sql, bytes_out=wh.bytes_out - before)


def _rows_sql(
    relation: str, columns: Sequence[Encoded], named: Sequence[str], by: Sequence[str], types: dict[str, str]
) -> str:
    """Columns k (keys), c (categories) as text, v (numbers) in steps."""
    listed = [f"r.{POSTGRES.name_of(key)}::text as k{at}" for at, key in enumerate(by)]
    listed += [f"r.{POSTGRES.name_of(name)}::text as c{at}" for at, name in enumerate(named)]
    listed += [f"{one.sql} as v{at}" for at, one in enumerate(columns)]
    return f"select {', '.join(listed)} from {relation} as r"


def _add(parts: dict[Keys, _Part], batch: pa.RecordBatch, numbers: int, named: int, by: int) -> bool:
    """Add some rows to the parts that they belong to; false where a value was refused."""
    values = np.empty((batch.num_rows, numbers), dtype=np.int64)
    for at in range(numbers):
        column = batch.column(f"v{at}")
        if column.null_count:
            return False
        values[:, at] = column.to_numpy()
    codes, texts = (
        zip(*(_coded(batch.column(f"c{at}")) for at in range(named)), strict=True) if named else ((), ())
    )
    for keys, rows in _split(batch, by):
        part = parts.setdefault(keys, _Part(numbers))
        part.add(values[rows], [one[rows] for one in codes], texts)
    return True


def _coded(column: pa.Array) -> tuple[np.ndarray, list[str | None]]:
    """Codes of texts, and by code its text; the last is missing."""
    encoded = column.dictionary_encode()
    texts = [*encoded.dictionary.to_pylist(), None]
    return encoded.indices.fill_null(len(texts) - 1).to_numpy(zero_copy_only=False).astype(np.int64), texts


def _split(batch: pa.RecordBatch, by: int) -> Iterator[tuple[Keys, np.ndarray | slice]]:
    """By values of the keys their rows."""
    if not by:
        yield (), slice(None)
        return
    coded = [_coded(batch.column(f"k{at}")) for at in range(by)]
    places = np.stack([codes for codes, _ in coded])
    found, inverse = np.unique(places, axis=1, return_inverse=True)
    order = np.argsort(inverse.ravel(), kind="stable")
    ends = np.cumsum(np.bincount(inverse.ravel(), minlength=found.shape[1]))
    for at, rows in enumerate(np.split(order, ends[:-1])):
        yield tuple(texts[code] for code, (_, texts) in zip(found[:, at], coded, strict=True)), rows


@dataclass
class _Part:
    """Sums of the rows of one part so far, as Python's whole numbers."""

    numbers: int
    rows: int = 0
    sums: np.ndarray = field(init=False)
    products: np.ndarray = field(init=False)
    levels: dict[tuple[int, str | None], list] = field(default_factory=dict)
    pairs: Counter = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.sums = np.zeros(self.numbers, dtype=object)
        self.products = np.zeros((self.numbers, self.numbers), dtype=object)

    def add(self, values: np.ndarray, codes: list[np.ndarray], texts: Sequence[list[str | None]]) -> None:
        """(rows, numbers) steps, by category column (rows,) codes and their texts."""
        digits = _digits(values)
        self.rows += len(values)
        self.sums += _whole(digit.sum(axis=0) for digit in digits)
        for i, one in enumerate(digits):
            self.products += _shifted(one.T @ one, 2 * BITS * i)
            for j in range(i):
                found = _shifted(one.T @ digits[j], BITS * (i + j))
                self.products += found + found.T
        for place, one in enumerate(codes):
            self._add_levels(place, one, texts[place], digits)
            for other in range(place + 1, len(codes)):
                self._add_pairs(place, other, codes, texts)

    def _add_levels(
        self, place: int, codes: np.ndarray, texts: list[str | None], digits: list[np.ndarray]
    ) -> None:
        rows = np.bincount(codes, minlength=len(texts))
        sums = [
            _whole(np.bincount(codes, digit[:, at], len(texts)) for digit in digits)
            for at in range(self.numbers)
        ]
        for code in np.flatnonzero(rows).tolist():
            known = self.levels.setdefault((place, texts[code]), [0, np.zeros(self.numbers, dtype=object)])
            known[0] += int(rows[code])
            known[1] = known[1] + np.array([one[code] for one in sums], dtype=object)

    def _add_pairs(
        self, one: int, two: int, codes: list[np.ndarray], texts: Sequence[list[str | None]]
    ) -> None:
        width = len(texts[two])
        found, counts = np.unique(codes[one] * width + codes[two], return_counts=True)
        for code, count in zip(found.tolist(), counts.tolist(), strict=True):
            first, second = divmod(code, width)
            self.pairs[(one, texts[one][first]), (two, texts[two][second])] += count

    def rows_of(self, keys: Keys, query: Query) -> Iterator[dict[str, Any]]:
        """As the statement of the query would give them."""
        shared = {"keys": keys, "second": None, "sums": []}
        sums = [*self.sums, *(self.products[place] for place in query.pairs())]
        yield shared | {"part": "number", "place": 0, "first": None, "rows": self.rows, "sums": _texts(sums)}
        for (place, text), (rows, sums) in self.levels.items():
            level = {"part": "level", "place": place, "first": text, "rows": rows, "sums": _texts(sums)}
            yield shared | level
        places = {pair: at for at, pair in enumerate(query.category_pairs())}
        for ((one, first), (two, second)), rows in self.pairs.items():
            pair = {"part": "pair", "place": places[one, two], "first": first, "second": second}
            yield shared | pair | {"rows": rows}


def _texts(values: Iterable[Any]) -> list[str]:
    return [str(int(value)) for value in values]


def _digits(values: np.ndarray) -> list[np.ndarray]:
    """Doubles whose sum, each times 2**18 as often as its place, is the value; only the last is signed."""
    found, rest = [], values
    while rest.size and (rest.min() < -(2**BITS) or rest.max() >= 2**BITS):
        found.append((rest & (2**BITS - 1)).astype(np.float64))
        rest = rest >> BITS
    return [*found, rest.astype(np.float64)]


def _whole(digits: Iterable[np.ndarray]) -> np.ndarray:
    """Whole numbers from sums of their digits."""
    return sum(_shifted(sums, BITS * at) for at, sums in enumerate(digits))


def _shifted(sums: np.ndarray, bits: int) -> np.ndarray:
    return sums.astype(np.int64).astype(object) * 2**bits
