"""What was known at an instant: later corrections and deletions are as if they had never come."""

from __future__ import annotations

import pyarrow as pa

from tests.warehouse.loaders.intake.declaring import batch, order, orders, source
from tests.warehouse.loaders.intake.tiny_project import TinyProject
from warehouse.loaders.intake.intake import Intake
from warehouse.loaders.intake.versions import newest_versions

SOURCES = "sources: [{name: shop, schema: raw, tables: [{name: orders, identifier: shop__orders}]}]"
AS_OF = """
{{ config(contract={'enforced': false}) }}
select order_id, customer
from {{ versions_as_of(source('shop', 'orders'), ['order_id'], "timestamptz '2013-01-0DAYT00:00Z'") }} as v
"""


def test_features_as_known_at_an_instant_ignore_what_came_later(wh, tmp_path):
    table = orders(history="changes", known_at="paid_at", deletes=True)

    def load(*rows, keys):
        Intake(wh, source(orders=table), table).run([batch(rows)], lambda: pa.table({"order_id": keys}))

    load(
        order(1, "first", paid_at="2013-01-01T00:00Z"),
        order(2, "two", paid_at="2013-01-02T00:00Z"),
        keys=[1, 2],
    )
    models = {f"staging/shop/stg_shop__day{n}.sql": AS_OF.replace("DAY", str(n)) for n in (1, 2, 4)}
    models["staging/shop/stg_shop__now.sql"] = (
        "{{ config(contract={'enforced': false}) }}\n"
        "select order_id, customer from {{ current_versions(source('shop', 'orders'), ['order_id']) }} as v"
    )
    project = TinyProject(wh.settings, tmp_path, {"staging/shop/_shop__sources.yml": SOURCES, **models})
    project.dbt("run")

    def seen(name):
        rows = wh.query(f"select order_id, customer from staging.stg_shop__{name} order by 1")
        return [tuple(row.values()) for row in rows]

    before = {name: seen(name) for name in ("day1", "day2")}
    assert before == {"day1": [(1, "first")], "day2": [(1, "first"), (2, "two")]}
    load(order(1, "corrected", paid_at="2013-01-03T00:00Z"), keys=[1])
    assert {name: seen(name) for name in before} == before
    assert seen("day4") == [(1, "corrected"), (2, "two")], "the deletion is known from its load on"
    assert seen("now") == [(1, "corrected")]
    # of versions known and loaded at one instant the later position counts, for the macro as for the loads
    rows = "event_at, known_at, is_deleted, sha256('other'), 'zz', loaded_at, load_id from raw.shop__orders"
    wh.execute(
        "insert into raw.shop__orders (order_id, customer, amount, paid_at, event_at, known_at, is_deleted, "
        "content_sha256, source_position, loaded_at, load_id) "
        f"select order_id, 'later in the file', amount, paid_at, {rows} where customer = 'corrected'"
    )
    newest = wh.query(f"{newest_versions('shop__orders', ['order_id'])} and not v.is_deleted")
    assert [(row["order_id"], row["customer"]) for row in newest] == seen("now") == [(1, "later in the file")]
    assert delete_nothing_but(wh, table, [1]) == 0


def delete_nothing_but(wh, table, keys: list[int]) -> int:
    """How many keys a load that finds these and no rows marks as deleted."""
    load = Intake(wh, source(orders=table), table)
    return load.run([], lambda: pa.table({"order_id": keys})).deleted


def test_a_snapshot_is_held_against_the_version_that_counts(wh):
    table = orders(event_at="paid_at")
    paid = "2013-01-01T00:00Z"
    Intake(wh, source(orders=table), table).run([batch([order(1, "ada", paid_at=paid)])])
    wh.execute(
        "update raw.shop__orders set known_at = '2013-01-01', loaded_at = '2013-01-01', source_position = 'a'"
    )
    names = "order_id, amount, paid_at, event_at, known_at, is_deleted, loaded_at, load_id"
    wh.execute(
        f"insert into raw.shop__orders ({names}, customer, content_sha256, source_position) "
        f"select {names}, 'bob', sha256('bob'), 'b' from raw.shop__orders"
    )
    again = Intake(wh, source(orders=table), table).run([batch([order(1, "ada", paid_at=paid)])])
    assert again.loaded == 1, "the newest version is that of the later position, bob's"
