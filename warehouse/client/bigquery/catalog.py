"""What BigQuery knows of its datasets and tables, asked as every engine is.

Belongs here: whether things exist, columns and their types, descriptions. Does not belong here: rows.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from warehouse.client.bigquery.failures import translated
from warehouse.client.googlesql.kinds import IN_POSTGRES, OF_BIGQUERY

if TYPE_CHECKING:
    from google.cloud.bigquery import Dataset, SchemaField, Table

    from warehouse.client.bigquery.engine import BigQueryEngine

SHORT_LIVED = "ml_work"
"""The schema of tables that belong to one run."""
ASKED_AT_ONCE = 8
SHORT_LIFE_MS = 2 * 24 * 3600 * 1000
FURTHER = {"BYTES": "bytea", "JSON": "jsonb", "TIME": "time without time zone", "STRUCT": "record",
           "INTERVAL": "interval"}  # fmt: skip
"""Postgres' names of types that the translation has no kind for."""


class BigQueryCatalog:
    """The catalogue of BigQuery; mixed into a class with an engine."""

    _engine: BigQueryEngine
    _known: Any

    def schema_exists(self, schema: str) -> bool:
        """Whether the schema's dataset exists."""
        return self._dataset(schema) is not None

    def ensure_schema(self, schema: str) -> None:
        """Make the schema's dataset where it is missing, in the warehouse's location; tables of `ml_work` are
        dropped by BigQuery after two days.
        """
        from google.cloud.bigquery import Dataset

        if self._dataset(schema) is not None:
            return
        made = Dataset(f"{self._engine.place.project}.{self._engine.place.dataset_of(schema)}")
        made.location = self._engine.place.location
        if schema == SHORT_LIVED:
            made.default_table_expiration_ms = SHORT_LIFE_MS
        with translated(f"Making the dataset of {schema}", self._engine.place):
            self._engine.client.create_dataset(made, exists_ok=True, retry=self._engine.jobs.retry)

    make_schema = ensure_schema

    def table_exists(self, schema: str, table: str) -> bool:
        """Whether a table or view of this name exists."""
        return self._engine.table(schema, table) is not None

    def relations(self) -> list[dict[str, Any]]:
        """Every table and view by schema and name: `schema`, `name`, `kind`, `size_bytes` and `rows`."""
        client, retry = self._engine.client, self._engine.jobs.retry
        prefix = self._engine.place.dataset_of("")
        with translated("Listing tables", self._engine.place), ThreadPoolExecutor(ASKED_AT_ONCE) as pool:
            datasets = [one for one in client.list_datasets(retry=retry) if one.dataset_id.startswith(prefix)]
            listed = [
                item.reference
                for dataset in datasets
                for item in client.list_tables(dataset.reference, retry=retry)
            ]
            found = list(pool.map(lambda reference: client.get_table(reference, retry=retry), listed))
        relations = [_relation(table, prefix) for table in found]
        return sorted(relations, key=lambda one: (one["schema"], one["name"]))

    def column_types(self, schema: str, table: str) -> dict[str, str]:
        """The columns of a table in order, each with its type in Postgres' words, such as `numeric(12,2)`;
        empty where there is no such table.
        """
        found = self._engine.table(schema, table)
        return {} if found is None else {field.name: _in_postgres(field) for field in found.schema}

    def describe(self, text: str, schema: str, table: str | None = None) -> None:
        """Write the description of a table, or of a schema where no table is named; not undone by a
        rollback.
        """
        client, retry = self._engine.client, self._engine.jobs.retry
        with translated(f"Describing {schema}{'.' + table if table else ''}", self._engine.place):
            if table is None:
                dataset = client.get_dataset(self._engine.place.dataset_of(schema), retry=retry)
                dataset.description = text
                client.update_dataset(dataset, ["description"], retry=retry)
                return
            one = client.get_table(self._engine.reference(schema, table), retry=retry)
            one.description = text
            client.update_table(one, ["description"], retry=retry)

    def description(self, schema: str, table: str | None = None) -> str | None:
        """The description of a table or schema; None where it has none or does not exist."""
        found: Any = self._dataset(schema) if table is None else self._engine.table(schema, table)
        return None if found is None else found.description or None

    def analyze(self, schema: str, table: str) -> None:
        """Nothing: BigQuery keeps its statistics itself."""

    def _dataset(self, schema: str) -> Dataset | None:
        from google.api_core.exceptions import NotFound

        with translated(f"Looking at the dataset of {schema}", self._engine.place):
            try:
                return self._engine.client.get_dataset(
                    self._engine.place.dataset_of(schema), retry=self._engine.jobs.retry
                )
            except NotFound:
                return None


def _relation(table: Table, prefix: str) -> dict[str, Any]:
    is_table = table.table_type == "TABLE"
    return {
        "schema": table.dataset_id.removeprefix(prefix),
        "name": table.table_id,
        "kind": "table" if is_table else "view",
        "size_bytes": int(table.num_bytes or 0),
        "rows": int(table.num_rows or 0) if is_table else None,
    }


def _in_postgres(field: SchemaField) -> str:
    from warehouse.client.bigquery.engine import STANDARD

    name = STANDARD.get(field.field_type.upper(), field.field_type.upper())
    kind = OF_BIGQUERY.get(name)
    text = IN_POSTGRES.get(kind.name, kind.name) if kind else FURTHER.get(name, name.lower())
    if text == "numeric" and field.precision:
        text = f"numeric({field.precision},{field.scale or 0})"
    return f"{text}[]" if field.mode == "REPEATED" else text
