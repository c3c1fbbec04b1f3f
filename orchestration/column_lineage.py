"""Column lineage of dbt models, read from the SQL dbt compiled and the contracts of the project.

Every model declares its columns in a contract, so neither this module nor Dagster has to ask the warehouse
for them. A model's lineage changes only with its SQL or its parents' columns: answers are kept in the home
under a hash of both, the days of an incremental build left out. Does not belong here: lineage between
tables, which dagster-dbt takes from the manifest.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Mapping
from typing import Any

import dagster as dg

from orchestration.dbt_translator import relation_key
from warehouse.client import Settings

Deps = dict[str, list[tuple[str, str, str]]]  # column -> (schema, table, column) of direct parents
DAYS = re.compile(r"cast\('\d{4}-\d\d-\d\d' as date\)(,\s*cast\('\d{4}-\d\d-\d\d' as date\))*")
"""The days that an incremental model names: another day has the same lineage, a second's work to trace."""

log = logging.getLogger(__name__)


class ColumnLineage:
    """Answers for one manifest, kept between runs in the home of `settings`."""

    def __init__(self, manifest: Mapping[str, Any], settings: Settings, producers: Mapping[Any, Any]) -> None:
        self._manifest = manifest
        self._dialect = settings.engine
        self._prefix = f"{settings.database}_" if settings.engine == "bigquery" else ""
        self._store = settings.home / "dbt" / "lineage"
        self._producers = producers
        self._store.mkdir(parents=True, exist_ok=True)

    def metadata(self, unique_id: str, compiled_sql: str) -> dict[str, Any]:
        """`dagster/column_lineage` and `dagster/column_schema` for one built model."""
        props = self._manifest["nodes"][unique_id]
        schema = dg.TableSchema(
            columns=[
                dg.TableColumn(name, column.get("data_type") or "?", description=column.get("description"))
                for name, column in props["columns"].items()
            ]
        )
        found: dict[str, Any] = {"dagster/column_schema": schema}
        deps = self._deps(props, compiled_sql)
        if deps:
            found["dagster/column_lineage"] = dg.TableColumnLineage(
                deps_by_column={
                    column: [
                        dg.TableColumnDep(asset_key=key, column_name=parent)
                        for schema_name, table, parent in parents
                        for key in self._assets(dg.AssetKey([schema_name, table]))
                    ]
                    for column, parents in deps.items()
                }
            )
        return found

    def _assets(self, key: dg.AssetKey) -> list[dg.AssetKey]:
        return list(self._producers.get(key, [key]))

    def _deps(self, props: Mapping[str, Any], compiled_sql: str) -> Deps:
        parents = self._parents(props)
        tables = {"/".join(key.path): sorted(node["columns"]) for key, node in parents.items()}
        sql = DAYS.sub("(a day)", compiled_sql)
        seed = json.dumps([sql, sorted(props["columns"]), sorted(tables.items())])
        file = self._store / f"{hashlib.sha256(seed.encode()).hexdigest()[:32]}.json"
        if file.exists():
            return json.loads(file.read_text(encoding="utf-8"))
        try:
            deps = trace(compiled_sql, list(props["columns"]), parents, self._dialect, self._prefix)
        except (
            Exception
        ) as error:  # lineage is a picture; a statement sqlglot cannot follow must not fail a build
            log.warning("No column lineage for %s: %s", props["unique_id"], error)
            return {}
        file.write_text(json.dumps(deps), encoding="utf-8")
        return deps

    def _parents(self, props: Mapping[str, Any]) -> dict[dg.AssetKey, Mapping[str, Any]]:
        nodes = [
            self._manifest["nodes"].get(parent) or self._manifest["sources"].get(parent)
            for parent in props["depends_on"]["nodes"]
        ]
        return {relation_key(node): node for node in nodes if node}


def trace(
    sql: str,
    columns: list[str],
    parents: Mapping[dg.AssetKey, Mapping[str, Any]],
    dialect: str = "postgres",
    prefix: str = "",
) -> Deps:
    """Direct parents' columns behind each of `columns` of the query `sql`; `prefix` begins the names of its
    datasets.
    """
    from sqlglot import exp, parse_one
    from sqlglot.lineage import lineage
    from sqlglot.optimizer.qualify import qualify
    from sqlglot.optimizer.scope import build_scope

    schema: dict[str, dict[str, dict[str, str]]] = {}
    for key, node in parents.items():
        known = {name: column.get("data_type") or "text" for name, column in node["columns"].items()}
        if known:  # a source that declares no columns: sqlglot then takes them from the query
            schema.setdefault(key.path[0], {})[key.path[1]] = known
    expression = parse_one(sql, dialect=dialect)
    for table in expression.find_all(exp.Table):
        table.set("catalog", None)  # one database: the asset key is schema and table
        if prefix and table.db:
            table.set("db", exp.to_identifier(table.db.removeprefix(prefix)))
    qualified = qualify(
        expression, dialect=dialect, schema=schema, validate_qualify_columns=False, identify=False
    )
    scope = build_scope(qualified)
    found: Deps = {}
    for column in columns:
        if column not in qualified.named_selects:
            continue
        leaves: set[tuple[str, str, str]] = set()
        for node in lineage(column, qualified, schema=schema, dialect=dialect, scope=scope).walk():
            table = node.expression.find(exp.Table) if not node.downstream else None
            if table is not None and dg.AssetKey([table.db, table.name]) in parents:
                leaves.add((table.db, table.name, exp.to_column(node.name).name))
        found[column] = sorted(leaves)
    return found
