"""The service's connections to the warehouse: kept open, shared by its threads, mended after the warehouse
was gone.

Belongs here: borrowing a connection, one retry on a fresh one, the word "gone". Does not belong here: any
query.
"""

from __future__ import annotations

import logging
import queue
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from serving.problems import Problem

if TYPE_CHECKING:
    from warehouse.client import Settings, Warehouse

T = TypeVar("T")
log = logging.getLogger("starhouse.serving")

STATEMENT_TIMEOUT_MS = 5_000
"""A feature query reads by key and takes milliseconds; one that waits longer than this is better refused."""


def gone() -> Problem:
    """The answer while the warehouse does not answer. Says nothing of where it is."""
    return Problem(
        503,
        "warehouse_unavailable",
        "The warehouse does not answer, so neither the champion nor features can be read.",
        "Try again shortly; the operator runs `starhouse doctor`, then `starhouse up`.",
        headers={"Retry-After": "2"},
    )


class WarehouseLink:
    """A small pool. `run` is safe from several threads; every piece of work must only read, since it may
    run twice."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._idle: queue.LifoQueue[Warehouse] = queue.LifoQueue()
        self._is_closed = False
        self._was_open = False

    def run(self, work: Callable[[Warehouse], T]) -> T:
        """The result of `work`. A connection may have died unseen, so a failure on a kept one is tried
        once more on a new one.

        Raises:
            Problem: 503 where no connection can be had or the work fails on a fresh one too.
        """
        from warehouse.client import WarehouseError

        kept = self._kept()
        dead: list[Warehouse] = []
        try:
            if kept is not None:
                try:
                    return self._use(kept, work)
                except WarehouseError:
                    # Kept connections go to the same server: when one is dead they all are.
                    dead = [kept, *self._all_kept()]
            fresh = self._open()
            try:
                return self._use(fresh, work)
            except WarehouseError:
                dead.append(fresh)
                raise
        except WarehouseError as error:
            log.warning("warehouse unavailable: %s (%s)", type(error).__name__, error.sqlstate)
            raise gone() from None
        finally:
            # Only now: closing the last one earlier would let go of an embedded server that is still well.
            for wh in dead:
                _close(wh)

    def _use(self, wh: Warehouse, work: Callable[[Warehouse], T]) -> T:
        from warehouse.client import WarehouseError

        is_well = True
        try:
            return work(wh)
        except WarehouseError:
            is_well = False  # the caller closes it
            raise
        finally:
            if is_well:
                self._keep(wh)

    def _open(self) -> Warehouse:
        from warehouse.client import WarehouseError, open_warehouse, server_status

        # Opening starts an embedded server. At the service's start that is wanted; later, one that was
        # stopped was
        # stopped by somebody, and stays so until somebody starts it.
        if self._was_open and not server_status(self._settings).is_running:
            raise WarehouseError("The warehouse was stopped. Start it with `starhouse up`.")
        wh = open_warehouse(self._settings)
        self._was_open = True
        try:
            wh.execute(f"set statement_timeout = {STATEMENT_TIMEOUT_MS}")
        except BaseException:
            _close(wh)
            raise
        return wh

    def _keep(self, wh: Warehouse) -> None:
        if self._is_closed:
            _close(wh)
        else:
            self._idle.put(wh)

    def _kept(self) -> Warehouse | None:
        try:
            return self._idle.get_nowait()
        except queue.Empty:
            return None

    def _all_kept(self) -> list[Warehouse]:
        found = []
        while (wh := self._kept()) is not None:
            found.append(wh)
        return found

    def close(self) -> None:
        """Close what is idle; what is in use closes when it comes back."""
        self._is_closed = True
        for wh in self._all_kept():
            _close(wh)


def _close(wh: Warehouse) -> None:
    try:
        wh.close()
    except Exception as error:  # a dead connection may complain about being closed; nothing is lost
        log.debug("closing a connection failed: %s", type(error).__name__)
