"""How the two engines write the few things that differ in a document's SQL.

Belongs here: literals, names and functions by engine. Does not belong here: any model.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from warehouse.client.identifiers import quote


@dataclass(frozen=True)
class Dialect:
    """One engine. `fence` ends a subselect so that the planner computes its columns once: without it
    Postgres would copy an expression to every place that names it. `limit all` is one that what stands above
    it may still be computed in parallel; above `offset 0`, a cast for the planner, it would not.
    """

    name: str
    fence: str

    def number(self, value: float) -> str:
        """A double with these very bits: a bare decimal would be NUMERIC in Postgres; in BigQuery it is a
        double, except that neither infinity nor NaN can be written so.
        """
        text = repr(float(value))
        if self.name == "postgres":
            return f"'{text}'::float8"
        if not math.isfinite(value):
            return f"cast('{text}' as float64)"
        return f"({text})" if text.startswith("-") else text

    @property
    def whole(self) -> str:
        """The type of a whole number."""
        return "integer" if self.name == "postgres" else "int64"

    def text(self, value: str) -> str:
        """A text literal."""
        if self.name == "postgres":
            # E'' only where it is needed; the server's setting of standard strings then does not matter.
            escaped = value.replace("'", "''")
            return f"e'{escaped.replace(chr(92), chr(92) * 2)}'" if "\\" in value else f"'{escaped}'"
        escaped = value.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\r", "\\r")
        return f"'{escaped}'"

    def name_of(self, *parts: str) -> str:
        """A quoted identifier."""
        return quote(*parts, dialect=self.name)

    def known(self, expression: str) -> str:
        """A double with NaN as NULL: the document has one missing value."""
        if self.name == "postgres":
            return f"nullif({expression}, 'NaN'::float8)"
        return f"if(is_nan({expression}), null, {expression})"


POSTGRES = Dialect("postgres", "limit all")
BIGQUERY = Dialect("bigquery", "")
DIALECTS = {dialect.name: dialect for dialect in (POSTGRES, BIGQUERY)}
