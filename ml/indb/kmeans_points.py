"""The points that are clustered: a short-lived table of distinct rows, how often each stands, and a hash.

A point is the hash of its own values, so that a seed chooses the same points in any order of rows. Distances
are those of the model document (`ml.document.ops.linear.SquaredDistance`), bit for bit.

Belongs here: the declaration, its checks, the table. Does not belong here: centres (`ml.indb.kmeans`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ml.document.work_tables import WORK_SCHEMA, new_name
from ml.indb.cofactor_scan import column_types
from ml.indb.columns import Number, encoded
from ml.indb.errors import InDatabaseError
from ml.indb.glm_profile import LARGEST, SMALLEST
from ml.indb.glm_rows import double_sql
from ml.indb.glm_table import in_steps, steps_for
from ml.indb.refusals import refuse_values
from ml.indb.samples import HEX_DIGITS, PRIME
from warehouse.client import quote
from warehouse.client.dialect import POSTGRES

if TYPE_CHECKING:
    from warehouse.client import Warehouse

FLUSH = 1e-100
"""A coordinate below this counts as 0: no square of a difference then rounds to zero, which raises."""


@dataclass(frozen=True)
class Points:
    """`table` is its quoted name, with columns n (rows), k (hash), z0, z1, …: `lines` points of `rows` rows.

    By column `means` and `deviations`, 0 and 1 unless they are standardised, and `ends`, the least and the
    largest coordinate; `most` rows of a point.
    """

    table: str
    columns: tuple[str, ...]
    kinds: dict[str, str]
    lines: int
    rows: int
    most: int
    means: tuple[float, ...]
    deviations: tuple[float, ...]
    ends: tuple[tuple[float, float], ...]
    bytes_out: int

    def reach(self, centres: np.ndarray) -> float:
        """A squared distance that no point exceeds from any of `centres` (k, p)."""
        low, high = np.array(self.ends).T
        away = np.maximum(np.abs(centres - low), np.abs(centres - high))
        return float((away * away).sum(axis=1).max()) * 1.001

    @property
    def names(self) -> list[str]:
        return [f"z{at}" for at in range(len(self.columns))]


def points(
    wh: Warehouse, relation: str, columns: Sequence[str], where: str | None, standardize: bool
) -> Points:
    """Make the table, within `ml.indb.fitting.fitting`; the caller drops it.

    Raises:
        InDatabaseError: no rows; a column that is named twice, no number, missing, infinite, too large or
            constant.
        WarehouseError: a column does not exist, or a statement fails.
    """
    if len(set(columns)) < max(len(columns), 1):
        raise InDatabaseError(f"columns are {list(columns)}; allowed: at least one, each named once.")
    source = f"(select * from {relation} as x where {where})" if where else relation
    types = column_types(wh, source, columns)
    for name in columns:
        encoded(Number(name), types[name], "x")  # says which types hold numbers
    rows, ranges = _ranges(wh, source, columns, types)
    xs = [double_sql(f"r.{POSTGRES.name_of(name)}", types[name]) for name in columns]
    means, deviations = [0.0] * len(xs), [1.0] * len(xs)
    if standardize:
        means, deviations = _moments(wh, source, xs, rows, ranges)
    ends = [
        ((low - mean) / by, (high - mean) / by)
        for (low, high), mean, by in zip(ranges, means, deviations, strict=True)
    ]
    table = quote(WORK_SCHEMA, new_name("kmeans"))
    wh.execute(f"create unlogged table {table} as {_table_sql(source, xs, means, deviations)}")
    found = wh.query(f"select count(*) as lines, max(n) as most, sum(n)::bigint as rows from {table}")[0]
    kinds = {name: "boolean" if types[name] == "boolean" else "number" for name in columns}
    return Points(
        table, tuple(columns), kinds, found["lines"], found["rows"], found["most"], tuple(means),
        tuple(deviations), tuple(ends), 16 * len(columns),
    )  # fmt: skip


def _ranges(
    wh: Warehouse, source: str, columns: Sequence[str], types: dict[str, str]
) -> tuple[int, list[tuple[float, float]]]:
    xs = [double_sql(f"r.{POSTGRES.name_of(name)}", types[name]) for name in columns]
    row = wh.query(
        f"select count(*) as rows, array[{', '.join(f'count({x})' for x in xs)}]::bigint[] as known, "
        f"array[{', '.join(f'min({x})' for x in xs)}]::float8[] as low, "
        f"array[{', '.join(f'max({x})' for x in xs)}]::float8[] as high from {source} as r"
    )[0]
    if not row["rows"]:
        raise InDatabaseError(f"clustering {source} failed: it has no rows. Widen the window.")
    for name, known, low, high in zip(columns, row["known"], row["low"], row["high"], strict=True):
        if not known:
            raise InDatabaseError(f"column {name!r} is missing in all {row['rows']} rows. Leave it out.")
        if known < row["rows"] or not all(abs(end) <= LARGEST for end in (low, high)):
            refuse_values(wh, source, [Number(name, limit=LARGEST)], types)
        if low == high or high - low < SMALLEST:
            raise InDatabaseError(
                f"column {name!r} lies between {low!r} and {high!r} in all {row['rows']} rows; allowed: "
                f"columns that vary, by at least {SMALLEST:g}. Leave it out."
            )
    return row["rows"], list(zip(row["low"], row["high"], strict=True))


def _moments(
    wh: Warehouse, source: str, xs: list[str], rows: int, ranges: list[tuple[float, float]]
) -> tuple[list[float], list[float]]:
    """Means and deviations over rows, from exact sums about the middle of each range."""
    sums, factors, middles = [], [], []
    for x, (low, high) in zip(xs, ranges, strict=True):
        middle, half = low / 2 + high / 2, (high - low) / 2 * 1.0000001
        away = f"({x} - {POSTGRES.number(middle)})"
        # In units of the half range, which the square of a difference could leave.
        small = f"abs({away}) < {POSTGRES.number(half * FLUSH)}"
        unit = f"(case when {small} then 0 else {away} / {POSTGRES.number(half)} end)"
        factors.append(half)
        middles.append(middle)
        sums += [in_steps(unit, steps_for(1.0)), in_steps(f"{unit} * {unit}", steps_for(1.0))]
    texts = wh.scalar(f"select array[{', '.join(f'{one}::text' for one in sums)}] from {source} as r")
    steps = int(steps_for(1.0))
    means, deviations = [], []
    for at, (half, middle) in enumerate(zip(factors, middles, strict=True)):
        first, second = int(texts[2 * at]), int(texts[2 * at + 1])
        means.append(middle + first / (rows * steps) * half)
        deviations.append(math.sqrt((rows * steps * second - first * first) / (rows * steps) ** 2) * half)
    return means, deviations


def _table_sql(source: str, xs: list[str], means: list[float], deviations: list[float]) -> str:
    """Points as the document has them before it takes distances."""
    number, values = POSTGRES.number, []
    for x, mean, by in zip(xs, means, deviations, strict=True):
        scaled = x
        if mean:
            scaled = f"({scaled} - {number(mean)})"
        if by != 1.0:
            least = f"abs({scaled}) < {number(by * FLUSH)}"
            scaled = f"case when {least} then {number(0.0)} else {scaled} / {number(by)} end"
        values.append(f"({scaled})")
    zs = [f"z{at}" for at in range(len(xs))]
    listed = ", ".join(
        f"case when abs({value}) < {number(FLUSH)} then {number(0.0)} else {value} end as {z}"
        for value, z in zip(values, zs, strict=True)
    )
    sent = " || ' ' || ".join(f"{z}::text" for z in zs)  # a double's text is the same on every engine
    key = f"mod(('x' || substr(md5({sent}), 1, {HEX_DIGITS}))::bit(60)::bigint, {PRIME})"
    names = ", ".join(zs)
    return (
        f"select n, {key} as k, {names} from (select count(*) as n, {names} from "
        f"(select {listed} from {source} as r {POSTGRES.fence}) as s group by {names}) as s"
    )
