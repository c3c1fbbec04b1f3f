"""Loading declared tables: versions, quarantine, counts, deletions, on a real database."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pytest

from tests.warehouse.loaders.intake.declaring import batch, columns, order, orders, source
from warehouse.client import WarehouseError
from warehouse.loaders.declaration import LoadError
from warehouse.loaders.intake import quarantine
from warehouse.loaders.intake.intake import Intake
from warehouse.loaders.intake.loader import DeclaredLoader


def load(wh, table, *batches, keys=None):
    return Intake(wh, source(orders=table), table).run(batches, keys)


def stored(wh, columns="order_id, customer, is_deleted"):
    rows = wh.query(f"select {columns} from raw.shop__orders order by order_id, known_at, loaded_at")
    return [tuple(row.values()) for row in rows]


def counts(account):
    return account.read, account.loaded, account.known, account.quarantined


def test_a_snapshot_keeps_versions_and_loads_nothing_twice(wh):
    first = load(wh, orders(), batch([order(1), order(2)]))
    assert counts(first) == (2, 2, 0, 0)
    again = load(wh, orders(), batch([order(1), order(2)]))
    assert counts(again) == (2, 0, 2, 0)
    changed = load(wh, orders(), batch([order(1, "bob"), order(2)]))
    assert counts(changed) == (2, 1, 1, 0)
    back = load(wh, orders(), batch([order(1, "ada"), order(2)]))
    assert counts(back) == (2, 1, 1, 0)
    assert stored(wh) == [(1, "ada", False), (1, "bob", False), (1, "ada", False), (2, "ada", False)]
    books = wh.query("select * from raw.intake_account order by started_at")
    assert [row["read_rows"] for row in books] == [2, 2, 2, 2] and all(row["is_finished"] for row in books)


def test_keys_that_are_gone_become_deleted_versions_and_can_come_back(wh):
    table = orders(deletes=True)
    load(wh, table, batch([order(1), order(2)]), keys=lambda: pa.table({"order_id": [1, 2]}))
    gone = load(wh, table, batch([order(1)]), keys=lambda: pa.table({"order_id": [1]}))
    assert gone.deleted == 1 and stored(wh)[-1] == (2, "ada", True)
    assert load(wh, table, batch([order(1)]), keys=lambda: pa.table({"order_id": [1]})).deleted == 0
    load(wh, table, batch([order(1), order(2)]), keys=lambda: pa.table({"order_id": [1, 2]}))
    assert stored(wh)[1:] == [(2, "ada", False), (2, "ada", True), (2, "ada", False)]


def test_keys_that_do_not_fit_name_no_row_and_do_not_delete_all(wh):
    table = orders(deletes=True)
    load(wh, table, batch([order(1), order("x")]), keys=lambda: pa.table({"order_id": ["1", "x"]}))
    assert load(wh, table, batch([order(1)]), keys=lambda: pa.table({"order_id": ["x", "1"]})).deleted == 0
    with pytest.raises(LoadError, match="no key of the source fits.*order_id bigint"):
        load(wh, table, batch([order("A-1")]), keys=lambda: pa.table({"order_id": ["A-1"]}))
    assert stored(wh) == [(1, "ada", False)]


def test_changes_are_versions_of_the_instant_the_source_says(wh):
    table = orders(history="changes", known_at="paid_at")
    early, late = "2013-01-01T00:00:00Z", "2013-01-02T00:00:00Z"
    load(wh, table, batch([order(1, "ada", paid_at=late)]))
    load(wh, table, batch([order(1, "eve", paid_at=early), order(1, "ada", paid_at=late)]))
    rows = wh.query("select customer, known_at::text as known from raw.shop__orders order by known_at")
    assert [row["customer"] for row in rows] == ["eve", "ada"]
    assert rows[0]["known"].startswith("2013-01-01 00:00:00")


def test_an_event_delivered_twice_is_one_and_a_correction_is_a_second_version(wh):
    table = orders(history="events")
    load(wh, table, batch([order(1), order(1)]))
    load(wh, table, batch([order(1)], first=10))
    assert stored(wh) == [(1, "ada", False)]
    load(wh, table, batch([order(1, "bob")], first=20))
    assert [row[1] for row in stored(wh)] == ["ada", "bob"]


def test_rows_that_do_not_fit_are_held_with_reason_and_place(wh):
    rows = [order(1), order("x"), order(None), order(4, paid_at="2013-01-01"), order(5, amount="1.999")]
    account = load(wh, orders(), batch(rows))
    assert counts(account) == (5, 1, 0, 4)
    found = quarantine.held(wh, "shop__orders")
    assert [(row.source_position, row.column_name) for row in found] == [
        ("row 2", "order_id"), ("row 3", "order_id"), ("row 4", "paid_at"), ("row 5", "amount"),
    ]  # fmt: skip
    assert "whole numbers" in found[0].reason and "no value" in found[1].reason
    assert "no offset" in found[2].reason and "numeric(10,2)" in found[3].reason
    assert found[0].row == order("x")
    load(wh, orders(), batch(rows))
    assert len(quarantine.held(wh)) == 4, "the same rows are not held twice"


def test_held_rows_are_repaired_and_replayed(wh):
    table = orders()
    load(wh, table, batch([order(1), order("x"), order("y")]))
    first, second = quarantine.held(wh)
    quarantine.repair(wh, first.quarantine_id, {"order_id": 7})
    loader = DeclaredLoader(source(orders=table))
    account = loader.replay(wh, table)
    assert counts(account) == (2, 1, 0, 1)
    assert [row[0] for row in stored(wh)] == [1, 7]
    assert [row.quarantine_id for row in quarantine.held(wh)] == [second.quarantine_id]
    kept = wh.query("select status, source_row, settled_at from raw.quarantine order by quarantine_id")[0]
    assert kept["status"] == "replayed" and '"x"' in kept["source_row"] and kept["settled_at"] is not None
    with pytest.raises(LoadError, match="settled"):
        quarantine.repair(wh, first.quarantine_id, {"order_id": 8})


def test_a_key_twice_in_one_snapshot_keeps_the_last_and_holds_the_other(wh):
    account = load(wh, orders(), batch([order(1, "ada"), order(1, "bob"), order(2), order(2)]))
    assert counts(account) == (4, 2, 1, 1)
    assert [row[1] for row in stored(wh)] == ["bob", "ada"]
    assert "comes again" in quarantine.held(wh)[0].reason


def test_freeze_stops_at_a_breach_and_loads_nothing(wh):
    table = orders(policy="freeze")
    with pytest.raises(LoadError, match="(?s)order_id retyped.*x.*policy|policy freeze"):
        load(wh, table, batch([order(1), order("x")]))
    with pytest.raises(LoadError, match="colour added"):
        load(wh, table, batch([{**order(1), "colour": "red"}]))
    assert not wh.table_exists("raw", "shop__orders")


def test_evolve_adds_the_column_and_says_so(wh):
    table = orders(policy="evolve")
    load(wh, table, batch([order(1)]))
    account = load(wh, table, batch([{**order(1), "weight": 2.5}, {**order(2), "weight": None}]))
    assert [(v.subject, v.finding) for v in account.verdicts if v.is_breach] == [("weight", "added")]
    assert stored(wh, "order_id, weight") == [(1, None), (1, 2.5), (2, None)]
    load(wh, table, batch([order(3)]))
    assert stored(wh, "order_id, weight")[-1] == (3, None)


def test_under_quarantine_an_added_column_is_told_and_left_out(wh):
    account = load(wh, orders(), batch([{**order(1), "colour": "red"}]))
    assert ("colour", "added") in [(v.subject, v.finding) for v in account.verdicts]
    assert "colour" not in wh.query("select * from raw.shop__orders")[0]


def test_a_needed_column_that_is_gone_ends_the_load(wh):
    with pytest.raises(LoadError, match="order_id removed"):
        load(wh, orders(), batch([{"customer": "ada"}]))
    account = load(wh, orders(), batch([{"order_id": 1}]))
    assert {v.subject for v in account.verdicts if v.finding == "removed"} == {
        "customer",
        "amount",
        "paid_at",
    }


def test_volume_and_freshness_are_judged(wh):
    table = orders(event_at="paid_at", at_least_rows=3, at_most_age_h=1.0)
    account = load(wh, table, batch([order(1, paid_at="2013-01-01T00:00:00Z")]))
    assert {v.finding for v in account.verdicts if v.is_breach} == {"volume", "freshness"}
    assert wh.scalar("select count(*) from raw.intake_verdict where is_breach") == 2


def test_a_declared_type_that_changed_is_refused(wh):
    load(wh, orders(), batch([order(1)]))
    changed = replace(orders(), columns=columns("order_id bigint, customer bigint"))
    with pytest.raises(LoadError, match="customer has another type"):
        load(wh, changed, batch([{"order_id": 1, "customer": 5}]))


def test_counts_that_do_not_add_up_are_refused_by_the_table_itself(wh):
    load(wh, orders(), batch([order(1)]))
    with pytest.raises(WarehouseError, match="reconciles"):
        wh.execute("update raw.intake_account set loaded_rows = loaded_rows + 1")


def test_an_empty_source_makes_the_table_and_an_account(wh):
    assert counts(load(wh, orders())) == (0, 0, 0, 0)
    assert stored(wh) == []
