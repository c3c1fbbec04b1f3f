"""One pass over the table at given coefficients: log-likelihood, its gradient and its information.

Each line's products are doubles, the same wherever they are computed; they are added as whole numbers of 61
bits (`ml.indb.glm_table.in_steps`), so sums do not depend on the order of lines or on parallel workers, and
are nearer to the exact ones than sums of doubles: a term is off by its own rounding, 2^-53 of its size, and
by at most 2^-62 of the largest that is possible. Categories are never columns of zeros and ones: their sums
are by group, as in `ml.indb.cofactor_sql`.

Belongs here: the statement. Does not belong here: reading its answer (`ml.indb.glm_sums`), Newton's method.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from ml.indb.cofactor_sql import AGGREGATES
from ml.indb.errors import InDatabaseError
from ml.indb.glm_family import Family
from ml.indb.glm_sums import Blocks, Sums, read_sums
from ml.indb.glm_table import GlmTable, steps_for
from ml.indb.glm_terms import GlmTerms
from warehouse.client.dialect import POSTGRES

if TYPE_CHECKING:
    from warehouse.client import Warehouse

MOST_SUMS = 30_000
TINY = 1e-200
"""A coefficient below this counts as 0: its products could underflow, which raises."""


class GlmPass:
    """Passes of one family over one table; `condition` is SQL on the column p.f. `bytes_out` and `count` add
    up what they cost.

    Raises:
        InDatabaseError: classes and numbers make too many sums.
    """

    def __init__(
        self, wh: Warehouse, table: GlmTable, terms: GlmTerms, family: Family, condition: str = "true"
    ) -> None:
        self.table, self.terms, self.family = table, terms, family
        self.bytes_out = self.count = 0
        self._wh, self.condition = wh, condition
        every = range(family.margins)
        self._blocks = [(m, k) for m in every for k in every if m <= k]
        _refuse_sums(len(self._number_sums(self._blocks)), family.margins, len(table.axes))

    def lines_sql(self, theta: np.ndarray, columns: Iterable[str]) -> str:
        """Each line with these columns of the table, its centred numbers y0, … and its predictors e0, …"""
        theta = np.where(np.abs(theta) < TINY, 0.0, theta)
        ys = [f"(p.z{at} - {POSTGRES.number(axis.mean)})" for at, axis in enumerate(self.table.axes)]
        made = [f"p.{name}" for name in columns]
        made += [f"{y} as y{at}" for at, y in enumerate(ys)]
        made += [f"({self._predictor(row, ys)}) as e{m}" for m, row in enumerate(theta.tolist())]
        return f"select {', '.join(made)} from {self.table.table} as p where {self.condition}"

    def _predictor(self, row: list[float], ys: list[str]) -> str:
        number = POSTGRES.number
        made = [number(row[0])]
        made += [f"{number(row[place])} * {y}" for y, place in zip(ys, self.terms.axes, strict=True)]
        for at, places in enumerate(self.terms.levels):
            values = ",".join(repr(0.0 if place is None else row[place]) for place in places)
            made.append(f"('{{{values}}}'::float8[])[p.c{at}]")
        return " + ".join(made)

    def __call__(self, theta: np.ndarray, peak: float, *, is_light: bool = False) -> Sums:
        """The sums at coefficients (M, P); `is_light` leaves out the information, which is most of them.

        Raises:
            WarehouseError: the statement fails.
        """
        bounds = self.family.bounds(peak)
        factors = {
            "l": steps_for(bounds.likelihood),
            "r": steps_for(bounds.residual) / 2.0,  # centred numbers lie within ±2
            "w": steps_for(bounds.weight) / 4.0,
        }
        blocks = [] if is_light else self._blocks
        rows = self._wh.query(self._sql(theta, peak, factors, blocks))
        self.count += 1
        self.bytes_out += sum(len(text or "") for row in rows for text in row["sums"])
        return read_sums(rows, factors, blocks, self.terms, self.family.margins)

    def _sql(self, theta: np.ndarray, peak: float, factors: dict[str, float], blocks: Blocks) -> str:
        kept = [f"y{at}" for at in range(len(self.table.axes))]
        kept += [f"c{at}" for at in range(len(self.terms.levels))]
        scaled = ["l", *(f"r{m}" for m in range(self.family.margins)), *_weights(blocks)]
        *stages, last = self.family.stages(peak)
        last = {"q": last["q"]} | {
            name: f"case when o then 0 else ({last[name]}) * {POSTGRES.number(factors[name[0]])} end"
            for name in scaled
        }
        stages.append(last)
        known = {"n", *(f"s{m + 1}" for m in range(max(self.family.margins, 1)))}
        columns = sorted(known) + [name for name in kept if name.startswith("c")]
        source = self.lines_sql(theta, columns)
        known |= {f"e{m}" for m in range(self.family.margins)}
        for at, stage in enumerate(stages):
            later = _names(sql for one in stages[at + 1 :] for sql in one.values()) | {"o"}
            carried = [*kept, *sorted(known & later)]
            made = [f"({sql}) as {name}" for name, sql in stage.items()]
            source = f"select {', '.join([*carried, *made])} from ({source} {POSTGRES.fence}) as s"
            known = {*carried, *stage} - set(kept)
        source = f"({source} {POSTGRES.fence}) as s"
        return "\nunion all\n".join(f"({part})" for part in self._parts(source, blocks))

    def _parts(self, source: str, blocks: Blocks) -> Iterable[str]:
        sums, count = self._number_sums(blocks), len(self.terms.levels)
        for place, first in enumerate(range(0, len(sums), AGGREGATES)):
            yield (
                f"select 'number'::text as part, {place} as place, null::int as one, null::int as two, "
                f"coalesce(bool_or(o), false) as over, max(q) as peak, "
                f"{_array(sums[first : first + AGGREGATES])} as sums from {source}"
            )
        if count:
            sets = [(at,) for at in range(count)]
            yield _grouped("level", sets, self._level_sums(blocks), source)
        if count > 1 and blocks:
            yield _grouped("pair", list(combinations(range(count), 2)), _weights(blocks), source)

    def _level_sums(self, blocks: Blocks) -> list[str]:
        ys = [f"y{at}" for at in range(len(self.table.axes))]
        residuals = [f"r{m}" for m in range(self.family.margins)]
        return residuals + [part for w in _weights(blocks) for part in (w, *(f"{w} * {y}" for y in ys))]

    def _number_sums(self, blocks: Blocks) -> list[str]:
        ys = [f"y{at}" for at in range(len(self.table.axes))]
        made = ["l"]
        for m in range(self.family.margins):
            made += [f"r{m}", *(f"r{m} * {y}" for y in ys)]
        for w in _weights(blocks):
            made += [w, *(f"{w} * {y}" for y in ys)]
            made += [f"{w} * {ys[i]} * {ys[j]}" for i in range(len(ys)) for j in range(i, len(ys))]
        return made


def _refuse_sums(count: int, margins: int, axes: int) -> None:
    if count > MOST_SUMS:
        raise InDatabaseError(
            f"{axes} numbers for {margins + 1} classes are {count} sums a step; allowed: {MOST_SUMS}. Use "
            "fewer features, or export the rows."
        )


def _names(expressions: Iterable[str]) -> set[str]:
    return {name for sql in expressions for name in re.findall(r"[a-z]\w*", sql)}


def _weights(blocks: Blocks) -> list[str]:
    return [f"w{m}_{k}" for m, k in blocks]


def _array(sums: list[str]) -> str:
    return f"array[{', '.join(f'sum(({one})::bigint)::text' for one in sums)}]::text[]"


def _grouped(part: str, sets: list[tuple[int, ...]], sums: list[str], source: str) -> str:
    grouping = ", ".join(f"({', '.join(f'c{at}' for at in one)})" for one in sets)
    cases = {"place": "", "one": "", "two": ""}
    for at, one in enumerate(sets):
        is_set = " and ".join(f"grouping(c{column}) = 0" for column in one)
        cases["place"] += f" when {is_set} then {at}"
        cases["one"] += f" when {is_set} then c{one[0]}"
        cases["two"] += f" when {is_set} then c{one[-1]}"
    listed = ", ".join(f"case{sql} end" for sql in cases.values())
    return (
        f"select '{part}'::text, {listed}, false, null::float8, {_array(sums)} from {source} "
        f"group by grouping sets ({grouping})"
    )
