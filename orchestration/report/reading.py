"""Reading for the report: what is not built yet is an empty state, not an error.

Belongs here: asking the warehouse with that rule. Does not belong here: what is asked (the chapters).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from warehouse.client import Warehouse

Row = dict[str, Any]


class Reading:
    """The warehouse as the report reads it."""

    def __init__(self, wh: Warehouse) -> None:
        import ml.registry_schema  # noqa: F401  (declares which columns hold JSON, where an engine cannot say)

        self.wh = wh
        self._found: dict[str, bool] = {}

    def has(self, *relations: str) -> bool:
        """Whether every `schema.table` exists (tables and views)."""
        for relation in relations:
            if relation not in self._found:
                self._found[relation] = self.wh.table_exists(*relation.split("."))
        return all(self._found[relation] for relation in relations)

    def rows(
        self, sql: str, params: dict[str, Any] | None = None, *, needs: tuple[str, ...] = ()
    ) -> list[Row]:
        """The rows, or none where a relation it needs has not been built."""
        return self.wh.query(sql, params) if self.has(*needs) else []
