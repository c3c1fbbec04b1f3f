"""One load of one declared table through its connector, as the loader does it.

Belongs here: what tests of all connectors do alike. Does not belong here: declarations (`declaring`).
"""

from __future__ import annotations

from typing import Any

from warehouse.client.settings import Secret
from warehouse.loaders.intake import bookkeeping
from warehouse.loaders.intake.connectors import connector
from warehouse.loaders.intake.declared import DeclaredSource, DeclaredTable
from warehouse.loaders.intake.intake import Account, Intake, lock_name


def load(
    wh, kind: str, table: DeclaredTable, connection: str | None, again: bool = False, **options: Any
) -> Account:
    """A load of the table of a source named shop; `options` are the source's."""
    module: Any = connector(kind)
    declared = DeclaredSource("shop", kind, "SHOP_URL", (table,), options)
    secret = Secret(connection) if connection else None
    relation = declared.relation(table)
    with wh.advisory_lock(lock_name(relation)):
        bookkeeping.ensure_books(wh)
        known = {} if again else bookkeeping.positions(wh, relation)
        keys = (lambda: module.keys(declared, table, secret)) if hasattr(module, "keys") else None
        return Intake(wh, declared, table).run(module.read(declared, table, secret, known), keys)


def counts(account: Account) -> tuple[int, int, int, int]:
    return account.read, account.loaded, account.known, account.quarantined
