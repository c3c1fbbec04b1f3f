"""The small star in a warehouse on BigQuery, as it is in Postgres.

Belongs here: copying it. Does not belong here: a test, or what the star is (`tests.ml.small_star`).
"""

from __future__ import annotations

from tests.ml.small_star import build_star
from warehouse.client import Warehouse, quote

TABLES = (
    ("core", "fct_flight"),
    ("features", "ftr_flight__schedule"),
    ("features", "ftr_flight__state"),
)


def build_both(postgres: Warehouse, bigquery: Warehouse) -> None:
    """Build the star in an empty Postgres and copy it."""
    build_star(postgres)
    for schema, table in TABLES:
        kinds = postgres.column_types(schema, table)
        listed = ", ".join(
            quote(name) + ("::double precision" if kind == "numeric" else "") + f" as {quote(name)}"
            for name, kind in kinds.items()
        )
        bigquery.ensure_schema(schema)
        rows = postgres.fetch_arrow(f"select {listed} from {quote(schema, table)}")
        bigquery.load_arrow(schema, table, rows, "create")
