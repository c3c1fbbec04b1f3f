"""Rows that are gone from a source: found by comparing keys, kept as a deleted version.

Belongs here: that comparison. Does not belong here: reading the keys (the connectors do).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from warehouse.client import quote
from warehouse.loaders.audit import RAW
from warehouse.loaders.declaration import LoadError
from warehouse.loaders.intake.casting import cast
from warehouse.loaders.intake.declared import DeclaredTable

if TYPE_CHECKING:
    import pyarrow as pa

    from warehouse.client import Warehouse


def delete_missing(
    wh: Warehouse, relation: str, table: DeclaredTable, keys: pa.Table, load_id: str, known_at: object
) -> int:
    """Write a deleted version, known from `known_at`, for each key whose newest version is not deleted and
    that `keys` has not; how many. Within the caller's transaction. A key whose values do not fit names no
    loaded row.

    Raises:
        LoadError: not one key fits: the source's key has changed, its rows are not gone.
    """
    types, raw, landed = wh.column_types(RAW, relation), quote(RAW, relation), f"{relation}__keys"
    columns = ", ".join(f"{quote(name)} {types[name]}" for name in table.key)
    wh.execute(f"create temporary table {quote(landed)} ({columns}) on commit drop")
    wh.copy_arrow("pg_temp", landed, _fitting(table, keys))
    new = {"known_at": "%(known)s", "is_deleted": "true", "loaded_at": "now()", "load_id": "%(load)s",
           "source_position": "'deleted'"}  # fmt: skip
    chosen = ", ".join(new.get(name, f"v.{quote(name)}") for name in types)
    key = ", ".join(quote(name) for name in table.key)
    same = " and ".join(f"k.{quote(name)} = v.{quote(name)}" for name in table.key)
    newest = f"select distinct on ({key}) * from {raw} order by {key}, known_at desc, loaded_at desc"
    return wh.execute(
        f"insert into {raw} ({', '.join(map(quote, types))}) select {chosen} from ({newest}) as v "
        f"where not v.is_deleted and not exists (select from {quote('pg_temp', landed)} as k where {same})",
        {"known": known_at, "load": load_id},
    )


def _fitting(table: DeclaredTable, keys: pa.Table) -> pa.Table:
    """The keys as the declared kinds, without those that do not fit."""
    import pyarrow as pa

    columns = {column.name: column for column in table.columns if column.name in table.key}
    made = {
        name: cast(keys[name], columns[name].kind, table.zone, columns[name].sql_type)[0]
        for name in table.key
    }
    fitting = pa.table(made).drop_null()
    if keys.num_rows and not fitting.num_rows:
        raise LoadError(
            f"{table.name}: no key of the source fits its declaration",
            value=", ".join(map(str, keys.slice(0, 1).to_pylist()[0].values())),
            allowed=", ".join(f"{name} {column.sql_type}" for name, column in columns.items()),
            next_step="mend the source, or change the declaration of the key",
        )
    return fitting
