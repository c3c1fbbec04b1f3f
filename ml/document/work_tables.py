"""The schema of short-lived tables that scoring and parity checks work in.

Belongs here: their names, and clearing away what a killed process left. Does not belong here: what the tables
hold.
"""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING

from warehouse.client import quote

if TYPE_CHECKING:
    from warehouse.client import Warehouse

WORK_SCHEMA = "ml_work"
OLD_SECONDS = 2 * 86_400
"""No scoring takes so long: an older table has lost its process."""

OLD_TABLES = """
select relname from pg_class
where relnamespace = to_regnamespace(%(schema)s) and relkind = 'r'
  and relname ~ '^[a-z]+_[0-9]{10}_[0-9a-f]{12}' and split_part(relname, '_', 2)::bigint < %(before)s
"""


def new_name(kind: str) -> str:
    """A name that no other process has: kind (lower-case letters), second of its making, chance."""
    return f"{kind}_{int(time.time())}_{uuid.uuid4().hex[:12]}"


def prepare(wh: Warehouse) -> None:
    """Make the schema if it is missing, and drop tables older than two days.

    Raises:
        WarehouseError: the login may not create a schema.
    """
    if wh.dialect != "postgres":
        wh.make_schema(WORK_SCHEMA)  # BigQuery drops its old tables by itself
        return
    if wh.scalar("select to_regnamespace(%s)::text", (WORK_SCHEMA,)) is None:
        with wh.advisory_lock(WORK_SCHEMA):  # two sessions at once would collide on its name
            wh.execute(f"create schema if not exists {quote(WORK_SCHEMA)}")
    for row in wh.query(OLD_TABLES, {"schema": WORK_SCHEMA, "before": int(time.time()) - OLD_SECONDS}):
        wh.execute(f"drop table if exists {quote(WORK_SCHEMA, row['relname'])}")
