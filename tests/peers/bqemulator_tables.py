"""What bqemulator 1.4.0 lacks of BigQuery's tables: columns added later are known to its catalogue.

Loaded by `bqemulator_shim.py` in the peer's own environment. Belongs here: patches of what is known of
tables, each saying what the emulator lacks. Does not belong here: jobs (`bqemulator_jobs`).
"""

from __future__ import annotations

from typing import Any

import sqlglot
from bqemulator.catalog import ddl_sync
from bqemulator.jobs import executor
from sqlglot import exp


def added_columns_are_known() -> None:
    """`ALTER TABLE t ADD COLUMN c`: the emulator adds it, but goes on to tell of the table without it."""
    before = executor.sync_created_table

    def synced(sql: str, project: str, context: Any) -> None:
        before(sql, project, context)
        tree = sqlglot.parse_one(sql, read="bigquery") if "alter table" in sql[:200].lower() else None
        if not isinstance(tree, exp.Alter):
            return
        place = ddl_sync._split_target(tree.this, project)
        known = context.catalog.get_table(*place)
        if known is not None:
            columns = ddl_sync._introspect_schema(*place, context)
            context.catalog.update_table(known.model_copy(update={"schema_": columns}))

    executor.sync_created_table = synced


PATCHES = (added_columns_are_known,)
