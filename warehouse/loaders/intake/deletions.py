"""Rows that are gone from a source: found by comparing keys, kept as a deleted version.

Belongs here: that comparison. Does not belong here: reading the keys (the connectors do).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from warehouse.client import quote
from warehouse.loaders.audit import RAW
from warehouse.loaders.intake.declared import DeclaredTable
from warehouse.loaders.intake.versions import shape_of

if TYPE_CHECKING:
    import pyarrow as pa

    from warehouse.client import Warehouse


def delete_missing(
    wh: Warehouse, relation: str, table: DeclaredTable, keys: pa.Table, load_id: str, known_at: object
) -> int:
    """Write a deleted version, known from `known_at`, for each key whose newest version is not deleted and
    that `keys` has not; how many. Within the caller's transaction.
    """
    names, raw, landed = list(shape_of(wh, relation)), quote(RAW, relation), f"{relation}__keys"
    types = shape_of(wh, relation)
    columns = ", ".join(f"{quote(name)} {types[name]}" for name in table.key)
    wh.execute(f"create temporary table {quote(landed)} ({columns}) on commit drop")
    wh.copy_arrow("pg_temp", landed, keys.select(list(table.key)))
    new = {"known_at": "%(known)s", "is_deleted": "true", "loaded_at": "now()", "load_id": "%(load)s",
           "source_position": "'deleted'"}  # fmt: skip
    chosen = ", ".join(new.get(name, f"v.{quote(name)}") for name in names)
    key = ", ".join(quote(name) for name in table.key)
    same = " and ".join(f"k.{quote(name)} = v.{quote(name)}" for name in table.key)
    newest = f"select distinct on ({key}) * from {raw} order by {key}, known_at desc, loaded_at desc"
    return wh.execute(
        f"insert into {raw} ({', '.join(map(quote, names))}) select {chosen} from ({newest}) as v "
        f"where not v.is_deleted and not exists (select from {quote('pg_temp', landed)} as k where {same})",
        {"known": known_at, "load": load_id},
    )
