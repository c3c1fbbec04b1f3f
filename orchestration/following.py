"""Following a declared source without an end: brokers as messages come, all others by asking again and again.

Belongs here: when to go on and when to stop. Does not belong here: a step of it (`warehouse.loaders.intake`),
what a command prints.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from warehouse.client import Settings
    from warehouse.loaders.intake.declared import DeclaredSource
    from warehouse.loaders.intake.intake import Account
    from warehouse.loaders.intake.loader import DeclaredLoader

Tell = Callable[[str], None]


def follow_tables(
    settings: Settings, source: DeclaredSource, names: Sequence[str], end: float, tell: Tell
) -> list[Account]:
    """Each table of a broker in a thread and session of its own until `end` (of time.monotonic), or until one
    fails; then the others end their batch and stop.

    Raises:
        LoadError: what stopped a table. What was committed before stays.
    """
    from warehouse.loaders.intake.continuous import follow

    stopped = threading.Event()

    def is_over() -> bool:
        return stopped.is_set() or time.monotonic() >= end

    with ThreadPoolExecutor(len(names)) as pool:
        running = [pool.submit(follow, settings, source, name, is_over, tell) for name in names]
        try:
            wait(running, return_when=FIRST_EXCEPTION)
        finally:
            stopped.set()
    return [one.result() for one in running]


def poll_tables(
    settings: Settings, loader: DeclaredLoader, names: Sequence[str], end: float, every_s: float, tell: Tell
) -> list[Account]:
    """Load the tables again and again until `end` (of time.monotonic), `every_s` seconds after a step that
    found nothing; the accounts of the last step.
    """
    while True:
        accounts = loader.load(settings, names)
        read = sum(account.read for account in accounts)
        if read:
            tell(f"{loader.source.name}: {read:,} rows read")
        if time.monotonic() + (0 if read else every_s) >= end:
            return accounts
        time.sleep(0 if read else every_s)
