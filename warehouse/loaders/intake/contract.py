"""A table's contract: what the declaration promises, held against what a source brings.

Belongs here: the verdict on each column, and parting a batch into rows that keep the contract and rejects
with a reason. Does not belong here: writing either of them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from warehouse.loaders.declaration import LoadError
from warehouse.loaders.intake.batch import Batch, Reject
from warehouse.loaders.intake.casting import cast
from warehouse.loaders.intake.declared import DeclaredColumn, DeclaredTable

if TYPE_CHECKING:
    import pyarrow as pa

    Cast = tuple[pa.Array, dict[int, str]]

INFERRED = {"integer": "bigint", "number": "double precision", "boolean": "boolean", "date": "date",
            "instant": "timestamp with time zone", "json": "jsonb", "text": "text"}  # fmt: skip
"""Kinds an added column can become under the policy evolve, narrowest first, and their SQL types."""
NARROWEST = ("boolean", "integer", "number", "date", "instant", "text", "json")


@dataclass(frozen=True)
class Verdict:
    """`subject`: a column, or "rows". `finding`: kept, added, removed, retyped, nullability, volume,
    freshness. `is_breach`: whether the declaration is broken. `detail`: what was seen, for people.
    """

    subject: str
    finding: str
    is_breach: bool
    detail: str


@dataclass(frozen=True)
class Parted:
    """A batch's good rows in declared columns (plus added ones), the place each had in the batch, and its
    rejects.
    """

    rows: pa.Table
    places: Sequence[int]
    rejects: list[Reject]


def cast_columns(columns: Iterable[DeclaredColumn], batch: Batch, zone: str | None) -> dict[str, Cast]:
    """The batch's values as `casting.cast` gives them, by column; of a column it has not, all missing."""
    seen, nothing = set(batch.column_names), [None] * len(batch.positions)
    return {
        column.name: cast(
            batch.values(column.name) if column.name in seen else nothing, column.kind, zone, column.sql_type
        )
        for column in columns
    }


def added_kinds(table: DeclaredTable, batch: Batch) -> dict[str, str | None]:
    """The columns that came and are not declared, and what kind each seems to be."""
    declared = {column.name for column in table.columns}
    return {name: inferred_kind(batch, name) for name in batch.column_names if name not in declared}


def column_verdicts(
    table: DeclaredTable,
    batch: Batch,
    made: Mapping[str, Cast],
    added: Mapping[str, str | None],
) -> list[Verdict]:
    """What became of each declared column (`made` by `cast_columns`), and which ones came that were not
    declared (`added_kinds`).
    """
    seen = set(batch.column_names)
    if not batch.positions:
        return []
    found = []
    for column in table.columns:
        if column.name in seen:
            found.append(_kept(table, column, *made[column.name]))
        else:
            is_needed = column.name in table.needed
            detail = "the source has no such column" + ("; it is needed" if is_needed else ": missing values")
            found.append(Verdict(column.name, "removed", True, detail))
    for name, kind in added.items():
        found.append(Verdict(name, "added", True, f"not declared; holds {kind or 'nothing but nulls'}"))
    return found


def _kept(
    table: DeclaredTable, column: DeclaredColumn, values: pa.Array, faults: Mapping[int, str]
) -> Verdict:
    if faults:
        detail = f"{len(faults)} of {len(values)} values are no {column.kind}: {next(iter(faults.values()))}"
        return Verdict(column.name, "retyped", True, detail)
    if column.name in table.needed and values.null_count:
        return Verdict(
            column.name, "nullability", True, f"{values.null_count} values are missing; it is needed"
        )
    return Verdict(column.name, "kept", False, column.kind)


def inferred_kind(batch: Batch, name: str) -> str | None:
    """The narrowest kind every value is of; None where all are missing."""
    values = batch.values(name)
    plain = values if isinstance(values, list) else values.to_pylist()
    if all(value is None or value == "" for value in plain):
        return None
    is_text = any(isinstance(value, str) for value in plain)
    for kind in NARROWEST:
        if kind == "json" and is_text:
            break
        if not cast(plain, kind)[1]:
            return kind
    return "text"


def check_policy(table: DeclaredTable, relation: str, verdicts: list[Verdict]) -> None:
    """Raise LoadError where the verdicts end the load: under freeze at any breach, else where a needed column
    is gone.
    """
    gone = [v for v in verdicts if v.finding == "removed" and v.subject in table.needed]
    breaches = [v for v in verdicts if v.is_breach] if table.policy == "freeze" else gone
    if breaches:
        diff = "; ".join(f"{v.subject} {v.finding}: {v.detail}" for v in breaches)
        raise LoadError(
            f"{relation}: the source breaks its contract (policy {table.policy})",
            value=diff,
            allowed=", ".join(f"{column.name} {column.sql_type}" for column in table.columns),
            next_step="mend the source, or change the declaration of the columns",
        )


def part(table: DeclaredTable, batch: Batch, made: Mapping[str, Cast]) -> Parted:
    """The rows whose every value fits, as `cast_columns` made them of declared and added columns, and the
    others with the first thing that is wrong with each.
    """
    import pyarrow as pa

    faults: dict[int, tuple[str, str]] = {}
    for name, (_, wrong) in made.items():
        for row, reason in wrong.items():
            faults.setdefault(row, (name, reason))
    for name in table.needed:
        for row in _missing_rows(made[name][0]):
            faults.setdefault(row, (name, f"{name} has no value; it is needed"))
    rejects = [
        Reject(batch.positions[row], reason, name, batch.row(row))
        for row, (name, reason) in sorted(faults.items())
    ]
    every = range(len(batch.positions))
    places: Sequence[int] = [row for row in every if row not in faults] if faults else every
    rows = pa.table({name: values for name, (values, _) in made.items()})
    if faults:
        rows = rows.take(pa.array(places, pa.int64()))
    return Parted(rows, places, [*batch.rejects, *rejects])


def of_day(parted: Parted, event_at: str, day: dt.date) -> Parted:
    """The rows whose event lies on a day (UTC), and all rejects, of which that cannot be told."""
    import pyarrow as pa
    import pyarrow.compute as pc

    on_day = pc.equal(parted.rows[event_at].cast(pa.timestamp("us", "UTC")).cast(pa.date32()), day)
    places = [place for place, is_on in zip(parted.places, on_day.to_pylist(), strict=True) if is_on]
    return Parted(parted.rows.filter(on_day), places, parted.rejects)


def _missing_rows(column: pa.Array) -> list[int]:
    import pyarrow.compute as pc

    return pc.indices_nonzero(pc.is_null(column)).to_pylist() if column.null_count else []


def load_verdicts(table: DeclaredTable, read_rows: int, age_h: float | None) -> list[Verdict]:
    """Volume and freshness, after a load; `age_h`: hours since the newest event."""
    found = []
    if table.at_least_rows is not None:
        is_short = read_rows < table.at_least_rows
        found.append(
            Verdict("rows", "volume", is_short, f"{read_rows} read, at least {table.at_least_rows} expected")
        )
    if table.at_most_age_h is not None:
        is_old = age_h is None or age_h > table.at_most_age_h
        age = "no event at all" if age_h is None else f"the newest event is {age_h:.1f} h old"
        found.append(
            Verdict("rows", "freshness", is_old, f"{age}, at most {table.at_most_age_h:g} h allowed")
        )
    return found
