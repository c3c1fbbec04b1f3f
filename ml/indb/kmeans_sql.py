"""Statements of k-means over the table of points, and their answers.

Sums over points are of whole numbers of 61 bits (`ml.indb.glm_table.in_steps`), so they are the same in any
order. Of points as near to one centre as to another the first centre gets them, as in the document.

Belongs here: SQL and reading it. Does not belong here: what is done with the answers (`ml.indb.kmeans`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from ml.indb.glm_table import in_steps, steps_for
from ml.indb.kmeans_points import FLUSH, Points
from ml.indb.rational import nearest
from ml.indb.samples import PRIME
from warehouse.client.dialect import POSTGRES

if TYPE_CHECKING:
    from warehouse.client import Warehouse


@dataclass(frozen=True)
class Assigned:
    """Of centres (k, p): `rows` (k,) nearest to each, exact `sums` of their coordinates by centre, and
    `inertia`, the sum of squared distances.
    """

    rows: list[int]
    sums: list[list[Fraction]]
    inertia: float


class PointsQuery:
    """Runs them; `passes` and `bytes_out` add up what they cost."""

    def __init__(self, wh: Warehouse, points: Points) -> None:
        self.points, self.passes, self.bytes_out = points, 0, points.bytes_out
        self._wh = wh
        self._coordinates = [steps_for(points.most * max(map(abs, ends))) for ends in points.ends]

    def assigned(self, centres: np.ndarray) -> Assigned:
        """Which points are nearest to each of `centres` (k, p).

        Raises:
            WarehouseError: the statement fails.
        """
        sums = [in_steps(f"n * {z}", f) for z, f in zip(self.points.names, self._coordinates, strict=True)]
        distance = steps_for(self.points.most * self.points.reach(centres))
        listed = ", ".join(f"{one}::text" for one in [*sums, in_steps("n * d", distance)])
        found = self._query(
            f"select c, sum(n)::bigint as rows, array[{listed}] as sums from {self._nearest(centres)} "
            "group by c"
        )
        count, width = centres.shape
        rows, total = [0] * count, 0
        exact = [[Fraction(0)] * width for _ in range(count)]
        for row in found:
            rows[row["c"]] = row["rows"]
            exact[row["c"]] = [
                int(text) / Fraction(f) for text, f in zip(row["sums"], self._coordinates, strict=False)
            ]
            total += int(row["sums"][-1])
        return Assigned(rows, exact, nearest(total / Fraction(distance)))

    def farthest(self, centres: np.ndarray, count: int) -> list[tuple[int, list[float]]]:
        """The points farthest from their own centres: that centre's place, and coordinates."""
        names = ", ".join(self.points.names)
        found = self._query(
            f"select c, array[{names}] as x from {self._nearest(centres)} "
            f"order by d desc, {names} limit {count}"
        )
        return [(row["c"], row["x"]) for row in found]

    def drawn(self, centres: np.ndarray, seed: int, start: int, count: int) -> np.ndarray:
        """Points (count, p) drawn with chances as their squared distances from the nearest of `centres`, of
        all rows alike where there is none.

        Each point has a number u between 0 and 1 from its hash; those of the smallest -ln(u) / weight are
        drawn, which is drawing without replacement by weight (Efraimidis and Spirakis 2006).
        """
        names = ", ".join(self.points.names)
        weight = "n * d" if len(centres) else "n"
        source = self._nearest(centres) if len(centres) else f"{self.points.table} as s"
        u = f"(({_mixed('k', seed, start, len(centres))} + 0.5) / {POSTGRES.number(float(PRIME))})::float8"
        where = "where d > 0" if len(centres) else ""
        found = self._query(
            f"select array[{names}] as x from {source} {where} "
            f"order by -ln({u}) / ({weight}), {names} limit {count}"
        )
        return np.array([row["x"] for row in found], dtype=np.float64).reshape(
            len(found), len(self.points.names)
        )

    def potentials(self, centres: np.ndarray, candidates: np.ndarray) -> list[int]:
        """By candidate the sum of squared distances with it among the centres, in steps."""
        sums, distance = [], steps_for(self.points.most * self.points.reach(candidates))
        for candidate in candidates:
            away = self._squared(candidate)
            away = f"least(d, {away})" if len(centres) else away
            sums.append(f"{in_steps(f'n * {away}', distance)}::text")
        source = self._nearest(centres) if len(centres) else f"{self.points.table} as s"
        return [
            int(text) for text in self._query(f"select array[{', '.join(sums)}] as x from {source}")[0]["x"]
        ]

    def _nearest(self, centres: np.ndarray) -> str:
        """Each point with its squared distance d to the nearest centre, and that one's place c."""
        every = [f"d{at}" for at in range(len(centres))]
        distances = ", ".join(f"{self._squared(c)} as {d}" for c, d in zip(centres, every, strict=True))
        inner = f"(select s.*, {distances} from {self.points.table} as s {POSTGRES.fence}) as s"
        least = f"least({', '.join(every)})"
        inner = f"(select s.*, {least} as d from {inner} {POSTGRES.fence}) as s"
        place = " ".join(f"when {d} = d then {at}" for at, d in enumerate(every))
        kept = ", ".join(["n", "k", *self.points.names, "d"])
        return f"(select {kept}, case {place} end as c from {inner} {POSTGRES.fence}) as s"

    def _squared(self, centre: Sequence[float]) -> str:
        """Σ (z - centre)² from the left. Coordinates are 0 or of some size, and so are these centres, so no
        square rounds to zero.
        """
        number, terms = POSTGRES.number, [POSTGRES.number(0.0)]
        for z, value in zip(self.points.names, centre, strict=True):
            away = f"({z} - {number(0.0 if abs(value) < FLUSH else float(value))})"
            terms.append(f"{away} * {away}")
        return f"({' + '.join(terms)})"

    def _query(self, sql: str) -> list[dict]:
        rows = self._wh.query(sql)
        self.passes += 1
        self.bytes_out += sum(len(str(value)) for row in rows for value in row.values())
        return rows


def _mixed(key: str, seed: int, start: int, step: int) -> str:
    """A hash of a point's hash for one draw, below 2**31 - 1: products of two such stay in a bigint."""
    digest = hashlib.sha256(f"{seed}:{start}:{step}".encode()).digest()
    a, b, c, d = (int.from_bytes(digest[at : at + 8], "big") % (PRIME - 1) + 1 for at in range(0, 32, 8))
    x = f"mod({key} * {a} + {b}, {PRIME})"
    return f"mod((({x}) # (({x}) >> 15)) * {c} + {d}, {PRIME})"
