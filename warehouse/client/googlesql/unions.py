"""What the parts of a union become together.

Belongs here: the columns of a union. Does not belong here: translating its parts (`googlesql.queries`).
"""

from __future__ import annotations

from typing import Any

from warehouse.client.googlesql.casts import written
from warehouse.client.googlesql.kinds import IN_BIGQUERY, NULL, Columns, TranslationError


def united(one: tuple[Any, Columns], two: tuple[Any, Columns]) -> Columns:
    """The columns of a union, as the first names them. A NULL becomes what the other side has in its place,
    as in Postgres: by itself it would be a whole number.
    """
    kinds = [list(columns.values()) for _, columns in (one, two)]
    if len(kinds[0]) != len(kinds[1]):
        raise TranslationError(f"union of {len(kinds[0])} and {len(kinds[1])} columns; allowed: as many.")
    found = [second if first is NULL else first for first, second in zip(*kinds, strict=True)]
    for (query, _), own in zip((one, two), kinds, strict=True):
        for select in _selects(query):
            for place, (kind, wanted) in enumerate(zip(own, found, strict=True)):
                if kind is NULL and wanted.name in IN_BIGQUERY and not select.is_star:
                    part = select.expressions[place]
                    inner = part.this if part.key == "alias" else part
                    inner.replace(written(f"CAST(NULL AS {IN_BIGQUERY[wanted.name]})"))
    return dict(zip(one[1], found, strict=True))


def _selects(query: Any) -> list[Any]:
    """The selects whose rows a query gives."""
    if query.key == "select":
        return [query]
    parts = [query.this, query.expression] if query.key == "union" else [query.this]
    return [select for part in parts for select in _selects(part)]
