"""Cofactors kept by day in a table: a new day costs a day's scan, and any window of days costs none.

Each row is one day and fold. A declaration (columns, decimals, categories, keys) is part of the key:
another declaration never mixes with it. Belongs here: keeping, forgetting, reading windows. Does not belong
here: measuring (`ml.indb.cofactor_scan`), or when days are due.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ml.indb.cofactor_scan import column_types, measure
from ml.indb.cofactors import Cofactors, summed
from ml.indb.columns import Category, Number, Weight
from ml.indb.errors import InDatabaseError
from warehouse.client import quote
from warehouse.client.dialect import POSTGRES

if TYPE_CHECKING:
    from warehouse.client import Warehouse

TABLE = """
create table if not exists {table} (
    declaration text not null, day text not null, fold text not null, rows bigint not null,
    totals text not null, digits int not null, layout json not null, primary key (declaration, day, fold)
)
"""
"""`totals`: sums, then products, of up to `digits` digits; `layout`: the rest of `Cofactors.to_dict`."""

INT64_DIGITS = 18
Row = Mapping[str, Any]


@dataclass(frozen=True)
class CofactorStore:
    """Cofactors of `numbers` and `categories` by the columns `day` (a date or a whole number) and `fold`
    (None: one fold, named "0"), each row as often as its `weight`, kept in `schema`.`table`.
    """

    schema: str
    table: str
    numbers: tuple[Number, ...]
    categories: tuple[Category, ...]
    day: str
    fold: str | None = None
    weight: Weight | None = None

    @property
    def declaration(self) -> str:
        """What is measured, as a hash."""
        parts = [[asdict(one) for one in self.numbers], [one.name for one in self.categories]]
        weight = [] if self.weight is None else [asdict(self.weight)]
        text = json.dumps([*parts, self.day, self.fold, *weight], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def place(self) -> str:
        """The quoted table."""
        return quote(self.schema, self.table)

    def measure_days(self, wh: Warehouse, relation: str, days: Sequence[str]) -> int:
        """Measure these days of the relation anew and keep them instead of what was kept of them; the rows
        they have. Of a day without rows nothing is kept.

        Raises:
            InDatabaseError: what `measure` refuses; nothing is changed then.
            WarehouseError: the schema does not exist, or the login may not write to it.
        """
        if not days:
            return 0
        kind = column_types(wh, relation, [self.day])[self.day]
        listed = ", ".join(POSTGRES.text(day) for day in days)
        chosen = f"(select * from {relation} as d where d.{POSTGRES.name_of(self.day)} = "
        chosen += f"any(array[{listed}]::{kind}[]))"
        keys = [self.day] if self.fold is None else [self.day, self.fold]
        found = {}
        if wh.scalar(f"select exists (select from {chosen} as d)"):
            found = measure(wh, chosen, self.numbers, self.categories, keys, self.weight).groups
        with wh.transaction():
            wh.execute(TABLE.format(table=self.place))
            self.forget_days(wh, days)
            for values, part in found.items():
                fold = "0" if self.fold is None else values[1]
                row = (self.declaration, values[0], fold, *_stored(part))
                wh.execute(f"insert into {self.place} values (%s, %s, %s, %s, %s, %s, %s)", row)
        return sum(part.rows for part in found.values())

    def forget_days(self, wh: Warehouse, days: Sequence[str]) -> None:
        """Keep these days no longer: no window holds anything of them, exactly."""
        wh.execute(
            f"delete from {self.place} where declaration = %s and day = any(%s)",
            (self.declaration, list(days)),
        )

    def days(self, wh: Warehouse) -> list[str]:
        """The days that are kept, in order of their text."""
        if not wh.table_exists(self.schema, self.table):
            return []
        sql = f'select day from {self.place} where declaration = %s group by day order by day collate "C"'
        return [row["day"] for row in wh.query(sql, (self.declaration,))]

    def window(self, wh: Warehouse, days: Sequence[str]) -> dict[str, Cofactors]:
        """Cofactors of these days by fold, added up from what is kept.

        Raises:
            InDatabaseError: nothing is kept of any of them.
        """
        rows = []
        if wh.table_exists(self.schema, self.table):
            sql = f"select fold, rows, totals, digits, layout::text as layout from {self.place} "
            sql += "where declaration = %s and day = any(%s)"
            rows = wh.query(sql, (self.declaration, list(days)))
        found: dict[str, list[Row]] = {}
        for row in rows:
            found.setdefault(row["fold"], []).append(row)
        if not found:
            raise InDatabaseError(
                f"{self.place} keeps none of {len(days)} days under this declaration; kept: "
                f"{len(self.days(wh))} others. Measure the days first."
            )
        return {fold: _added(parts) for fold, parts in found.items()}


def _stored(part: Cofactors) -> tuple[int, str, int, str]:
    layout = part.to_dict()
    totals = [*layout.pop("sums"), *layout.pop("products")]
    digits = max((len(text.lstrip("-")) for text in totals), default=0)
    return layout.pop("rows"), " ".join(totals), digits, json.dumps(layout)


def _added(parts: Sequence[Row]) -> Cofactors:
    """The sum of kept rows. Totals in the same steps, which nearly all are, add up as arrays: a window of 300
    parts takes a quarter of the time that it takes as objects.
    """
    layout = json.loads(parts[0]["layout"])
    if layout["levels"] or any(part["layout"] != parts[0]["layout"] for part in parts):
        return summed(map(_read, parts))
    if max(part["digits"] for part in parts) + len(str(len(parts))) <= INT64_DIGITS:
        values = np.fromstring(" ".join(part["totals"] for part in parts), dtype=np.int64, sep=" ")
        totals = values.reshape(len(parts), -1).sum(axis=0).tolist()
    else:
        totals = list(map(sum, zip(*(map(int, part["totals"].split()) for part in parts), strict=True)))
    return _of(layout, sum(part["rows"] for part in parts), totals)


def _read(part: Row) -> Cofactors:
    return _of(json.loads(part["layout"]), part["rows"], part["totals"].split())


def _of(layout: Row, rows: int, totals: Sequence[Any]) -> Cofactors:
    count = len(layout["columns"])
    return Cofactors.from_dict({**layout, "rows": rows, "sums": totals[:count], "products": totals[count:]})
