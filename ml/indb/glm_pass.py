"""One pass over the table at given coefficients: log-likelihood, its gradient and its information.

Each line's products are doubles, the same wherever they are computed; they are added as whole numbers of 61
bits (`ml.indb.glm_table.in_steps`), so sums do not depend on the order of lines or on parallel workers, and
are nearer to the exact ones than sums of doubles: a term is off by its own rounding, 2^-53 of its size, and
by at most 2^-62 of the largest that is possible. Categories are never columns of zeros and ones: their sums
are by group, as in `ml.indb.cofactor_sql`.

Belongs here: the statement and reading it. Does not belong here: what is done with the sums.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from ml.document.dialect import POSTGRES
from ml.indb.cofactor_sql import AGGREGATES
from ml.indb.glm_family import Family
from ml.indb.glm_table import GlmTable, steps_for
from ml.indb.glm_terms import GlmTerms

if TYPE_CHECKING:
    from warehouse.client import Warehouse

Blocks = list[tuple[int, int]]
"""Pairs of predictors, of which the information has a block each."""

TINY = 1e-200
"""A coefficient below this counts as 0: its products could underflow, which raises."""


@dataclass(frozen=True)
class Sums:
    """At some coefficients (M, P): `kernel`, the log-likelihood up to a constant; `gradient` (M, P);
    `information` (M, P, M, P); `peak` of the family's sizes; `is_over` where a line went beyond them.
    """

    kernel: float
    gradient: np.ndarray
    information: np.ndarray
    peak: float
    is_over: bool


class GlmPass:
    """Passes of one family over one table; `condition` is SQL on the column p.f. `bytes_out` and `count` add
    up what they cost.
    """

    def __init__(
        self, wh: Warehouse, table: GlmTable, terms: GlmTerms, family: Family, condition: str = "true"
    ) -> None:
        self.table, self.terms, self.family = table, terms, family
        self.bytes_out = self.count = 0
        self._wh, self._condition = wh, condition
        every = range(family.margins)
        self._blocks = [(m, k) for m in every for k in every if m <= k]

    def lines_sql(self, theta: np.ndarray, columns: Iterable[str]) -> str:
        """Each line with these columns of the table, its centred numbers y0, … and its predictors e0, …"""
        theta = np.where(np.abs(theta) < TINY, 0.0, theta)
        ys = [f"(p.z{at} - {POSTGRES.number(axis.mean)})" for at, axis in enumerate(self.table.axes)]
        made = [f"p.{name}" for name in columns]
        made += [f"{y} as y{at}" for at, y in enumerate(ys)]
        made += [f"({self._predictor(row, ys)}) as e{m}" for m, row in enumerate(theta.tolist())]
        return f"select {', '.join(made)} from {self.table.table} as p where {self._condition}"

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
        return self._read(rows, factors, blocks)

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

    def _read(self, rows: list[dict[str, Any]], factors: dict[str, float], wanted: Blocks) -> Sums:
        parts = sorted((row for row in rows if row["part"] == "number"), key=lambda row: row["place"])
        texts = iter([text or "0" for row in parts for text in row["sums"]])
        margins, count = self.family.margins, self.terms.count
        gradient, blocks = np.zeros((margins, count)), {block: np.zeros((count, count)) for block in wanted}
        kernel = int(next(texts)) / factors["l"]
        places = (0, *self.terms.axes)
        for m in range(margins):
            for place in places:
                gradient[m, place] = int(next(texts)) / factors["r"]
        for block in wanted:
            for i, one in enumerate(places):
                for two in places[i:] if i else places:
                    value = int(next(texts)) / factors["w"]
                    blocks[block][one, two] = blocks[block][two, one] = value
        for row in rows:
            if row["part"] == "level":
                self._read_level(row, gradient, blocks, factors)
            elif row["part"] == "pair":
                self._read_pair(row, blocks, factors)
        information = np.zeros((margins, count, margins, count))
        for (m, k), block in blocks.items():
            information[m, :, k, :] = information[k, :, m, :] = block
        peaks = [row["peak"] for row in parts if row["peak"] is not None]
        return Sums(
            kernel, gradient, information, max(peaks, default=math.nan), any(row["over"] for row in parts)
        )

    def _read_level(
        self,
        row: dict[str, Any],
        gradient: np.ndarray,
        blocks: dict[Any, np.ndarray],
        factors: dict[str, float],
    ) -> None:
        place = self.terms.levels[row["place"]][row["one"] - 1]
        if place is None:
            return
        texts = iter(row["sums"])
        for m in range(self.family.margins):
            gradient[m, place] = int(next(texts)) / factors["r"]
        for block in blocks:
            weight = int(next(texts)) / factors["w"]
            blocks[block][place, place] = blocks[block][0, place] = blocks[block][place, 0] = weight
            for axis in self.terms.axes:
                value = int(next(texts)) / factors["w"]
                blocks[block][axis, place] = blocks[block][place, axis] = value

    def _read_pair(
        self, row: dict[str, Any], blocks: dict[Any, np.ndarray], factors: dict[str, float]
    ) -> None:
        first, second = list(combinations(range(len(self.terms.levels)), 2))[row["place"]]
        one, two = self.terms.levels[first][row["one"] - 1], self.terms.levels[second][row["two"] - 1]
        if one is None or two is None:
            return
        for block, text in zip(blocks, row["sums"], strict=True):
            blocks[block][one, two] = blocks[block][two, one] = int(text) / factors["w"]


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
