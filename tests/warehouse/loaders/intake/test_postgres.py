"""Tables of a second Postgres server: whole, by cursor, with deletions."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from tests.warehouse.loaders.intake.declaring import columns, orders, source
from warehouse.client import WarehouseError, connection_urls, open_warehouse, start_server, stop_server
from warehouse.client.settings import Secret
from warehouse.loaders.declaration import LoadError
from warehouse.loaders.intake import bookkeeping
from warehouse.loaders.intake.connectors import postgres
from warehouse.loaders.intake.intake import Intake

DECLARED = columns(
    "order_id bigint, customer text, amount numeric(10,2), updated_at timestamptz, tags jsonb, day date"
)
CREATE = """
create table orders (order_id bigint primary key, customer varchar(20), amount numeric(10,2),
                     updated_at timestamptz, tags jsonb, day date, extra uuid);
insert into orders
select n, 'c' || n, n / 100.0, '2013-01-01'::timestamptz + n * interval '1 hour', '{"n": [1, null]}',
       '2013-01-01'
from generate_series(1, 100) as n"""


@pytest.fixture(scope="module")
def shop(settings):
    """A second server with a table of orders: its warehouse object, and its address."""
    home = Path(tempfile.mkdtemp(prefix="starhouse-shop-"))
    home.chmod(0o755)
    other = replace(settings, home=home, database="shop")
    start_server(other)
    with open_warehouse(other) as opened:
        yield opened, Secret(connection_urls(other).libpq)
    stop_server(other)
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def table(shop):
    shop[0].execute("drop table if exists orders")
    shop[0].execute(CREATE)
    return orders(columns=DECLARED, history="changes", known_at="updated_at", cursor="updated_at")


def load(wh, shop, table):
    declared = source("postgres", orders=table)
    bookkeeping.ensure_books(wh)
    known = bookkeeping.positions(wh, "shop__orders")
    keys = lambda: postgres.keys(declared, table, shop[1])  # noqa: E731
    return Intake(wh, declared, table).run(postgres.read(declared, table, shop[1], known), keys)


def test_every_value_arrives_as_it_is(wh, shop, table):
    account = load(wh, shop, table)
    assert (account.read, account.loaded, account.quarantined) == (100, 100, 0)
    both = "select order_id, customer, amount, updated_at, tags, day from {} order by 1"
    assert wh.query(both.format("raw.shop__orders")) == shop[0].query(both.format("orders"))
    assert [v.subject for v in account.verdicts if v.is_breach] == ["extra"]


def test_by_cursor_only_what_is_new_is_read_again(wh, shop, table):
    load(wh, shop, table)
    shop[0].execute("update orders set customer = 'new', updated_at = '2013-02-01' where order_id = 7")
    account = load(wh, shop, table)
    assert (account.read, account.loaded) == (2, 1), "the last one seen is read again, and known"
    late = "insert into orders (order_id, updated_at) values (900, '2013-01-31 23:55Z')"
    shop[0].execute(late)
    assert load(wh, shop, table).loaded == 1, "a commit that came late lies within the lookback"


def test_deleted_rows_are_found_by_their_keys(wh, shop, table):
    table = replace(table, deletes=True)
    load(wh, shop, table)
    shop[0].execute("delete from orders where order_id <= 3")
    assert load(wh, shop, table).deleted == 3
    current = "select count(*) from (select distinct on (order_id) * from raw.shop__orders " \
              "order by order_id, known_at desc, loaded_at desc) as v where not is_deleted"  # fmt: skip
    assert wh.scalar(current) == 97


def test_what_is_wrong_is_said_without_the_password(wh, shop, table):
    declared = source("postgres", orders=replace(table, read="nowhere.orders"))
    with pytest.raises(LoadError, match=r"no such relation.*nowhere.orders"):
        list(postgres.read(declared, declared.tables[0], shop[1], {}))
    gone = Secret("postgresql://owner:canary@127.0.0.1:9/shop")
    with pytest.raises(WarehouseError, match="Reading the source failed") as fault:
        list(postgres.read(declared, declared.tables[0], gone, {}))
    assert "canary" not in str(fault.value)


def test_the_source_cannot_be_written(shop):
    from warehouse.client.source_database import SourceDatabase

    with pytest.raises(WarehouseError, match="read-only"):
        SourceDatabase(shop[1]).query("create table intruder (a int)")
