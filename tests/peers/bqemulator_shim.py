"""What bqemulator 1.4.0 lacks of BigQuery and the house needs, put in place before its command line starts.

Run by the peer's Python in place of the peer's console script. Each patch says what the emulator lacks.
Belongs here: patches that bring the emulator nearer to BigQuery as documented. Does not belong here: anything
that makes a statement pass which BigQuery would refuse; the emulator's process (`tests.peers.bqemulator`).
"""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path
from typing import Any

import sqlglot
from bqemulator.api.routes import jobs, tables, upload
from bqemulator.catalog.models import TableMeta
from bqemulator.cli import main
from bqemulator.jobs import executor
from bqemulator.sql import translator
from bqemulator.sql.rewriter import aggregate_variants
from bqemulator.storage.type_map import bq_to_duckdb, duckdb_type_to_bq_field
from sqlglot import exp
from sqlglot.generators.duckdb import DuckDBGenerator

CARRY_SCHEMA = ("PARQUET",)
SETS_AND_LIMIT = re.compile(r"(GROUPING SETS \((?:[^()]|\([^()]*\))*\))(\s+LIMIT)", re.IGNORECASE)


def declared_columns_of_a_parenthesised_query() -> None:
    """`CREATE TABLE t (a INT64 NOT NULL, …) AS (SELECT …)`, as dbt writes a contract: the emulator casts the
    columns of a bare SELECT only, and leaves the declaration of any other query to DuckDB, which refuses it.
    Here the query is selected from, each column cast, so that the text of the query does not matter. The
    constraint NOT NULL is lost, as it is for a bare SELECT.
    """
    before = translator.rewrite_create_table_schema_ctas

    def rewritten(sql: str) -> str:
        if "create" not in sql[:2000].lower():
            return before(sql)
        tree = sqlglot.parse_one(sql, read="bigquery")
        is_declared = isinstance(tree, exp.Create) and tree.kind == "TABLE" and tree.expression is not None
        if not is_declared or not isinstance(tree.this, exp.Schema):
            return before(sql)
        columns = [one for one in tree.this.expressions if isinstance(one, exp.ColumnDef)]
        query = tree.expression.unnest() if isinstance(tree.expression, exp.Subquery) else tree.expression
        source = exp.Subquery(this=query, alias=exp.TableAlias(this=exp.to_identifier("declared")))
        cast = [exp.alias_(exp.cast(exp.column(c.this.copy()), c.kind), c.this.copy()) for c in columns]
        tree.set("this", tree.this.this)
        tree.set("expression", exp.select(*cast).from_(source))
        return tree.sql(dialect="bigquery")

    translator.rewrite_create_table_schema_ctas = rewritten


def distinct_within_array_agg() -> None:
    """`array_agg(distinct x ignore nulls)`: of IGNORE NULLS the emulator makes a filter, DISTINCT in it."""
    before = aggregate_variants._filter_target

    def target(operand: exp.Expression) -> exp.Expression:
        found = before(operand)
        return found.expressions[0] if isinstance(found, exp.Distinct) else found

    aggregate_variants._filter_target = target


def any_kind_of_uploaded_file() -> None:
    """An upload whose part says `*/*`, as Google's client writes: the emulator takes a list of kinds only."""
    upload._PERMITTED_MEDIA_CONTENT_TYPES = (*upload._PERMITTED_MEDIA_CONTENT_TYPES, "*/*")


def files_bring_their_schema() -> None:
    """A load of Parquet makes a missing table by the file's own schema, and with WRITE_TRUNCATE replaces that
    of a table there is. The emulator makes a table by a given schema or by reading CSV and JSON, and
    truncates by DELETE, which fails where there is no table and keeps the old columns where there is one.
    """
    before = executor.execute_load_job

    async def executed(project: str, job_id: str, config: dict[str, Any], context: Any) -> Any:
        job = executor._parse_load_job_config(project, config)
        place = (job.project_id, job.dataset_id, job.table_id)
        known = context.catalog.get_table(*place)
        is_replaced = job.write_disposition == "WRITE_TRUNCATE"
        if job.source_format in CARRY_SCHEMA and (known is None or is_replaced):
            fields = (job.raw_config.get("schema") or {}).get("fields") or _fields_of(job, context)
            asked = {**job.raw_config, "schema": {"fields": fields}}
            if known is not None and not _has_fields(known, fields):
                context.engine.execute(f"DROP TABLE IF EXISTS {job.target_ref}")
                context.catalog.delete_table(*place)
            config = {**config, "load": asked}
        return await before(project, job_id, config, context)

    for module in (executor, jobs, upload):
        module.execute_load_job = executed


def _fields_of(job: Any, context: Any) -> list[dict[str, Any]]:
    path = executor._resolve_uri(job.source_uris[0], context)
    found = context.engine.execute("DESCRIBE SELECT * FROM read_parquet(?)", [path]).fetchall()
    return [duckdb_type_to_bq_field(row[0], row[1]) for row in found]


def _has_fields(known: TableMeta, fields: list[dict[str, Any]]) -> bool:
    wanted = tables._parse_schema_fields(fields)
    return _columns(known.schema_.fields) == _columns(wanted)


def _columns(fields: Any) -> list[tuple[str, str]]:
    return [(one.name, bq_to_duckdb(one.type)) for one in fields]


def parquet_by_name() -> None:
    """BigQuery loads Parquet by the names of its columns; the emulator by their places."""

    def loaded(path: str, target: str, context: Any) -> None:
        context.engine.execute(f"INSERT INTO {target} BY NAME SELECT * FROM read_parquet(?)", [path])

    executor._LOAD_FORMAT_HANDLERS = {**executor._LOAD_FORMAT_HANDLERS, "PARQUET": loaded}


def limits_behind_grouping_sets() -> None:
    """`GROUP BY GROUPING SETS (…) LIMIT n`: the emulator's parser takes no LIMIT there, but behind HAVING."""
    before = translator.rewrite_session_user

    def rewritten(sql: str, *rest: Any) -> str:
        return before(SETS_AND_LIMIT.sub(r"\1 HAVING TRUE\2", sql), *rest)

    translator.rewrite_session_user = rewritten


def tables_whose_names_begin_like_functions() -> None:
    """`house_ml.prediction`: the emulator takes the letters ML.PREDICT anywhere for the function it lacks."""
    called = frozenset(f"{name}(" for name in translator._UNSUPPORTED_KEYWORDS)
    translator._UNSUPPORTED_KEYWORDS = called


def zones_that_are_columns() -> None:
    """`TIMESTAMP(datetime, zone)` and `DATETIME(timestamp, zone)` where the zone is not a literal: the first
    is left to DuckDB, which has no such function, and the second taken for a date and a time of day.
    """
    transforms = DuckDBGenerator.TRANSFORMS
    plain, parts = transforms[exp.Timestamp], transforms[exp.Datetime]

    def instant(generator: Any, node: exp.Timestamp) -> str:
        if not node.args.get("zone"):
            return plain(generator, node)
        return generator.sql(_at_zone(node.this, exp.DType.TIMESTAMP, node.args["zone"]))

    def clock(generator: Any, node: exp.Datetime) -> str:
        if node.expression is None or node.expression.is_type(exp.DType.TIME):
            return parts(generator, node)
        shown = _at_zone(node.this, exp.DType.TIMESTAMPTZ, node.expression)
        return generator.sql(exp.cast(shown, exp.DType.TIMESTAMP))

    transforms[exp.Timestamp], transforms[exp.Datetime] = instant, clock


def _at_zone(moment: exp.Expression, kind: Any, zone: exp.Expression) -> exp.Expression:
    return exp.AtTimeZone(this=exp.cast(moment, kind), zone=zone)


def deep_statements() -> None:
    """Its walks over a statement are recursive; one that goes too deep is taken for one without tables."""
    sys.setrecursionlimit(50_000)


def numeric_has_nine_decimals() -> None:
    """`CAST(x AS NUMERIC)`: the emulator makes it DuckDB's DECIMAL, which has three decimals."""
    before = DuckDBGenerator.datatype_sql

    def typed(generator: Any, node: exp.DataType) -> str:
        is_bare = node.this == exp.DType.DECIMAL and not node.expressions
        return "DECIMAL(38, 9)" if is_bare else before(generator, node)

    DuckDBGenerator.datatype_sql = typed


PATCHES = (
    deep_statements, declared_columns_of_a_parenthesised_query, distinct_within_array_agg,
    any_kind_of_uploaded_file, files_bring_their_schema, parquet_by_name,
    tables_whose_names_begin_like_functions, zones_that_are_columns, limits_behind_grouping_sets,
    numeric_has_nine_decimals,
)  # fmt: skip

if __name__ == "__main__":
    patches = list(PATCHES)
    for name in ("bqemulator_jobs.py", "bqemulator_tables.py"):
        patches += runpy.run_path(str(Path(__file__).with_name(name)))["PATCHES"]
    for patch in patches:
        patch()
    sys.exit(main())
