"""The loader of a declared source: its tables, each under its lock, from the position of the last load.

Belongs here: what the rest of the house calls. Does not belong here: a single load's steps (`intake`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from warehouse.client import Settings, open_warehouse
from warehouse.loaders.declaration import LoadError
from warehouse.loaders.intake import bookkeeping, quarantine
from warehouse.loaders.intake.batch import Batch, Reject
from warehouse.loaders.intake.connectors import connector
from warehouse.loaders.intake.declared import DeclaredSource, DeclaredTable
from warehouse.loaders.intake.intake import Account, Intake, lock_name

if TYPE_CHECKING:
    from warehouse.client import Warehouse
    from warehouse.client.settings import Secret


@dataclass(frozen=True)
class DeclaredLoader:
    """The loader of one declared source."""

    source: DeclaredSource

    @property
    def tables(self) -> tuple[str, ...]:
        return tuple(table.name for table in self.source.tables)

    def load(
        self,
        settings: Settings,
        tables: Iterable[str] | None = None,
        progress: Callable[[str], None] | None = None,
        again: bool = False,
        day: dt.date | None = None,
    ) -> list[Account]:
        """Load tables (all, or those named), each from where its last load came to; `again` reads all anew,
        which changes nothing where the source did not change. `day` reads all anew and takes the events of
        one day (UTC): a backfill.

        Raises:
            LoadError: bad input; what was committed before it stays. WarehouseError: a database is not
            reached.
        """
        secret = self.source.secret
        chosen = [
            self.source.table(name) for name in dict.fromkeys(self.tables if tables is None else tables)
        ]
        for table in chosen:
            if day is not None and table.event_at is None:
                raise LoadError(
                    f"{self.source.relation(table)} cannot be loaded by day", value=str(day),
                    allowed="tables that declare event_at", next_step="declare it, or load the table `again`",
                )  # fmt: skip
        with open_warehouse(settings) as wh:
            return [self._load(wh, table, secret, progress, again, day) for table in chosen]

    def replay(self, wh: Warehouse, table: DeclaredTable, ids: Sequence[int] | None = None) -> Account:
        """Try the rows held in quarantine again (all of the table's, or those named), repaired or not: those
        that fit now are loaded and settled in one transaction.
        """
        relation = self.source.relation(table)
        with wh.advisory_lock(lock_name(relation)):
            rows = [row for row in quarantine.held(wh, relation) if ids is None or row.quarantine_id in ids]
            load = Intake(wh, self.source, replace(table, policy="quarantine", deletes=False))
            if rows:
                batch = Batch([row.row for row in rows], [row.source_position for row in rows])
                load.take(batch, lambda rejects: _settle(wh, rows, rejects))
            load.finish()
        return load.account

    def _load(
        self,
        wh: Warehouse,
        table: DeclaredTable,
        secret: Secret | None,
        progress: Callable[[str], None] | None,
        again: bool,
        day: dt.date | None,
    ) -> Account:
        module: Any = connector(self.source.kind)
        relation = self.source.relation(table)
        with wh.advisory_lock(lock_name(relation)):
            load = Intake(wh, self.source, table, progress or (lambda line: None), day)
            known = {} if again or day else bookkeeping.positions(wh, relation)
            has_keys = hasattr(module, "keys") and day is None
            return load.run(
                module.read(self.source, table, secret, known),
                (lambda: module.keys(self.source, table, secret)) if has_keys else None,
            )


def _settle(wh: Warehouse, rows: list[quarantine.Held], rejects: list[Reject]) -> None:
    """Rows that were rejected again keep their place with the new reason; the others are settled."""
    again = {reject.position: reject for reject in rejects}
    quarantine.settle(wh, [r.quarantine_id for r in rows if r.source_position not in again], "replayed")
    for row in rows:
        if row.source_position in again:
            reject = again[row.source_position]
            quarantine.note(wh, row.quarantine_id, reject.reason, reject.column)
