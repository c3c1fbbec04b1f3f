"""A short profile of rows that arrived: kinds, missing values, ranges, distinct values, likely keys.

Belongs here: what can be said of one batch. Does not belong here: profiles of whole tables (`ml.profile`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from warehouse.loaders.intake.batch import Batch
from warehouse.loaders.intake.casting import cast, is_missing
from warehouse.loaders.intake.contract import inferred_kind


@dataclass(frozen=True)
class ColumnProfile:
    """One column of a sample: `kind` as `casting` names it, None where all values are missing; `least` and
    `greatest` as text. `is_key`: every value is there and differs.
    """

    name: str
    kind: str | None
    rows: int
    missing: int
    distinct: int
    least: str
    greatest: str
    is_key: bool


def profile(batch: Batch) -> list[ColumnProfile]:
    """The columns of a batch, in their order."""
    return [_column(batch, name) for name in batch.column_names]


def likely_key(columns: list[ColumnProfile]) -> str | None:
    """The column that names a row, as far as a sample tells: of those that could, one called id or …_id, else
    the first that is no number with a fraction.
    """
    able = [column for column in columns if column.is_key and column.kind in ("integer", "text")]
    named = [
        c for c in able if c.name.lower() in ("id", "_id") or c.name.lower().endswith(("_id", " id", "key"))
    ]
    return (named or able or [None])[0].name if (named or able) else None


def _column(batch: Batch, name: str) -> ColumnProfile:
    values = batch.values(name)
    plain = values if isinstance(values, list) else values.to_pylist()
    kind = inferred_kind(batch, name)
    if kind is None:
        return ColumnProfile(name, None, len(plain), len(plain), 0, "", "", False)
    made = cast(plain, kind)[0].to_pylist()
    there = [value for value in made if not is_missing(value, kind)]
    distinct = len(set(there))
    ends = (min(there), max(there)) if there else ("", "")
    return ColumnProfile(
        name, kind, len(plain), len(plain) - len(there), distinct, _short(ends[0]), _short(ends[1]),
        bool(there) and distinct == len(plain),
    )  # fmt: skip


def _short(value: Any) -> str:
    text = value.isoformat() if hasattr(value, "isoformat") else str(value)
    return text if len(text) <= 24 else text[:23] + "…"
