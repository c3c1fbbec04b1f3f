"""Loads killed at every milestone and at any moment: `python -m tests.benchmarks.intake_kills [named random]`
writes `build/bench/intake_kills.json`.

Each trial adds new rows, a correction and a bad row to a source, kills a load of it (by the process itself at
a milestone, or by SIGKILL after a random time), loads again, and compares the warehouse with the source. A
trial counts only if the load was killed. Belongs here: these trials over every kind of source. Does not
belong here: what must hold after one (`tests.warehouse.loaders.intake.killing`).
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from typing import Any

from tests.benchmarks.progress import progress
from tests.benchmarks.record import record, versions
from tests.warehouse.loaders.intake import shops
from tests.warehouse.loaders.intake.killing import faults, killed_load
from warehouse.client import Settings, connection_urls, load_settings, open_warehouse
from warehouse.loaders.intake.loader import DeclaredLoader
from warehouse.loaders.intake.milestones import MILESTONES

DATABASE = "starhouse_bench_kills"
DELETIONS = "deletions written"
SEED = 20130101
INCLUDES = {
    "ours": "trials after which the rows, the quarantine and the accounts were as if nothing had been killed",
    "theirs": "all trials",
    "neither": "random kills that came after the load's end; they are made again",
}


def main(named: int, at_random: int) -> int:
    settings, began = load_settings(), time.monotonic()
    made, lost = Counter(), []
    with progress("intake_kills"), ExitStack() as stack:
        kinds = stack.enter_context(_shops(settings))
        for number, (kind, shop) in enumerate(kinds.items()):
            share = [-(-count // len(kinds)) for count in (named, at_random)]
            mine = replace(settings, database=f"{DATABASE}_{kind}")
            os.environ.update(shop.environment)
            try:
                found = _trials(mine, shop, *share, random.Random(SEED + number))
            finally:
                _drop(settings, mine.database)
            for what, wrong in found:
                made[what] += 1
                lost += [f"{kind}, {what}: {one}" for one in wrong[:1]]
            print(f"{kind}: {len(found)} kills, {len(lost)} wrong so far, {time.monotonic() - began:.0f} s",
                  flush=True)  # fmt: skip
    _write(made, lost, list(kinds))
    return 1 if lost else 0


def _trials(
    settings: Settings, shop: shops.Shop, named: int, at_random: int, chance: random.Random
) -> list[tuple[str, list[str]]]:
    """For each kill its place and what was wrong after it."""
    found: list[tuple[str, list[str]]] = []
    loader = DeclaredLoader(shop.source)
    with open_warehouse(settings) as wh:
        shop.add()
        began = time.monotonic()
        killed_load(settings, shop, None)
        usual = time.monotonic() - began
        names = [name for name in MILESTONES if name != DELETIONS or shop.source.tables[0].deletes]
        for number, name in zip(range(named), cycle(names), strict=False):
            shop.add()
            # in the second round the second batch, where a kind has one
            is_second = number // len(names) % 2 and not shop.is_one_batch
            nth = 2 if is_second and name not in (DELETIONS, "finished") else 1
            is_killed = killed_load(settings, shop, name, nth)
            loader.load(settings)
            found += [(name, faults(wh, shop))] if is_killed else [(name, ["it was not killed"])]
        tries, wanted = 0, len(found) + at_random
        while len(found) < wanted and tries < at_random * 5:
            tries += 1
            shop.add()
            is_killed = killed_load(settings, shop, None, after_s=chance.uniform(0, usual))
            loader.load(settings)
            wrong = faults(wh, shop)
            if is_killed or wrong:
                found.append(("at random", wrong))
    return found


@contextmanager
def _shops(settings: Settings) -> Iterator[dict[str, Any]]:
    """A source of each kind, with the servers they need."""
    import boto3

    from tests.peers import servers
    from tests.warehouse.loaders.intake.shop_api import shop_api

    os.environ.update(shops.NOBODY)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="starhouse-kills-")))
        (folder / "files").mkdir()
        moto, broker = stack.enter_context(servers.moto()), stack.enter_context(servers.kafka())
        documents = stack.enter_context(servers.mongodb(folder / "documents"))
        origin = replace(settings, database=f"{DATABASE}_origin")
        database = stack.enter_context(open_warehouse(origin))
        stack.callback(_drop, settings, origin.database)
        database.execute("drop table if exists orders")
        client = lambda name: boto3.client(name, region_name="us-east-1", endpoint_url=moto)  # noqa: E731
        yield {
            "files": shops.Files(folder / "files"),
            "postgres": shops.Postgres(database, connection_urls(origin).libpq),
            "kafka": shops.Kafka(broker),
            "mongodb": shops.MongoDb(documents),
            "http": shops.Http(stack.enter_context(shop_api())),
            "s3": shops.S3(client("s3"), moto),
            "kinesis": shops.Kinesis(client("kinesis"), moto),
        }


def _drop(settings: Settings, database: str) -> None:
    with open_warehouse(settings) as wh:
        wh.execute(f"drop database if exists {database} with (force)")


def _write(made: Counter, lost: list[str], kinds: list[str]) -> None:
    total = sum(made.values())
    with open_warehouse(load_settings()) as wh:
        server = wh.scalar("show server_version")
    at_random = made.pop("at random", 0)
    record(
        "intake_kills",
        peer="the same loads, never killed",
        rows=total,
        ours=[float(total - len(lost))],
        theirs=[float(total)],
        goal=1.0,
        unit="trials",
        includes=INCLUDES,
        versions=versions("pyarrow", "confluent-kafka", "pymongo", "boto3", "dlt", postgres=server),
        sources=kinds,
        named=dict(made),
        at_random=at_random,
        wrong=lost,
    )
    print(f"{sum(made.values())} kills at named points, {at_random} at random, {len(lost)} wrong: {lost[:5]}")


if __name__ == "__main__":
    given = [int(one) for one in sys.argv[1:3]]
    sys.exit(main(*(given or [210, 105])))
