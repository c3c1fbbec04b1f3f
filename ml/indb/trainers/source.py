"""The rows of a training table as every trainer reads them: a relation in SQL, split by folds in time.

Folds are those of `ml.cross_validation`: blocks with the same number of dates, each validated on what was
known before it. A row carries its block, and the first fold that may train on it, so that a fold's training
part is a filter, or a sum of groups. Belongs here: blocks, filters, the relation. Does not belong here:
reading rows out, encoding (`ml.indb.trainers.encoding`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ml.indb.errors import InDatabaseError
from ml.indb.star import Dimension, Star
from warehouse.client import quote
from warehouse.client.dialect import POSTGRES

if TYPE_CHECKING:
    from warehouse.client import Warehouse

BLOCK, OPEN = "__block", "__open"
LABEL = "label"
_BLOCK, _OPEN = (POSTGRES.name_of(name) for name in (BLOCK, OPEN))


@dataclass(frozen=True)
class Fold:
    """Fold `number` validates on the dates from `first` to `last` (ISO). `opens`: the first prediction
    among them; what was known by then may be trained on.
    """

    number: int
    first: str
    last: str
    opens: str


@dataclass(frozen=True)
class Source:
    """`table` quoted; `features`: kind by name, in the order of the declaration; `rows` to train on;
    `dimensions`: where features at a dimension's grain stand, by keys of the table.
    """

    table: str
    key_column: str
    date_column: str
    features: Mapping[str, str]
    task: str
    folds: tuple[Fold, ...]
    rows: int
    dimensions: tuple[Dimension, ...] = ()

    @property
    def numbers(self) -> list[str]:
        """Features that count as numbers: numbers and truth values."""
        return [name for name, kind in self.features.items() if kind != "category"]

    @property
    def categories(self) -> list[str]:
        return [name for name, kind in self.features.items() if kind == "category"]

    def relation(self, where: str = "true") -> str:
        """A parenthesised SELECT of the training rows: features, label, key, date, block, first fold."""
        names = [*self.features, LABEL, self.key_column, self.date_column]
        columns = ", ".join(POSTGRES.name_of(name) for name in names)
        inner = (
            f"select {columns}, {self._block()} as {_BLOCK}, {self._open()} as {_OPEN} "
            f"from {self.table} where split = 'train'"
        )
        return f"({inner})" if where == "true" else f"(select * from ({inner}) as t where {where})"

    @property
    def star(self) -> Star | None:
        """The training rows with their keys instead of the dimensions' features; None without dimensions."""
        if not self.dimensions:
            return None
        taken = {name for one in self.dimensions for name in one.columns}
        own = [*(name for name in self.features if name not in taken), LABEL]
        keys = [one.column_in_fact for one in self.dimensions]
        columns = ", ".join(POSTGRES.name_of(name) for name in dict.fromkeys([*own, *keys]))
        fact = (
            f"(select {columns}, {self._block()} as {_BLOCK}, {self._open()} as {_OPEN} "
            f"from {self.table} where split = 'train')"
        )
        return Star(fact, (*own, BLOCK, OPEN), self.dimensions)

    def trains(self, fold: int | None) -> str:
        """The condition, on the relation, that a row trains."""
        return "true" if fold is None else f"{_OPEN} <= {fold}"

    def validates(self, fold: int) -> str:
        """The condition, on the relation, that a row is held out by the fold."""
        return f"{_BLOCK} = {fold}"

    def _block(self) -> str:
        """0 before the first fold's dates."""
        date = POSTGRES.name_of(self.date_column)
        cases = [f"when {date} >= date '{one.first}' then {one.number}" for one in reversed(self.folds)]
        return f"(case {' '.join(cases)} else 0 end)" if cases else "0"

    def _open(self) -> str:
        """The first fold after the row's own block that opens after its label was known."""
        date = POSTGRES.name_of(self.date_column)
        cases = [
            f"when {date} < date '{one.first}' and label_known_at < timestamptz '{one.opens}' "
            f"then {one.number}"
            for one in self.folds
        ]
        last = len(self.folds) + 1
        return f"(case {' '.join(cases)} else {last} end)" if cases else str(last)


def source_of(
    wh: Warehouse, table: tuple[str, str], key_column: str, date_column: str, features: Mapping[str, str],
    task: str, folds: int, dimensions: Sequence[Dimension] = (),
) -> Source:  # fmt: skip
    """The source of a training table (schema and name, `ml.training_set`), with `folds` folds in time.

    Raises:
        InDatabaseError: fewer dates than blocks.
    """
    relation, date = quote(*table), quote(date_column)
    days = wh.query(
        f"select {date}::text as day, count(*) as rows, to_char(min(prediction_at) at time zone 'UTC', "
        f"'YYYY-MM-DD HH24:MI:SS.US') || '+00' as opens from {relation} where split = 'train' "
        f"group by {date} order by {date}"
    )
    if len(days) < folds + 1:
        raise InDatabaseError(
            f"cross-validation: {len(days)} dates of training rows; allowed: at least {folds + 1} "
            f"for {folds} folds. Widen the training window or lower cross_validation.folds."
        )
    made = [
        Fold(number, block[0]["day"], block[-1]["day"], min(day["opens"] for day in block))
        for number, block in enumerate(_blocks(days, folds + 1)[1:], start=1)
    ]
    rows = sum(day["rows"] for day in days)
    return Source(
        relation, key_column, date_column, dict(features), task, tuple(made), rows, tuple(dimensions)
    )


def _blocks(days: Sequence[Any], count: int) -> list[Sequence[Any]]:
    """As numpy.array_split: the first blocks are one longer where the dates do not divide."""
    size, longer = divmod(len(days), count)
    ends = [size * number + min(number, longer) for number in range(count + 1)]
    return [days[low:high] for low, high in zip(ends, ends[1:], strict=False)]
