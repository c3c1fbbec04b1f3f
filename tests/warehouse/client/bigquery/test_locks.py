"""Locks between sessions: leases in a table, executed by the emulator."""

from __future__ import annotations

import threading

import pytest

from warehouse.client import WarehouseError, open_warehouse
from warehouse.client.bigquery import lease, locks

ENDED = "UPDATE starhouse.lock SET expires_at = TIMESTAMP_SECONDS(1) WHERE TRUE"


@pytest.fixture
def two(bigquery):
    with open_warehouse(bigquery) as one, open_warehouse(bigquery) as other:
        yield one, other


def test_another_waits_and_then_names_the_holder(two, monkeypatch):
    one, other = two
    monkeypatch.setattr(locks, "WAIT_SECONDS", 0.0)
    with one.advisory_lock("score"):
        with other.advisory_lock("train"):
            pass
        with (
            pytest.raises(
                WarehouseError, match=r"Lock 'score' failed: .* process \d+ .* holds it"
            ) as refused,
            other.advisory_lock("score"),
        ):
            pass
        assert refused.value.sqlstate == "55P03"
    with other.advisory_lock("score"):
        pass


def test_only_one_works_at_a_time(bigquery, monkeypatch):
    monkeypatch.setattr(locks, "LONGEST_PAUSE", 0.1)
    inside, most, done = [], [], []

    def work() -> None:
        with open_warehouse(bigquery) as wh:
            for _ in range(2):
                with wh.advisory_lock("x"):
                    inside.append(1)
                    most.append(len(inside))
                    wh.query("select 1 as one")
                    inside.pop()
            done.append(True)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(60)
    assert (len(done), max(most), len(most)) == (2, 1, 4)


def test_the_lease_of_a_dead_holder_ends(two, monkeypatch):
    one, other = two
    monkeypatch.setattr(locks, "WAIT_SECONDS", 0.0)
    one._locks()._take(lease.Lease(one._locks()._statement, "x"))  # and never renewed
    with pytest.raises(WarehouseError, match="holds it"), other.advisory_lock("x"):
        pass
    other.run_googlesql(ENDED)
    with other.advisory_lock("x"):
        pass


def test_a_lease_is_renewed_and_its_loss_is_told(two, monkeypatch):
    one, other = two
    monkeypatch.setattr(lease, "RENEW_SECONDS", 0.05)
    read = "SELECT UNIX_MICROS(expires_at) AS at FROM starhouse.lock AS l"
    with one.advisory_lock("x"):
        first = other.run_googlesql(read)[0]["at"]
        for _ in range(100):
            if other.run_googlesql(read)[0]["at"] > first:
                break
        assert other.run_googlesql(read)[0]["at"] > first
    with pytest.raises(WarehouseError, match="Lock 'x' was lost"), one.advisory_lock("x"):
        other.run_googlesql("UPDATE starhouse.lock SET holder = 'another' WHERE TRUE")
        other.run_googlesql(ENDED)
