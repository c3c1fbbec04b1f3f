"""Cofactors that a dbt model keeps by day: any window of days is read in one statement, without its rows.

The dbt macro `cofactors` writes them in long form, one row a day, a day on which labels became known, and a
pair of terms (`features.cof_flight__arrival_delay`). Days add up; a day is forgotten by leaving it out.

Belongs here: reading windows and the folds of a search in time order. Does not belong here: filling the table
(dbt), cofactors that Python keeps (`ml.indb.cofactor_store`), fits.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ml.indb.cofactor_scan import steps_of
from ml.indb.cofactors import Cofactors, Level, summed
from ml.indb.errors import InDatabaseError
from ml.indb.penalty_search import Split
from warehouse.client import quote

if TYPE_CHECKING:
    from warehouse.client import Warehouse

ONE = "1"
LEVEL, MISSING_LEVEL = "=", " is missing"
"""In a term's name: between a category column and its text, and behind one that is missing."""

Blocks = dict[tuple[int, int], Cofactors]
"""By block of days, and block in which the labels became known."""


@dataclass(frozen=True)
class CofactorTable:
    """The table `schema`.`table`. `day` names the column of the rows' day, `known` that of the day on which
    their labels became known.

    >>> table = CofactorTable("features", "cof_flight__arrival_delay")
    >>> kept = table.window(wh, date(2013, 1, 1), date(2013, 8, 31), known_before=date(2013, 9, 1))
    >>> least_squares(kept, ["origin_overdue_3h_count", "carrier_id"], "arrival_delay_min")
    """

    schema: str
    table: str
    day: str = "flight_date"
    known: str = "label_known_date"

    @property
    def place(self) -> str:
        """The quoted table."""
        return quote(self.schema, self.table)

    def days(self, wh: Warehouse, first: dt.date, last: dt.date) -> list[dt.date]:
        """The days of a window, both ends included, that have rows."""
        day = quote(self.day)
        sql = f"select distinct {day} as day from {self.place} where {day} between %s and %s order by 1"
        return [row["day"] for row in wh.query(sql, (first, last))]

    def window(
        self, wh: Warehouse, first: dt.date, last: dt.date, known_before: dt.date | None = None
    ) -> Cofactors:
        """Cofactors of the days from `first` to `last`, both included, without rows whose label became known
        on `known_before` or later.

        Raises:
            InDatabaseError: no row is kept of them, or some days were measured by another declaration.
            WarehouseError: there is no such table.
        """
        return summed(self._blocks(wh, [first], last, known_before).values())

    def splits(
        self, wh: Warehouse, first: dt.date, last: dt.date, folds: int, known_before: dt.date | None = None
    ) -> tuple[Cofactors, list[Split]]:
        """The window, and `folds` parts of it in order of time, for `penalty_search_on`.

        As `ml.cross_validation` does: folds + 1 blocks with the same number of days; each but the first is
        held out in turn, and what trains are the rows of the days before whose labels were known before the
        block's first day.

        Raises:
            InDatabaseError: fewer days than blocks, or what `window` is refused for.
        """
        days = self.days(wh, first, last)
        if folds < 1 or len(days) < folds + 1:
            raise InDatabaseError(
                f"{folds} folds over the {len(days)} days that {self.place} keeps from {first} to {last}; "
                "allowed: at least 1, and more days than folds. Widen the window, or use fewer folds."
            )
        starts = [block[0] for block in np.array_split(np.array(days), folds + 1)]
        blocks = self._blocks(wh, [first, *starts[1:]], last, known_before)
        found: list[Split] = []
        for at in range(1, folds + 1):
            trains = [part for (block, known), part in blocks.items() if max(block, known) < at]
            held = [part for (block, _), part in blocks.items() if block == at]
            if not trains or not held:
                raise InDatabaseError(
                    f"fold {at} of {self.place}, from {starts[at]}, has no rows to train on or to hold out "
                    "whose labels were known. Widen the window, or use fewer folds."
                )
            found.append((str(starts[at]), summed(trains), summed(held)))
        return summed(blocks.values()), found

    def _blocks(
        self, wh: Warehouse, starts: list[dt.date], last: dt.date, known_before: dt.date | None
    ) -> Blocks:
        """Cofactors by block of days and block in which labels became known; a block begins at its start."""
        day, known = quote(self.day), quote(self.known)
        sql = f"""
            select width_bucket({day}, %(starts)s::date[]) - 1 as block,
                width_bucket({known}, %(starts)s::date[]) - 1 as known_block,
                declaration, row_term, column_term, sum(total)::text as total
            from {self.place}
            where {day} between %(first)s and %(last)s
                and (%(known_before)s::date is null or {known} < %(known_before)s)
            group by 1, 2, 3, 4, 5
        """
        given = {"starts": starts, "first": starts[0], "last": last, "known_before": known_before}
        rows = wh.query(sql, given)
        if not rows:
            raise InDatabaseError(
                f"{self.place} keeps no row of the days from {starts[0]} to {last} with a label known "
                f"before {known_before or 'now'}. Build these days, or choose others."
            )
        if len({row["declaration"] for row in rows}) > 1:
            raise InDatabaseError(
                f"{self.place} was measured by more than one declaration from {starts[0]} to {last}, and "
                "such days do not add up. Build the table again: dbt measures outdated days by itself."
            )
        parts: dict[tuple[int, int], dict[tuple[str, str], str]] = {}
        for row in rows:
            part = parts.setdefault((row["block"], row["known_block"]), {})
            part[row["row_term"], row["column_term"]] = row["total"]
        return {key: cofactors_of(part) for key, part in sorted(parts.items())}


def cofactors_of(totals: Mapping[tuple[str, str], str]) -> Cofactors:
    """Cofactors of rows in long form: the text of each sum by its two terms. Columns and categories come in
    order of their names.

    Raises:
        InDatabaseError: sums that belong to others are not there.
    """
    try:
        return _assembled(totals)
    except KeyError as error:
        raise InDatabaseError(
            f"cofactors in long form lack the sum of {error.args[0]!r}. Build the table again."
        ) from None


def _assembled(totals: Mapping[tuple[str, str], str]) -> Cofactors:
    terms = {column for row, column in totals if row == ONE and column != ONE}
    by_level = {term: _level(term) for term in terms if _level(term)}
    columns = tuple(sorted(terms - by_level.keys()))
    categories = tuple(sorted({name for name, _ in by_level.values()}))
    # A sum shows as many digits as its column has decimals.
    scales = tuple(10 ** len(totals[ONE, name].partition(".")[2]) for name in columns)
    places = {term: (categories.index(name), text) for term, (name, text) in by_level.items()}
    products = [
        steps_of(_either(totals, columns[i], columns[j]), scales[i], scales[j])
        for i in range(len(columns))
        for j in range(i, len(columns))
    ]
    levels: dict[Level, tuple[int, tuple[int, ...]]] = {
        level: (int(totals[ONE, term]), _sums(totals, columns, term, scales))
        for term, level in places.items()
    }
    pairs = {}
    for (one, two), text in totals.items():
        if one in places and two in places:
            low, high = sorted((places[one], places[two]), key=lambda level: level[0])
            pairs[low, high] = int(text)
    sums = tuple(steps_of(totals[ONE, name], s) for name, s in zip(columns, scales, strict=True))
    rows = int(totals[ONE, ONE])
    return Cofactors(columns, scales, rows, sums, tuple(products), categories, levels, pairs)


def _sums(
    totals: Mapping[tuple[str, str], str], columns: Iterable[str], term: str, scales: Iterable[int]
) -> tuple[int, ...]:
    return tuple(steps_of(totals[name, term], s) for name, s in zip(columns, scales, strict=True))


def _either(totals: Mapping[tuple[str, str], str], one: str, two: str) -> str:
    """Each pair of terms stands once, in the order of the declaration."""
    return totals[(one, two) if (one, two) in totals else (two, one)]


def _level(term: str) -> tuple[str, str | None] | None:
    """The category column and text that a term stands for; None for a number."""
    name, is_level, text = term.partition(LEVEL)
    if is_level:
        return name, text
    return (name.removesuffix(MISSING_LEVEL), None) if name.endswith(MISSING_LEVEL) else None
