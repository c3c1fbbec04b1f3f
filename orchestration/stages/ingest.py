"""Ingest: the tables of every source in `LOADERS` land in `raw`, those loaded by day as daily partitions.

A source gives two ops: its tables loaded as a whole, and its tables loaded by day, where a backfill of many
days is one run. Does not belong here: reading files, or deciding what is new (`warehouse.loaders` does
both).
"""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Any

import dagster as dg

from orchestration.dbt_translator import DEFAULT_OWNER
from orchestration.stages.house import STAGE_TAG, House, is_forced, run_window, teller
from warehouse.client import quote
from warehouse.loaders import LOADERS


def daily_partitions() -> dg.DailyPartitionsDefinition:
    """One definition for the house, from the first day any source has to the last, so that one run can span
    sources.
    """
    by_day = [loader for loader in LOADERS.values() if any(table.by_day for table in loader.source.tables)]
    first = min((loader.first_date for loader in by_day if loader.first_date), default=date(2013, 1, 1))
    last = [loader.last_date for loader in by_day]
    ends = (
        None if not last or None in last else str(max(last) + timedelta(days=1))
    )  # Dagster's end is exclusive
    return dg.DailyPartitionsDefinition(start_date=str(first), end_date=ends)


DAILY = daily_partitions()


def raw_key(source: str, table: str) -> dg.AssetKey:
    """Asset key of a table of a source."""
    return dg.AssetKey(["raw", f"{source}__{table}"])


def daily_tables() -> list[dg.AssetKey]:
    """Keys of all tables that are loaded by day."""
    return [
        raw_key(name, table.name)
        for name, loader in LOADERS.items()
        for table in loader.source.tables
        if table.by_day
    ]


def ingest_assets() -> list[dg.AssetsDefinition]:
    """Two ops a source, or one where it has tables of one kind only."""
    made = []
    for source, loader in LOADERS.items():
        for name, by_day in ((f"load_{source}_reference", False), (f"load_{source}_daily", True)):
            tables = [table for table in loader.source.tables if table.by_day == by_day]
            if tables:
                made.append(_loading(name, source, tables, by_day))
    return made


def _loading(name: str, source: str, tables: Sequence[Any], by_day: bool) -> dg.AssetsDefinition:
    specs = [
        dg.AssetSpec(
            raw_key(source, table.name),
            description=table.describe,
            group_name="raw",
            owners=[DEFAULT_OWNER],
            kinds={"dlt", "postgres"},
            partitions_def=DAILY if by_day else None,
        )
        for table in tables
    ]

    @dg.multi_asset(
        name=name,
        specs=specs,
        can_subset=True,
        op_tags={STAGE_TAG: "load"},
        backfill_policy=dg.BackfillPolicy.single_run() if by_day else None,
    )
    def loading(context: dg.AssetExecutionContext, house: House) -> Iterator[dg.MaterializeResult]:
        wanted = [
            table.name for table in tables if raw_key(source, table.name) in context.selected_asset_keys
        ]
        start, end = (run_window(context) if by_day else None) or (None, None)
        with house.locked(f"load:{source}", context.run_id) as wh:
            results = LOADERS[source].load(
                house.settings,
                tables=wanted,
                start=start,
                end=end,
                force=is_forced(context),
                progress=teller(context),
            )
            for table, result in zip(wanted, results, strict=True):
                yield dg.MaterializeResult(
                    asset_key=raw_key(source, table), metadata=_metadata(wh, raw_key(source, table), result)
                )

    return loading


def _metadata(wh: Any, key: dg.AssetKey, result: Any) -> dict[str, Any]:
    return {
        "dagster/row_count": int(wh.scalar(f"select count(*) from {quote(*key.path)}")),
        "source_rows": result.source_rows,
        "loaded_rows": result.loaded_rows,
        "is_skipped": result.is_skipped,
        "load_id": result.load_id,
        "source_sha256": result.sha256,
        "seconds": round(result.seconds, 3),
    }
