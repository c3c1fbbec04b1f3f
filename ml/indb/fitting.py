"""The transaction that a fit with a short-lived table runs in, and the end of that table.

All statements of the fit see doubles with all their digits, and a process that dies leaves no table behind.
Belongs here: these two. Does not belong here: what the tables hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from ml.document.work_tables import prepare
from warehouse.client import WarehouseError

if TYPE_CHECKING:
    from warehouse.client import Warehouse


@contextmanager
def fitting(wh: Warehouse) -> Iterator[None]:
    """A transaction with the schema of short-lived tables at hand."""
    prepare(wh)
    with wh.transaction():
        wh.execute("set local extra_float_digits = 1")  # a double's text then has all its digits
        yield


@contextmanager
def dropped(wh: Warehouse, table: str) -> Iterator[None]:
    """Drop the table at the end. After a statement that failed the transaction's end does it."""
    try:
        yield
    except BaseException:
        with suppress(WarehouseError):
            wh.execute(f"drop table if exists {table}")
        raise
    wh.execute(f"drop table if exists {table}")
