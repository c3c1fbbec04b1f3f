"""A warehouse on BigQuery for what is written for Postgres: each statement is translated on its way.

Belongs here: the part of `Warehouse` that training uses. Does not belong here: sending
statements, which the engine given does.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from warehouse.client.googlesql.kinds import IN_POSTGRES, JSON, OF_BIGQUERY, UNKNOWN, Kind, TranslationError
from warehouse.client.googlesql.parameters import filled
from warehouse.client.googlesql.statements import Translation, parsed, translate
from warehouse.client.googlesql.transactions import Transactions
from warehouse.client.rules import rules_of

if TYPE_CHECKING:
    import pyarrow as pa


MOST_BYTES = 1_000_000
"""BigQuery takes a query text of one megabyte."""


class Engine(Protocol):
    """What runs GoogleSQL."""

    def run(self, sql: str) -> list[dict[str, Any]]:
        """Run one statement; its rows, none where it has no result."""

    def columns(self, table: str) -> Mapping[str, str] | None:
        """The columns of a table by its dotted name, in order, with BigQuery's names of their types."""


class TranslatedWarehouse(Transactions):
    """Runs statements of Postgres on BigQuery. `sent` counts what went out."""

    dialect = "bigquery"

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self._engine, self.sent, self.bytes_out = engine, 0, 0
        self._known: dict[str, Mapping[str, Kind]] = {}

    def query(self, sql: str, params: Any = None) -> list[dict[str, Any]]:
        """Rows as dicts by column name.

        Raises:
            TranslationError: the statement has no translation, or BigQuery would not take its length.
        """
        rows: list[dict[str, Any]] = []
        for made in self._translations(sql, params):
            rows = [_listed(row, made.lists) for row in self._run(made)]
            self._remember(made)
        return rows

    def _send(self, text: str) -> list[dict[str, Any]]:
        self.sent += 1
        return self._engine.run(text)

    def _translations(self, sql: str, params: Any = None) -> Iterator[Translation]:
        """One after the other: a statement may name what the one before it made."""
        for node in parsed(self._filled(sql, params)):
            yield self._fitting(translate(node, self._tables))

    def _translation(self, sql: str, params: Any = None) -> Translation:
        return self._fitting(translate(self._filled(sql, params), self._tables))

    @staticmethod
    def _fitting(made: Translation) -> Translation:
        longest = max((len(text.encode()) for text in made.statements), default=0)
        if longest > MOST_BYTES:
            raise TranslationError(
                f"a statement has {longest:,} bytes; allowed on BigQuery: {MOST_BYTES:,}. Use "
                "fewer features, bins or leaves."
            )
        return made

    def _filled(self, sql: str, params: Any) -> str:
        return filled(sql, params)

    def googlesql(self, sql: str) -> str:
        """One query of Postgres as the text that is sent for it. Raises TranslationError."""
        return self._translation(sql).statements[-1]

    def scalar(self, sql: str, params: Any = None) -> Any:
        """The first column of the first row; None where there is no row."""
        rows = self.query(sql, params)
        return next(iter(rows[0].values())) if rows else None

    def execute(self, sql: str, params: Any = None) -> int:
        """Run statements; how many rows the last one touched, -1 where the engine does not say."""
        self.query(sql, params)
        return self._touched

    def fetch_arrow(self, sql: str) -> pa.Table:
        """The result of one SELECT."""
        import pyarrow as pa

        rows = self.query(sql)
        self.bytes_out += sum(len(str(value)) for row in rows for value in row.values())
        return pa.Table.from_pylist(rows)

    def table_exists(self, schema: str, table: str) -> bool:
        """Whether there is such a table."""
        return self._tables(f"{schema}.{table}") is not None

    def make_schema(self, schema: str) -> None:
        """Make a schema for short-lived tables, which BigQuery itself drops after two days."""
        self._engine.run(f"CREATE SCHEMA IF NOT EXISTS `{schema}` OPTIONS(default_table_expiration_days=2)")

    def column_types(self, schema: str, table: str) -> dict[str, str]:
        """Postgres' names of the types of a table's columns, in order; none where there is no such table."""
        columns = self._tables(f"{schema}.{table}") or {}
        return {name: IN_POSTGRES.get(kind.name, kind.name) for name, kind in columns.items()}

    def _tables(self, path: str) -> Mapping[str, Kind] | None:
        if path not in self._known:
            columns = self._engine.columns(path)
            if columns is None:
                return None
            rules = rules_of(path)
            kinds = {name: OF_BIGQUERY.get(kind, UNKNOWN) for name, kind in columns.items()}
            self._known[path] = kinds | dict.fromkeys(rules.json if rules else (), JSON)
        return self._known[path]

    def _remember(self, made: Translation) -> None:
        for path in made.dropped:
            self._known.pop(path, None)
        if made.made is not None:  # what may have been there before is asked for
            self._known.pop(made.made, None)
            if made.is_new or made.is_temporary or self._tables(made.made) is None:
                self._known[made.made] = made.columns


def _listed(row: dict[str, Any], lists: Mapping[str, Kind]) -> dict[str, Any]:
    """Lists arrive as JSON, whose whole numbers beyond 53 bits are texts."""
    read = {"int": int, "float": float, "bool": bool}
    found = dict(row)
    for name, kind in lists.items():
        if kind is JSON:
            found[name] = None if found[name] is None else json.loads(found[name])
        elif found.get(name) is not None:
            one = read.get(kind.name, str)
            found[name] = [None if value is None else one(value) for value in json.loads(found[name])]
    return found
