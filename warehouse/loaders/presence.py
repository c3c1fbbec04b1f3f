"""What is already there: which tables and days of a source file need no load.

Belongs here: reading `raw` and its audit. Does not belong: writing anything. An audit row alone is never
believed: rows deleted since, or replaced from another file, are loaded again.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from warehouse.client import quote
from warehouse.loaders.audit import AUDIT, RAW, Window
from warehouse.loaders.declaration import PARTITION_DATE

if TYPE_CHECKING:
    import pyarrow as pa

    from warehouse.client import Warehouse

# the newest good load of this file that covers the range; a null bound of the load covers everything on that
# side
_COVERING = f"""
select load_id, partition_start, partition_end, source_rows from {AUDIT}
where table_name = %(table_name)s and source_file_sha256 = %(sha256)s and is_reconciled
    and (partition_start is null{{from_start}}) and (partition_end is null{{to_end}})
order by finished_at desc limit 1"""
_NEWEST = f"""
select load_id from {AUDIT}
where table_name = %(table_name)s and source_file_sha256 = %(sha256)s and is_reconciled
order by finished_at desc limit 1"""


def already_loaded(wh: Warehouse, relation: str, sha256: str, window: Window) -> tuple[str, int] | None:
    """(load id, rows within `window`) of one good load of this file that covers `window` and whose rows are
    all still there, or None. Needs no look into the file.
    """
    if not wh.table_exists(RAW, "load_audit") or not wh.table_exists(RAW, relation):
        return None
    # an open side is covered by an open one only; BigQuery takes no comparison with a NULL
    bounds = {
        "from_start": " or partition_start <= %(start)s" if window.start else "",
        "to_end": " or partition_end >= %(end)s" if window.end else "",
    }
    parameters = {"table_name": relation, "sha256": sha256, **window.parameters}
    covering = wh.query(_COVERING.format(**bounds), parameters)
    if not covering:
        return None
    loaded = Window(covering[0]["partition_start"], covering[0]["partition_end"])
    present, _ = _count(wh, relation, sha256, loaded)
    wanted, others = _count(wh, relation, sha256, window)
    if present != covering[0]["source_rows"] or others:
        return None
    return covering[0]["load_id"], wanted


def newest_load(wh: Warehouse, relation: str, sha256: str) -> str:
    """The load id of the newest good load of this file into the table; empty where there is none."""
    return wh.scalar(_NEWEST, {"table_name": relation, "sha256": sha256}) or ""


def pending_days(wh: Warehouse, relation: str, sha256: str, window: Window, rows: pa.Table) -> Window | None:
    """The part of `window` whose days differ between the file (`rows`, already cut to `window`) and `raw`.

    None where no day does. So days that several loads brought one by one are not loaded again by a load of
    everything. A day is the same where all its rows come from this very file and are as many. The answer is
    one range; it is `window` itself where the differing days reach from the first to the last.
    """
    expected = _days(rows)
    sql = f"""
        select {quote(PARTITION_DATE)} as day, count(*) as every,
            count(*) filter (where source_file_sha256 = %(sha256)s) as same
        from {quote(RAW, relation)} where {window.where()} group by 1"""
    found = wh.query(sql, {"sha256": sha256, **window.parameters})
    same = {row["day"]: row["same"] for row in found if row["same"] == row["every"]}
    days = sorted(expected.keys() | {row["day"] for row in found})
    differing = [day for day in days if expected.get(day) != same.get(day)]
    if not differing:
        # a window without any day in file or table is one no load has covered yet: it is worth its audit row
        return None if days else window
    return (
        window
        if differing[0] == days[0] and differing[-1] == days[-1]
        else Window(differing[0], differing[-1])
    )


def _days(rows: pa.Table) -> dict[date, int]:
    counts = rows.group_by(PARTITION_DATE).aggregate([([], "count_all")])
    return dict(zip(counts[PARTITION_DATE].to_pylist(), counts["count_all"].to_pylist(), strict=True))


def _count(wh: Warehouse, relation: str, sha256: str, window: Window) -> tuple[int, int]:
    """Rows of the window that come from the file with this hash, and rows that come from another."""
    sql = f"""
        select count(*) filter (where source_file_sha256 = %(sha256)s) as same, count(*) as every
        from {quote(RAW, relation)} where {window.where()}"""
    found = wh.query(sql, {"sha256": sha256, **window.parameters})[0]
    return found["same"], found["every"] - found["same"]
