"""Declared sources loaded into BigQuery hold what Postgres holds: rows, accounts, quarantine, hashes of days.

BigQuery is the emulator here: it executes each statement. Whether BigQuery takes their text is judged
elsewhere (`test_bigquery_text`).
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pyarrow as pa
import pytest

from tests.warehouse.loaders.intake.declaring import batch, columns, order, orders, source
from tests.warehouse.loaders.intake.two_engines import TwoEngines
from warehouse.client import WarehouseError
from warehouse.loaders.declaration import LoadError
from warehouse.loaders.intake import bookkeeping, quarantine, watermarks
from warehouse.loaders.intake.batch import Batch
from warehouse.loaders.intake.intake import Intake
from warehouse.loaders.intake.loader import DeclaredLoader
from warehouse.loaders.intake.versions import day_hash

AT = [dt.datetime(2013, 1, day, 12, 30, tzinfo=dt.UTC) for day in range(1, 6)]
EVERY_KIND = columns(
    "order_id bigint, customer text, amount numeric(10,2), weight double precision, price numeric, "
    "is_paid boolean, due_on date, placed_at timestamptz, details jsonb"
)


@pytest.fixture
def both(wh, bigquery_wh) -> TwoEngines:
    return TwoEngines(wh, bigquery_wh)


def known(rows, instants, first: int = 0, **resume: str) -> Batch:
    """A batch that tells from when each row was known, so that both loads have the same instants."""
    return replace(batch(rows, first, **resume), known_at=instants)


def full(order_id: int, **changes) -> dict:
    """An order of every kind. The emulator keeps five digits behind a BIGNUMERIC's point, BigQuery 38."""
    return {"order_id": order_id, "customer": "ada, \"the\" 1st", "amount": "9.5", "weight": 0.1,
            "price": "123.45600", "is_paid": True, "due_on": "2013-02-28",
            "placed_at": "2013-01-01T23:59:59.5-05:00",
            "details": '{"b": [1.50, null], "a": "é"}', **changes}  # fmt: skip


def test_every_kind_of_value_arrives_and_hashes_alike(both):
    table = orders(columns=EVERY_KIND, event_at="placed_at")
    nothing = dict.fromkeys(("customer", "weight", "price", "is_paid", "due_on", "details"))
    rows = [full(1), full(2, customer="", weight=1e23, amount=None, details="{}"), full(3, price="-0.00")]
    rows.append(full(4, **nothing))
    accounts = both.load(table, known([*rows, full(5, amount="1.999"), full("x")], AT[:1] * 6, orders="6"))
    assert [(a.read, a.loaded, a.known, a.quarantined) for a in accounts] == [(6, 4, 0, 2)] * 2
    assert both.is_same("shop__orders")
    hashes = {day_hash(wh, "shop__orders", ("order_id",), dt.date(2013, 1, 2)) for wh in both.each}
    assert len(hashes) == 1 and len(hashes.pop()) == 64


@pytest.mark.slow
def test_a_snapshot_keeps_the_same_versions(both):
    table = orders(deletes=True)
    keys = lambda *ids: lambda: pa.table({"order_id": pa.array(ids, pa.int64())})  # noqa: E731
    both.load(table, known([order(1), order(2), order(2, "eve")], AT[:1] * 3), keys=keys(1, 2))
    both.load(table, known([order(1), order(2, "eve")], AT[1:2] * 2), keys=keys(1, 2))
    both.load(table, known([order(1, "bob")], AT[2:3]), known([order(1)], AT[3:4]), keys=keys(1, 9))
    gone = both.load(
        table, known([order(1, "late")], AT[:1]), known([order(2, "eve")], AT[4:]), keys=keys(1, 2)
    )
    assert [account.deleted for account in gone] == [0, 0]
    assert both.is_same("shop__orders", without=("known_at", "event_at"))


@pytest.mark.slow
def test_a_decimal_number_can_be_the_key(both):
    table = orders(key=("amount",), deletes=True)
    keys = lambda: pa.table({"amount": ["9.5", "1.25"]})  # noqa: E731
    both.load(table, known([order(1), order(2, amount="1.25"), order(3, amount="7")], AT[:1] * 3), keys=keys)
    both.load(table, known([order(1, amount="9.5"), order(2, "eve", amount="1.250")], AT[1:2] * 2), keys=keys)
    assert both.is_same("shop__orders", without=("known_at", "event_at"))
    assert [len(rows) for rows in both.rows("shop__orders")] == [5, 5]


@pytest.mark.slow
@pytest.mark.parametrize("history", ["events", "changes"])
def test_events_and_changes_keep_the_same_versions(both, history):
    table = orders(history=history, known_at="paid_at", lateness_s=60.0)
    first, later = "2013-01-01T00:00:00Z", "2013-01-01T01:00:00Z"
    rows = [
        order(1, paid_at=first),
        order(1, paid_at=first),
        order(1, paid_at=later),
        order(2, "eve", paid_at=later),
    ]
    both.load(table, batch(rows), batch([order(1, "bob", paid_at=first)], first=9))
    both.load(table, batch(rows[::-1]), batch([order(3, paid_at="2012-12-31T00:00:00Z")]))
    assert both.is_same("shop__orders")
    marks = {watermarks.watermark(wh, "shop__orders") for wh in both.each}
    assert len(marks) == 1 and marks.pop()[1] == 2


def test_a_second_delivery_and_a_backfilled_day_change_nothing(both):
    table = orders(history="events", event_at="paid_at")
    rows = [order(n, paid_at=f"2013-01-0{1 + n % 3}T10:00:00Z") for n in range(9)]
    both.load(table, known(rows, AT[:1] * 9, orders="9"))
    before = both.rows("shop__orders")
    day = dt.date(2013, 1, 2)
    hashes = [day_hash(wh, "shop__orders", ("order_id",), day) for wh in both.each]
    again = both.load(table, known(rows, AT[1:2] * 9))
    of_day = both.load(table, known(rows, AT[1:2] * 9), day=day)
    assert [(a.loaded, a.known) for a in (*again, *of_day)] == [(0, 9), (0, 9), (0, 3), (0, 3)]
    assert both.rows("shop__orders") == before
    assert [day_hash(wh, "shop__orders", ("order_id",), day) for wh in both.each] == hashes
    assert [bookkeeping.positions(wh, "shop__orders") for wh in both.each] == [{"orders": "9"}] * 2


@pytest.mark.slow
def test_held_rows_are_repaired_and_replayed_alike(both):
    table = orders()
    both.load(table, batch([order(1), order("x"), order("y"), order("x")]), batch([order("x")], first=1))
    for wh in both.each:
        one, *_ = quarantine.held(wh, "shop__orders")
        quarantine.repair(wh, one.quarantine_id, {"order_id": 7})
        account = DeclaredLoader(source(orders=table)).replay(wh, table)
        assert (account.read, account.loaded, account.quarantined) == (3, 1, 2)
    assert both.is_same("shop__orders", without=("known_at", "event_at"))


@pytest.mark.slow
def test_added_columns_and_their_values_are_alike(both):
    table = orders(policy="evolve")
    both.load(table, known([order(1)], AT[:1]))
    both.load(
        table, known([{**order(1), "weight": 2.5, "tags": ["a"]}, {**order(2), "weight": None}], AT[1:2] * 2)
    )
    both.load(table, known([order(3)], AT[2:3]))
    assert both.is_same("shop__orders")


def test_what_postgres_refuses_by_a_constraint_is_refused_before_the_commit(bigquery_wh, monkeypatch):
    table = orders()
    with pytest.raises(WarehouseError, match="reconciles"), bigquery_wh.transaction():
        bookkeeping.ensure_books(bigquery_wh)
        bookkeeping.add_to_account(bigquery_wh, "shop__orders", "one", 3, 1, 1, 0)
    assert bigquery_wh.scalar("select count(*) from raw.intake_account") == 0
    from warehouse.loaders.intake.engines import bigquery as engine

    monkeypatch.setattr(engine, "fresh", lambda relation, table: "select l.* from landed as l")
    with pytest.raises(WarehouseError, match="would stand there twice"):
        for _ in range(2):
            Intake(bigquery_wh, source(orders=table), table).run([known([order(1)], AT[:1])])
    assert bigquery_wh.scalar("select count(*) from raw.shop__orders") == 1


def test_a_column_or_a_number_that_bigquery_has_not_is_refused_by_name(bigquery_wh):
    def load(declared: str, *rows):
        table = orders(columns=columns(declared))
        return Intake(bigquery_wh, source(orders=table), table).run([batch(rows)])

    with pytest.raises(LoadError, match="column größe cannot stand"):
        load("order_id bigint, größe text", order(1))
    with pytest.raises(LoadError, match="more digits than BigQuery keeps"):
        load("order_id bigint, amount numeric(60,40)", order(1))
    account = load("order_id bigint, amount numeric", order(1, amount="1e-39"))
    assert account.quarantined == 1 and "BIGNUMERIC" in quarantine.held(bigquery_wh)[0].reason
