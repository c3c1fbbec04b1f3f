"""k-means inside the warehouse: a seeded k-means++ start, then Lloyd's steps until no centre moves.

Each step is one statement that sends back a count and sums by centre; points stay. The same centres, to the
bit, in any order of rows and with any workers. The start is greedy k-means++ (Arthur and Vassilvitskii 2007),
as scikit-learn's: of 2 + ln k candidates the one that leaves the smallest sum of distances.

Belongs here: the steps, the fit, its document. Does not belong here: statements (`ml.indb.kmeans_sql`), the
table (`ml.indb.kmeans_points`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from ml.document import Builder, Document, Head
from ml.indb.errors import InDatabaseError
from ml.indb.fitting import dropped, fitting
from ml.indb.kmeans_points import FLUSH, Points, points
from ml.indb.kmeans_sql import Assigned, PointsQuery
from ml.indb.linear_document import source_of
from ml.indb.rational import nearest

if TYPE_CHECKING:
    from warehouse.client import Warehouse

MOST_STEPS = 300
MOST_CLUSTERS = 256


@dataclass(frozen=True)
class KMeansFit:
    """`centres` (k, p) of the columns, less `means` and divided by `deviations` where they are standardised.

    `rows` (k,) nearest to each; `inertia`, the sum of squared distances; `steps` of Lloyd's, the last of
    which moved nothing where it `is_settled`. `start_inertias`: of each start.
    """

    columns: tuple[str, ...]
    centres: np.ndarray
    means: tuple[float, ...]
    deviations: tuple[float, ...]
    rows: tuple[int, ...]
    inertia: float
    steps: int
    is_settled: bool
    start_inertias: tuple[float, ...]
    points: int
    passes: int
    bytes_out: int
    kinds: Mapping[str, str]

    @property
    def raw_centres(self) -> np.ndarray:
        """(k, p) in the columns' own units."""
        return self.centres * np.array(self.deviations) + np.array(self.means)

    def document(self, kinds: Mapping[str, str] | None, name: str) -> Document:
        """Squared distances; the class is the place of the nearest centre, the first among equals."""
        builder, known = Builder(name), self.kinds if kinds is None else kinds
        columns = [
            builder.affine(builder.input(column, known[column]), subtract=mean, divide=by)
            for column, mean, by in zip(self.columns, self.means, self.deviations, strict=True)
        ]
        margins = [
            builder.squared_distance(columns, centre, label=f"distance_{place}")
            for place, centre in enumerate(self.centres.tolist())
        ]
        head = Head("nearest", tuple(range(len(margins))))
        return builder.document(margins, head, source_of("KMeans"), self.columns)


def fit_kmeans(
    wh: Warehouse,
    relation: str,
    columns: Sequence[str],
    clusters: int,
    *,
    where: str | None = None,
    standardize: bool = False,
    seed: int = 0,
    starts: int = 1,
    centres: np.ndarray | None = None,
    most_steps: int = MOST_STEPS,
) -> KMeansFit:
    """Cluster the rows of a relation, SQL that may stand behind FROM, by columns of numbers.

    The best of `starts` seeded starts, or one start from `centres` (k, p), in deviations where `standardize`
    divides each column by its own. A centre that no row is nearest to moves to the row farthest from its own,
    as in scikit-learn.

    Raises:
        InDatabaseError: bad settings; no rows; fewer distinct rows than clusters; a column that is missing,
            infinite, constant or no number.
        WarehouseError: a column does not exist, or a statement fails.
    """
    given = None if centres is None else np.asarray(centres, dtype=np.float64)
    _check(clusters, starts, most_steps, given, len(columns))
    with fitting(wh):
        found = points(wh, relation, columns, where, standardize)
        with dropped(wh, found.table):
            _refuse_few(found, clusters)
            query = PointsQuery(wh, found)
            each = [given] if given is not None else _starts(query, clusters, seed, starts)
            return _fit(found, query, [_lloyd(query, one, most_steps) for one in each])


def _check(clusters: int, starts: int, most_steps: int, given: np.ndarray | None, width: int) -> None:
    if not (1 <= clusters <= MOST_CLUSTERS and starts >= 1 and most_steps >= 1):
        raise InDatabaseError(
            f"clusters {clusters!r}, starts {starts!r}, most_steps {most_steps!r}; allowed: 1 to "
            f"{MOST_CLUSTERS} clusters, starts and steps from 1."
        )
    if given is not None and (given.shape != (clusters, width) or not np.isfinite(given).all() or starts > 1):
        raise InDatabaseError(
            f"centres have the shape {given.shape} for {starts} start; allowed: {(clusters, width)}, finite, "
            "for one start."
        )


def _starts(query: PointsQuery, clusters: int, seed: int, starts: int) -> list[np.ndarray]:
    return [_start(query, clusters, seed, start) for start in range(starts)]


def _start(query: PointsQuery, clusters: int, seed: int, start: int) -> np.ndarray:
    """Centres (k, p): one point after another."""
    chosen = query.drawn(np.zeros((0, len(query.points.columns))), seed, start, 1)
    count = 2 + int(math.log(clusters))
    while len(chosen) < clusters:
        candidates = query.drawn(chosen, seed, start, count)
        sums = query.potentials(chosen, candidates)
        chosen = np.vstack([chosen, candidates[sums.index(min(sums))]])
    return chosen


@dataclass(frozen=True)
class _Ended:
    centres: np.ndarray
    assigned: Assigned
    steps: int
    is_settled: bool


def _lloyd(query: PointsQuery, centres: np.ndarray, most_steps: int) -> _Ended:
    centres = np.where(np.abs(centres) < FLUSH, 0.0, centres)
    assigned = query.assigned(centres)
    for steps in range(1, most_steps + 1):
        moved = _moved(query, centres, assigned)
        if np.array_equal(moved, centres):
            return _Ended(centres, assigned, steps, True)
        centres, assigned = moved, query.assigned(moved)
    return _Ended(centres, assigned, most_steps, False)


def _moved(query: PointsQuery, centres: np.ndarray, assigned: Assigned) -> np.ndarray:
    """The mean of each centre's rows."""
    rows, sums = list(assigned.rows), [list(one) for one in assigned.sums]
    empty = [at for at, count in enumerate(rows) if not count]
    if empty:
        for at, (old, x) in zip(empty, query.farthest(centres, len(empty)), strict=False):
            point = [Fraction(value) for value in x]
            sums[at], rows[at] = point, 1
            if rows[old] > 1:
                sums[old] = [total - value for total, value in zip(sums[old], point, strict=True)]
                rows[old] -= 1
    made = [
        [nearest(total / count) for total in one] if count else centre
        for one, count, centre in zip(sums, rows, centres.tolist(), strict=True)
    ]
    return np.where(np.abs(made) < FLUSH, 0.0, made)


def _refuse_few(found: Points, clusters: int) -> None:
    if found.lines < clusters:
        raise InDatabaseError(
            f"{found.rows} rows are {found.lines} distinct points for {clusters} clusters; allowed: at "
            "least as many points. Ask for fewer clusters."
        )


def _fit(found: Points, query: PointsQuery, ended: list[_Ended]) -> KMeansFit:
    inertias = [one.assigned.inertia for one in ended]
    best = ended[inertias.index(min(inertias))]
    return KMeansFit(
        found.columns, best.centres, found.means, found.deviations, tuple(best.assigned.rows),
        best.assigned.inertia, best.steps, best.is_settled, tuple(inertias), found.lines, query.passes,
        query.bytes_out, found.kinds,
    )  # fmt: skip
