"""Loads that are killed: at a milestone by the process itself, or at any moment from outside.

The load runs in a process of its own, forked from a server that has imported what it needs. Belongs here: one
trial and what must hold after it. Does not belong here: which trials are made.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections import Counter
from contextlib import suppress

from tests.warehouse.loaders.intake.shops import Shop
from warehouse.client import Settings, Warehouse, load_settings, subprocess_env
from warehouse.loaders.intake import milestones
from warehouse.loaders.intake.declared import DeclaredSource
from warehouse.loaders.intake.loader import DeclaredLoader

KILLED = 137
LEASE_SECONDS = 2
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
    ["pyarrow", "adbc_driver_postgresql.dbapi", "warehouse.loaders.intake.loader", "pytest",
     "tests.warehouse.loaders.intake.killing"]
)  # fmt: skip


def load_and_die(
    settings: Settings | None,
    source: DeclaredSource,
    environment: dict[str, str],
    milestone: str | None,
    nth: int,
) -> None:
    """A load that ends at the nth passing of the milestone without any clearing up, as kill -9 ends it.
    Settings with a URL, which is a secret, come by the environment.
    """
    os.environ.update(environment)
    settings = settings or load_settings()
    passed = 0

    def reached(name: str) -> None:
        nonlocal passed
        passed += name == milestone
        if passed == nth and name == milestone:
            os._exit(KILLED)

    milestones.reached = reached
    if settings.engine == "bigquery":
        shorten_leases()
    DeclaredLoader(source).load(settings)


def shorten_leases() -> None:
    """Locks of BigQuery end a second after their holder died, not a minute."""
    from warehouse.client.bigquery import lease

    lease.LEASE_SECONDS, lease.RENEW_SECONDS = LEASE_SECONDS, LEASE_SECONDS / 4


def killed_load(
    settings: Settings, shop: Shop, milestone: str | None, nth: int = 1, after_s: float | None = None
) -> bool:
    """Run a load to its kill, at the milestone or `after_s` seconds; whether it was killed before its end."""
    by_environment = settings.warehouse_url is not None
    environment = {**(subprocess_env(settings) if by_environment else {}), **shop.environment}
    arguments = (None if by_environment else settings, shop.source, environment, milestone, nth)
    process = _FORKS.Process(target=load_and_die, args=arguments)
    process.start()
    if after_s is not None:
        time.sleep(after_s)
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
    process.join(60)
    assert process.exitcode in (0, KILLED, -signal.SIGKILL), f"the load ended with {process.exitcode}"
    return process.exitcode != 0


def faults(wh: Warehouse, shop: Shop) -> list[str]:
    """What is not as if nothing had ever been killed: rows lost or doubled, bad rows, counts."""
    raw = Counter(
        (row["order_id"], row["customer"])
        for row in wh.query("select order_id, customer from raw.shop__orders")
    )
    found = [f"lost {row}" for row in shop.versions - set(raw)]
    found += [f"{count} times {row}" for row, count in raw.items() if count > 1 or row not in shop.versions]
    held = wh.scalar("select count(*) from raw.quarantine")
    if held != shop.held:
        found.append(f"{held} rows in quarantine, not {shop.held}")
    loaded = wh.scalar("select sum(loaded_rows) from raw.intake_account")
    if loaded != sum(raw.values()):
        found.append(f"the accounts tell of {loaded} rows loaded, there are {sum(raw.values())}")
    unequal = "read_rows <> loaded_rows + known_rows + quarantined_rows"
    if wh.scalar(f"select count(*) from raw.intake_account where {unequal}"):
        found.append("an account does not reconcile")
    return found
