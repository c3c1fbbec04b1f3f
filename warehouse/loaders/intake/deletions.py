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
from warehouse.loaders.intake.engines import Moment, engine_of, listed, same_key
from warehouse.loaders.intake.versions import newest_versions

if TYPE_CHECKING:
    import pyarrow as pa

    from warehouse.client import Warehouse


def delete_missing(
    wh: Warehouse,
    relation: str,
    table: DeclaredTable,
    keys: pa.Table,
    load_id: str,
    known_at: object,
    moment: Moment,
) -> int:
    """Write a deleted version, known from `known_at`, for each key whose newest version is not deleted and
    that `keys` (`fitting_keys`, sent by the engine's `send_keys`) has not; how many. Within the caller's
    transaction.
    """
    types = wh.column_types(RAW, relation)
    there = engine_of(wh).keys_table(wh, relation, types, keys)
    new = {"known_at": "%(known)s", "is_deleted": "true", "loaded_at": moment.sql, "load_id": "%(load)s",
           "source_position": "'deleted'"}  # fmt: skip
    chosen = ", ".join(new.get(name, f"n.{quote(name)}") for name in types)
    same = same_key(table.key, "k", "n")
    return wh.execute(
        f"insert into {quote(RAW, relation)} ({listed(types)}) select {chosen} "
        f"from ({newest_versions(relation, table.key)}) as n "
        f"where not n.is_deleted and not exists (select 1 as one from {there} as k where {same})",
        {"known": known_at, "load": load_id, **moment.parameters},
    )


def fitting_keys(table: DeclaredTable, keys: pa.Table) -> pa.Table:
    """The source's keys as the declared kinds. Those whose values do not fit name no loaded row, and are left
    out.

    Raises: LoadError: not one key fits: the source's key has changed, its rows are not gone.
    """
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
