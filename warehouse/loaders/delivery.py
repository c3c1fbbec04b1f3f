"""From parsed rows to committed, audited rows of `raw`.

Belongs here: the one path every load takes once its rows are Arrow. Does not belong: reading files, deciding
what to load. This is the stretch that the load benchmark compares with plain COPY.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from warehouse.loaders.audit import Entry, Window
from warehouse.loaders.declaration import Source, Table
from warehouse.loaders.landing import clear, land
from warehouse.loaders.publish import publish

if TYPE_CHECKING:
    import pyarrow as pa

    from warehouse.client import Warehouse


@dataclass(frozen=True)
class Parcel:
    """One table's checked rows, the file they came from, and the days they replace."""

    table: Table
    rows: pa.Table
    source_file: str
    sha256: str
    window: Window


def deliver(wh: Warehouse, source: Source, parcels: list[Parcel], started_at: datetime) -> str:
    """Land and publish the parcels as one load; returns its load id. The caller holds the lock of all loads.

    Raises:
        LoadError: a load that failed; no row of `raw` has changed.
    """
    load_id = land(wh, source, {parcel.table.name: parcel.rows for parcel in parcels})
    entries = [
        Entry(
            load_id,
            source.relation(parcel.table),
            parcel.source_file,
            parcel.sha256,
            parcel.window,
            parcel.rows.num_rows,
            started_at,
        )
        for parcel in parcels
    ]
    publish(wh, [(parcel.table, entry) for parcel, entry in zip(parcels, entries, strict=True)])
    clear(wh, source, [parcel.table.name for parcel in parcels])
    return load_id
