"""What a warehouse knows of its schemas and tables, asked the same way of every engine.

Belongs here: whether things exist, columns and their types, descriptions, statistics. Does not belong here:
rows, or the SQL of any model.
"""

from __future__ import annotations

from typing import Any

from warehouse.client.identifiers import quote

# reltuples is an estimate of the last ANALYZE, -1 before the first; an exact count would read everything
RELATIONS = """
select n.nspname as schema, c.relname as name,
    case when c.relkind in ('r', 'p') then 'table' else 'view' end as kind,
    pg_total_relation_size(c.oid) + coalesce(
        (select sum(pg_total_relation_size(i.inhrelid)) from pg_inherits i where i.inhparent = c.oid), 0
    )::bigint as size_bytes,
    case when c.relkind in ('r', 'p') then greatest(c.reltuples, 0)::bigint end as rows
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm') and not c.relispartition
    and n.nspname !~ '^(pg_|information_schema)'
order by n.nspname, c.relname
"""


class PostgresCatalog:
    """The catalogue of Postgres; mixed into a class that has `query`, `scalar` and `execute`."""

    query: Any
    scalar: Any
    execute: Any

    def schema_exists(self, schema: str) -> bool:
        """Whether a schema of this name exists."""
        sql = "select exists (select from pg_namespace where nspname = %(name)s)"
        return bool(self.scalar(sql, {"name": schema}))

    def ensure_schema(self, schema: str) -> None:
        """Create a schema where it is missing; only then does it take the right to create one."""
        if not self.schema_exists(schema):
            self.execute(f"create schema if not exists {quote(schema)}")

    def table_exists(self, schema: str, table: str) -> bool:
        """Whether a table or view of this name exists."""
        sql = "select exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace "
        sql += "where n.nspname = %s and c.relname = %s and c.relkind in ('r', 'p', 'v', 'm', 'f'))"
        return bool(self.scalar(sql, (schema, table)))

    def relations(self) -> list[dict[str, Any]]:
        """Every table and view by schema and name: `schema`, `name`, `kind` (table or view), `size_bytes`
        with indexes, and `rows` as the engine last counted them, None for a view. Parts of a table are not
        listed.
        """
        return self.query(RELATIONS)

    def column_types(self, schema: str, table: str) -> dict[str, str]:
        """The columns of a table or view in order, each with its full type in Postgres' words, such as
        `numeric(12,2)`; empty where there is no such table.
        """
        sql = (
            "select a.attname as name, format_type(a.atttypid, a.atttypmod) as type from pg_attribute a "
            "join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace "
            "where n.nspname = %(schema)s and c.relname = %(table)s and a.attnum > 0 and not a.attisdropped "
            "order by a.attnum"
        )
        found = self.query(sql, {"schema": schema, "table": table})
        return {row["name"]: row["type"] for row in found}

    def describe(self, text: str, schema: str, table: str | None = None) -> None:
        """Write the description of a table, or of a schema where no table is named."""
        target = f"schema {quote(schema)}" if table is None else f"table {quote(schema, table)}"
        self.execute(f"comment on {target} is %(text)s", {"text": text})

    def description(self, schema: str, table: str | None = None) -> str | None:
        """The description of a table or schema; None where it has none or does not exist."""
        if table is None:
            sql = "select obj_description(to_regnamespace(%(name)s)::oid, 'pg_namespace')"
            return self.scalar(sql, {"name": quote(schema)})
        sql = "select obj_description(to_regclass(%(name)s)::oid, 'pg_class')"
        return self.scalar(sql, {"name": quote(schema, table)})

    def analyze(self, schema: str, table: str) -> None:
        """Bring the planner's statistics of a table up to date."""
        self.execute(f"analyze {quote(schema, table)}")

    def replace_table(self, schema: str, new: str, old: str) -> None:
        """Put the table `new` in the place of `old`, which may be missing, and take its name."""
        self.execute(f"drop table if exists {quote(schema, old)}")
        self.execute(f"alter table {quote(schema, new)} rename to {quote(old)}")

    def lock_until_commit(self, name: str) -> None:
        """Hold the lock `name` to the end of the open transaction; others wait."""
        self.execute("select pg_advisory_xact_lock(hashtextextended(%(name)s, 0))", {"name": name})
