"""Statistics of the rows to train on: how many, how wide, how often their values repeat.

Rows are counted; all else is read from a sample of 10,000. Belongs here: these queries and the estimate of
distinct values. Does not belong here: what they cost (`ml.indb.way_costs`).
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING

from ml.indb.cofactor_scan import column_types
from ml.indb.columns import WHOLE
from ml.indb.declare import declared
from ml.indb.errors import InDatabaseError
from warehouse.client.dialect import POSTGRES

if TYPE_CHECKING:
    from ml.indb.star import Star
    from ml.indb.training_work import TrainingWork
    from warehouse.client import Warehouse

SAMPLE_ROWS = 10_000
NUMBER_BYTES = 8
OFFSET_BYTES = 4
"""Arrow keeps four bytes a text beside its characters."""

Pair = tuple[int, int]


@dataclass(frozen=True)
class WorkStatistics:
    """`rows` to train on; `row_bytes`: one row as Arrow, of which `text_bytes` are text; `wide`: features of
    numbers that are summed as NUMERIC; `scan_seconds`: what counting the rows took; `is_parallel`: whether
    Postgres would share a scan of them; `levels`: categories by feature; `cells`: distinct rows of features,
    in bins where the trainer bins.

    Of a star: `dimension_rows`; `keys`, distinct keys of the fact; `pairs`, distinct pairs of keys or of a
    key and a category of the fact, by the places of both among `keyed` columns.
    """

    rows: int
    row_bytes: float
    text_bytes: float = 0.0
    wide: int = 0
    scan_seconds: float = 0.0
    is_parallel: bool = False
    levels: Mapping[str, int] = field(default_factory=dict)
    cells: int | None = None
    dimension_rows: tuple[int, ...] = ()
    keys: tuple[int, ...] = ()
    pairs: Mapping[Pair, int] = field(default_factory=dict)


def read_statistics(wh: Warehouse, work: TrainingWork) -> WorkStatistics:
    """One count of the rows and one sample; on BigQuery the count alone, as its plan needs no more and a
    sample would be paid for.

    Raises:
        InDatabaseError: no rows.
        WarehouseError: a column does not exist.
    """
    counted, began = work.star.fact if work.star else work.relation, time.perf_counter()
    rows = int(wh.scalar(f"select count(*) from {counted} as r"))
    seconds = time.perf_counter() - began
    if not rows:
        raise InDatabaseError(f"planning on {counted} failed: it has no rows. Widen the window.")
    if wh.dialect == "bigquery":
        return WorkStatistics(
            rows, NUMBER_BYTES * (len(work.numbers) + 1), scan_seconds=seconds, is_parallel=True
        )
    sample = _sample(wh, work.relation, [*work.features, work.label], rows)
    texts = _text_bytes(wh, sample, work.categories)
    row_bytes = NUMBER_BYTES * (len(work.numbers) + 1) + texts
    sets = [[_name(name)] for name in work.categories]
    found = _distinct(wh, sample, sets, rows)
    return WorkStatistics(
        rows, row_bytes, texts, _wide(wh, sample, work), seconds, _is_parallel(wh, rows * row_bytes),
        dict(zip(work.categories, found, strict=True)), _cells(wh, sample, work, rows),
        *_of_star(wh, work, rows),
    )  # fmt: skip


def _text_bytes(wh: Warehouse, sample: str, categories: Sequence[str]) -> float:
    if not categories:
        return 0.0
    widths = ", ".join(f"avg(octet_length({_name(name)}::text))" for name in categories)
    found = wh.scalar(f"select array[{widths}]::float8[] from {sample} as s")
    return sum((width or 0.0) + OFFSET_BYTES for width in found)


def _wide(wh: Warehouse, sample: str, work: TrainingWork) -> int:
    """Features whose values, as the sample shows them, have too many digits for whole numbers."""
    if work.trainer == "trees" or work.is_rounded or not work.numbers:
        return 0
    types = column_types(wh, sample, work.numbers)
    return sum(
        one.decimals is None for one in declared(wh, sample, work.numbers) if types[one.name] not in WHOLE
    )


def _is_parallel(wh: Warehouse, size: float) -> bool:
    """Postgres shares scans of tables from a size on."""
    sql = "select pg_size_bytes(current_setting('min_parallel_table_scan_size'))"
    return size >= wh.scalar(sql)


def _cells(wh: Warehouse, sample: str, work: TrainingWork, rows: int) -> int | None:
    if "cells" not in work.ways:
        return None
    source = _binned(sample, work) if work.trainer == "trees" else sample
    return _distinct(wh, source, [[_name(name) for name in work.features]], rows)[0]


def distinct(sample: int, seen: int, once: int, rows: int) -> int:
    """Distinct values among `rows`, where a sample has `seen` of them, `once` of which stand in one row: the
    estimator of Haas and Stokes (1998), which Postgres' ANALYZE uses too.
    """
    if sample >= rows or not sample:
        return seen
    if once == sample:
        return rows
    estimate = sample * seen / (sample - once + once * sample / rows)
    return max(seen, min(rows, round(estimate)))


def keyed(star: Star, categories: Sequence[str]) -> list[str]:
    """The fact's columns that messages are grouped by: keys of dimensions, then its own categories."""
    own = [name for name in categories if name in star.columns]
    return [*(one.column_in_fact for one in star.dimensions), *own]


def _of_star(
    wh: Warehouse, work: TrainingWork, rows: int
) -> tuple[tuple[int, ...], tuple[int, ...], dict[Pair, int]]:
    star = work.star
    if star is None:
        return (), (), {}
    sizes = [int(wh.scalar(f"select count(*) from {one.relation} as d")) for one in star.dimensions]
    columns = keyed(star, work.categories)
    places = list(combinations(range(len(columns)), 2))
    sample = _sample(wh, star.fact, columns, rows)
    sets = [[_name(column)] for column in columns]
    sets += [[_name(columns[one]), _name(columns[two])] for one, two in places]
    found = _distinct(wh, sample, sets, rows)
    pairs = dict(zip(places, found[len(columns) :], strict=True))
    return tuple(sizes), tuple(found[: len(star.dimensions)]), pairs


def _sample(wh: Warehouse, relation: str, columns: Sequence[str], rows: int) -> str:
    """A select of some rows, the same at each call as long as the rows are."""
    listed = ", ".join(dict.fromkeys(f"r.{_name(name)}" for name in columns))
    share = SAMPLE_ROWS / rows
    if share >= 1:
        return f"(select {listed} from {relation} as r)"
    if relation.lstrip().startswith("("):
        wh.execute("select setseed(0.5)")
        return f"(select {listed} from {relation} as r where random() < {POSTGRES.number(share)})"
    percent = POSTGRES.number(100 * share)
    return f"(select {listed} from {relation} as r tablesample bernoulli ({percent}) repeatable (1))"


def _binned(sample: str, work: TrainingWork) -> str:
    """Numbers as the place of their value in so many parts of equal rows, about as the trees' bins lie."""
    listed = [_name(name) for name in work.categories]
    for name in work.numbers:
        x = _name(name)
        place = f"rank() over (order by {x}) - 1"
        listed.append(
            f"case when {x} is not null then ({place}) * {work.most_bins} / count(*) over () end as {x}"
        )
    return f"(select {', '.join(listed)} from {sample} as s)"


def _distinct(wh: Warehouse, sample: str, sets: Sequence[Sequence[str]], rows: int) -> list[int]:
    """Distinct values of each set of columns among all rows, estimated from the sample."""
    if not sets:
        return []
    parts = []
    for place, columns in enumerate(sets):
        grouped = f"select count(*) as n from s group by {', '.join(columns)}"
        parts.append(
            f"select {place} as place, coalesce(sum(n), 0)::bigint as sample, count(*) as seen, "
            f"count(*) filter (where n = 1) as once from ({grouped}) as g"
        )
    found = wh.query(f"with s as materialized (select * from {sample} as t)\n" + "\nunion all\n".join(parts))
    ordered = sorted(found, key=lambda row: row["place"])
    return [distinct(row["sample"], row["seen"], row["once"], rows) for row in ordered]


def _name(name: str) -> str:
    return POSTGRES.name_of(name)
