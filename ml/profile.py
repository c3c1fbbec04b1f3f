"""A profile of any relation, column by column, computed in the warehouse by one scan.

Belongs here: counts, nulls, distinct values, range, mean, deviation and quantiles. Does not belong here:
comparing two periods (`ml.drift`), drawing (`orchestration.report`). One row of JSON leaves the warehouse.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from warehouse.client import quote

if TYPE_CHECKING:
    from warehouse.client import Warehouse

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
_NUMBERS = {"smallint", "integer", "bigint", "real", "double precision", "numeric"}
_TEXTS = {"text", "character varying", "character"}
_ORDERED = {"date", "timestamp with time zone", "timestamp without time zone", "time without time zone"}


class ProfileError(LookupError):
    """The relation or a column of it does not exist."""


@dataclass(frozen=True)
class ColumnProfile:
    """One column. `minimum` and `maximum` as text, instants in UTC; texts are compared by code point.

    `mean`, `deviation` (sample) and `quantiles` (probability → a value that occurs) are of numbers; a
    boolean's mean is its share of true. None: not defined for the type, or no value. `distinct` leaves null
    out.
    """

    name: str
    type: str
    rows: int
    nulls: int
    distinct: int | None
    minimum: str | None
    maximum: str | None
    mean: float | None
    deviation: float | None
    quantiles: dict[float, float] | None

    @property
    def null_share(self) -> float:
        return self.nulls / self.rows if self.rows else 0.0


def _aggregate(column: str, kind: str) -> str:
    """A jsonb object of everything about one column; `rows` and `nulls` for any type."""
    parts = [f"'nulls', count(*) - count({column})"]
    if kind in _NUMBERS:
        # Infinity and NaN have no place in JSON numbers; as text they survive, and are shown as they are.
        number, levels = f"{column}::double precision", ", ".join(map(str, QUANTILES))
        parts += [
            f"'distinct', count(distinct {column})",
            f"'minimum', min({column})::text, 'maximum', max({column})::text",
            f"'mean', avg({number}), 'deviation', stddev_samp({number})",
            f"'quantiles', percentile_disc(array[{levels}]) within group (order by {number})",
        ]
    elif kind == "boolean":
        parts += [
            f"'distinct', count(distinct {column})",
            f"'minimum', bool_and({column})::text, 'maximum', bool_or({column})::text",
            f"'mean', avg({column}::integer)::double precision",
        ]
    elif kind in _TEXTS | _ORDERED:
        value = f'{column} collate "C"' if kind in _TEXTS else column
        parts += [
            f"'distinct', count(distinct {value})",
            f"'minimum', min({value})::text, 'maximum', max({value})::text",
        ]
    return f"jsonb_build_object({', '.join(parts)})"


def _types(wh: Warehouse, schema: str, table: str) -> dict[str, str]:
    found = wh.column_types(schema, table)
    if not found:
        raise ProfileError(
            f"{schema}.{table}: no such relation, or no permission to see it. Build it, or mend the name."
        )
    return {name: kind.partition("(")[0] for name, kind in found.items()}


def _column(name: str, kind: str, rows: int, found: dict[str, Any]) -> ColumnProfile:
    levels = found.get("quantiles")
    quantiles = dict(zip(QUANTILES, map(float, levels), strict=True)) if levels else None
    mean, deviation = (None if found.get(k) is None else float(found[k]) for k in ("mean", "deviation"))
    return ColumnProfile(
        name, kind, rows, found["nulls"], found.get("distinct"), found.get("minimum"), found.get("maximum"),
        mean, deviation, quantiles,
    )  # fmt: skip


def profile(
    wh: Warehouse, schema: str, table: str, columns: Sequence[str] | None = None
) -> list[ColumnProfile]:
    """Profile the columns of a relation, all of them by default, in their order.

    Raises:
        ProfileError: no such relation or column.
    """
    types = _types(wh, schema, table)
    chosen = list(types) if columns is None else list(columns)
    unknown = [name for name in chosen if name not in types]
    if unknown:
        raise ProfileError(
            f"{schema}.{table} has no column {', '.join(unknown)}; it has: {', '.join(types)}."
        )
    aggregates = [
        f"{_aggregate(quote(name), types[name])} as c{number}" for number, name in enumerate(chosen)
    ]
    (row,) = wh.query(f"select {', '.join(['count(*) as n', *aggregates])} from {quote(schema, table)}")
    return [_column(name, types[name], row["n"], row[f"c{number}"]) for number, name in enumerate(chosen)]
