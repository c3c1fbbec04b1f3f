"""A stream loaded without an end: small batches as messages come, each committed like any other load's.

Belongs here: the continuous load of one table. Does not belong here: a load with an end (`loader`), fetching.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from warehouse.client import Settings, open_warehouse
from warehouse.loaders.declaration import LoadError
from warehouse.loaders.intake import bookkeeping
from warehouse.loaders.intake.connectors import STREAMS, connector
from warehouse.loaders.intake.declared import DeclaredSource
from warehouse.loaders.intake.intake import Account, Intake, lock_name


def follow(
    settings: Settings,
    source: DeclaredSource,
    name: str,
    stop: Callable[[], bool],
    progress: Callable[[str], None] | None = None,
) -> Account:
    """Load the table as its messages come until `stop()`, under its lock; what a batch holds at most are the
    options `batch_rows` and `batch_seconds`. Killed at any point, the next call goes on where this one was.

    Raises:
        LoadError: a source that is no stream, or bad input; what was committed before it stays.
    """
    module: Any = connector(source.kind)
    if source.kind not in STREAMS:
        raise LoadError(
            f"source {source.name} is no stream", value=source.kind, allowed=", ".join(STREAMS),
            next_step="load it instead",
        )  # fmt: skip
    table, secret = source.table(name), source.secret
    relation = source.relation(table)
    with open_warehouse(settings) as wh, wh.advisory_lock(lock_name(relation)):
        load = Intake(wh, source, table, progress or (lambda line: None))
        known = bookkeeping.positions(wh, relation)
        for batch in module.follow(source, table, secret, known, stop):
            load.take(batch)
        load.finish()
    return load.account
