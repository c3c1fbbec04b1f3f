"""From produced to queryable: `python -m tests.benchmarks.intake_lag [seconds] [repeats]` writes
`build/bench/intake_lag.json`.

A process of its own sends 2,000 events a second to a broker, each with the instant of its sending; another
follows the topic. An event's lag ends when its batch is committed. The peer is the plainest consumer: it
inserts what it got in one statement and commits. Belongs here: this comparison. Does not belong here: loads
with an end (`intake_load`).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import uuid
from dataclasses import replace
from statistics import median, quantiles
from typing import Any

from tests.benchmarks.record import record, versions
from warehouse.client import connection_urls, load_settings, open_warehouse

DATABASE = "starhouse_bench_lag"
EVENTS_PER_SECOND = 2_000
BATCH_SECONDS = 0.2
GOAL = 5.0
FIELDS = "order_id bigint, customer text, sent double precision"
INCLUDES = {
    "ours": "poll, JSON, contract, landing, versions, quarantine, position, counts, commit, landing dropped",
    "theirs": "poll, JSON, one INSERT of the batch, commit; positions left to the broker",
    "neither": "the first second of each run",
}


def main(seconds: int, repeats: int) -> None:
    from tests.peers import servers

    settings = replace(load_settings(), database=DATABASE)
    lags: dict[str, list[list[float]]] = {"ours": [], "theirs": []}
    try:
        # held open, so that the server stays up between the sides
        with servers.kafka() as broker, open_warehouse(settings) as wh:
            for _ in range(repeats):
                for side, taken in lags.items():
                    taken.append(_run(side, settings, broker, seconds))
                    cuts = quantiles(taken[-1], n=100)
                    print(f"{side}: {len(taken[-1]):,} events, p50 {cuts[49]:.3f} s, p99 {cuts[98]:.3f} s",
                          flush=True)  # fmt: skip
            server = wh.scalar("show server_version")
    finally:
        with open_warehouse(load_settings()) as wh:
            wh.execute(f"drop database if exists {DATABASE} with (force)")
    _write(lags, seconds, server)


def _run(side: str, settings: Any, broker: str, seconds: int) -> list[float]:
    """Every event's lag in seconds, but for the first second's."""
    from confluent_kafka.admin import AdminClient, NewTopic

    topic = f"events-{uuid.uuid4().hex[:8]}"
    admin = AdminClient({"bootstrap.servers": broker, "log_level": 0})
    admin.create_topics([NewTopic(topic, 2, 1)])[topic].result(10)
    total = EVENTS_PER_SECOND * seconds
    with open_warehouse(settings) as wh:
        wh.execute("drop schema if exists raw cascade; drop table if exists events")
        wh.execute(f"create table events ({FIELDS})")
    producer = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.intake_lag", "produce", broker, topic, str(seconds)]
    )
    try:
        found = {"ours": _follow, "theirs": _plain}[side](settings, broker, topic, total, 3 * seconds + 30)
    finally:
        producer.terminate()
        producer.wait(10)
    if len(found) != total:
        raise SystemExit(f"{side}: {len(found)} events of {total} came in time")
    first = min(sent for sent, _ in found)
    return [committed - sent for sent, committed in found if sent >= first + 1.0]


def _follow(settings: Any, broker: str, topic: str, total: int, most_s: float) -> list[tuple[float, float]]:
    """(sent, committed) of each event, by the continuous load."""
    from tests.warehouse.loaders.intake.declaring import columns, orders
    from warehouse.loaders.intake import continuous
    from warehouse.loaders.intake.declared import DeclaredSource
    from warehouse.loaders.intake.intake import Intake

    found: list[tuple[float, float]] = []

    class Timed(Intake):
        def take(self, batch: Any, *more: Any) -> None:
            super().take(batch, *more)
            now = time.time()
            found.extend((row["sent"], now) for row in batch.rows)

    continuous.Intake = Timed
    os.environ["SHOP_URL"] = broker
    options = {"batch_seconds": BATCH_SECONDS}
    table = orders(columns=columns(FIELDS), read=topic, history="events", options=options)
    until = time.monotonic() + most_s
    is_done = lambda: len(found) >= total or time.monotonic() > until  # noqa: E731
    continuous.follow(settings, DeclaredSource("shop", "kafka", "SHOP_URL", (table,)), "orders", is_done)
    return found


def _plain(settings: Any, broker: str, topic: str, total: int, most_s: float) -> list[tuple[float, float]]:
    """The same by a consumer that only inserts, in batches of the same time."""
    import psycopg2
    from confluent_kafka import Consumer, TopicPartition
    from psycopg2.extras import execute_values

    consumer = Consumer({"bootstrap.servers": broker, "group.id": topic, "log_level": 0})
    consumer.assign([TopicPartition(topic, part, 0) for part in (0, 1)])
    connection = psycopg2.connect(connection_urls(settings).libpq)
    found, until = [], time.monotonic() + most_s
    while len(found) < total and time.monotonic() < until:
        messages = [m for m in consumer.consume(50_000, BATCH_SECONDS) if m.error() is None]
        rows = [tuple(json.loads(message.value()).values()) for message in messages]
        if rows:
            with connection, connection.cursor() as cursor:
                execute_values(cursor, "insert into events values %s", rows, page_size=len(rows))
            now = time.time()
            found += [(row[2], now) for row in rows]
    consumer.close()
    connection.close()
    return found


def produce(broker: str, topic: str, seconds: int) -> None:
    """Send events evenly, a hundredth of a second's at a time."""
    from confluent_kafka import Producer

    producer = Producer({"bootstrap.servers": broker, "linger.ms": 5, "log_level": 0})
    began, number, step = time.monotonic(), 0, EVENTS_PER_SECOND // 100
    while number < EVENTS_PER_SECOND * seconds:
        time.sleep(max(0.0, began + number / EVENTS_PER_SECOND - time.monotonic()))
        for _ in range(step):
            event = {"order_id": number, "customer": f"customer {number % 1000}", "sent": time.time()}
            producer.produce(topic, json.dumps(event).encode(), partition=number % 2)
            number += 1
        producer.poll(0)
    producer.flush(30)


def _write(lags: dict[str, list[list[float]]], seconds: int, server: str) -> None:
    cuts = {side: [quantiles(one, n=100) for one in taken] for side, taken in lags.items()}
    result = record(
        "intake_lag",
        peer="a consumer that only inserts",
        rows=EVENTS_PER_SECOND * seconds,
        ours=[one[98] for one in cuts["ours"]],
        theirs=[one[98] for one in cuts["theirs"]],
        goal=GOAL,
        unit="s at p99",
        includes=INCLUDES,
        versions=versions("confluent-kafka", "psycopg2-binary", postgres=server),
        direction="at_most",
        events_per_second=EVENTS_PER_SECOND,
        batch_seconds=BATCH_SECONDS,
        p50_s={side: median(one[49] for one in taken) for side, taken in cuts.items()},
        p99_s={side: median(one[98] for one in taken) for side, taken in cuts.items()},
    )
    print(f"p50 {result['p50_s']['ours']:.3f} s, p99 {result['p99_s']['ours']:.3f} s")


if __name__ == "__main__":
    if sys.argv[1:2] == ["produce"]:
        produce(sys.argv[2], sys.argv[3], int(sys.argv[4]))
    else:
        main(int((sys.argv[1:] or ["20"])[0]), int((sys.argv[2:] or ["3"])[0]))
