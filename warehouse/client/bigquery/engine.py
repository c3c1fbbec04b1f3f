"""What runs GoogleSQL for `TranslatedWarehouse`: statements placed into datasets and run as jobs.

Belongs here: one statement in, its rows out; columns of a table. Does not belong here: translation, jobs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from warehouse.client.bigquery.datasets import placed
from warehouse.client.bigquery.failures import translated
from warehouse.client.bigquery.jobs import Jobs, Ran
from warehouse.client.bigquery.place import BigQueryPlace

if TYPE_CHECKING:
    from google.cloud.bigquery import Client, SchemaField, Table

STANDARD = {"INTEGER": "INT64", "FLOAT": "FLOAT64", "BOOLEAN": "BOOL", "RECORD": "STRUCT"}
"""The interface's old names of types, by those of GoogleSQL."""


class BigQueryEngine:
    """Runs what is sent. `affected`: rows that the last DML statement touched, -1 where none was sent since
    `begin`. `large` holds values set aside, by the text that marks them.
    """

    def __init__(self, client: Client, place: BigQueryPlace, jobs: Jobs) -> None:
        self.client, self.place, self.jobs = client, place, jobs
        self.affected = -1
        self.session: str | None = None
        self.large: dict[str, str | bytes] = {}

    def begin(self, large: Mapping[str, str | bytes]) -> None:
        """Forget the statement before."""
        self.affected, self.large = -1, dict(large)

    def run(self, sql: str) -> list[dict[str, Any]]:
        """Run one statement; NUMERIC comes as Decimal, TIMESTAMP aware in UTC, BYTES as bytes. Raises
        WarehouseError.
        """
        ran = self.send(sql)
        with translated("Reading rows", self.place):
            return [dict(row.items()) for row in ran.rows]

    def send(self, sql: str) -> Ran:
        """Run one statement; its rows are still to be read. Raises WarehouseError."""
        text, parameters = self.ready(sql)
        ran = self.jobs.run(text, parameters, self.session)
        if ran.affected >= 0:
            self.affected = ran.affected
        return ran

    def estimate(self, sql: str) -> int:
        """The bytes a statement would read. Raises WarehouseError."""
        return self.jobs.estimate(*self.ready(sql))

    def ready(self, sql: str) -> tuple[str, list[Any]]:
        """The text that is sent, and its parameters: those large values that it names."""
        from google.cloud.bigquery import ScalarQueryParameter

        names = {mark: f"large_{number}" for number, mark in enumerate(self.large)}
        text = placed(sql, self.place, names)
        kinds = {str: "STRING", bytes: "BYTES"}
        parameters = [
            ScalarQueryParameter(name, kinds[type(self.large[mark])], self.large[mark])
            for mark, name in names.items()
            if f"@{name}" in text
        ]
        return text, parameters

    def columns(self, table: str) -> Mapping[str, str] | None:
        """Columns of `schema.table` in order with GoogleSQL's names of their types; None where there is
        none.
        """
        found = self.table(*table.split(".", 1)) if "." in table else None
        return None if found is None else {field.name: type_of(field) for field in found.schema}

    def table(self, schema: str, table: str) -> Table | None:
        """What BigQuery knows of a table or view; None where there is none. Raises WarehouseError."""
        from google.api_core.exceptions import NotFound

        with translated(f"Looking at {schema}.{table}", self.place):
            try:
                return self.client.get_table(self.reference(schema, table), retry=self.jobs.retry)
            except NotFound:
                return None

    def reference(self, schema: str, table: str) -> str:
        """The full name of a table."""
        return f"{self.place.project}.{self.place.dataset_of(schema)}.{table}"


def type_of(field: SchemaField) -> str:
    """GoogleSQL's name of a column's type."""
    name = STANDARD.get(field.field_type.upper(), field.field_type.upper())
    return f"ARRAY<{name}>" if field.mode == "REPEATED" else name
