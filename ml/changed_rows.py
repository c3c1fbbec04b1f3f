"""Which feature rows need a score: those without a prediction of this version from these very feature values.

Belongs here: the SQL of that question. Does not belong here: scoring them (`ml.score`).
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from ml.feature_query import feature_sql
from warehouse.client import quote

if TYPE_CHECKING:
    from ml.spec import ModelSpec


def changed_sql(spec: ModelSpec, version: int, start: dt.date | None, end: dt.date | None) -> str:
    """A SELECT of the feature rows of a window (local dates, inclusive, None for open) that are new, changed,
    or were scored by another version, with their `features_hash`.

    The hash is of the values in their binary form (hash_record_extended), 64 bits: equal values give equal
    hashes, and two that differ are taken for equal once in 2^64.
    """
    hashed = ", ".join(f"f.{quote(name)}" for name in spec.feature_names)
    key = quote(spec.key_column)
    return f"""
select h.*
from (
    select f.*, hash_record_extended(row({hashed}), 0) as features_hash
    from ({feature_sql(spec, start, end)}) as f
) as h
left join {quote("ml", f"prd_{spec.name}")} as p on p.flight_key = h.{key}
where p.flight_key is null or p.model_version <> {int(version)} or p.features_hash <> h.features_hash"""


def gone_sql(spec: ModelSpec, stored: tuple[str, str], start: dt.date | None, end: dt.date | None) -> str:
    """A DELETE of the window's predictions whose feature row is no longer there; dates as above. `stored` is
    what `ml.prediction_tables.stored_in` says.
    """
    table, own = stored
    window = ((">=", start), ("<=", end))
    bounds = [f"p.flight_date {sign} date '{day.isoformat()}'" for sign, day in window if day]
    inside = " and ".join([own, *bounds])
    return f"""
delete from {table} as p
where {inside} and not exists (
    select from ({feature_sql(spec, start, end)}) as f where f.{quote(spec.key_column)} = p.flight_key
)"""
