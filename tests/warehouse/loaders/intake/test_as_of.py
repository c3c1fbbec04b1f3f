"""What was known at an instant: later corrections and deletions are as if they had never come."""

from __future__ import annotations

import pyarrow as pa

from tests.warehouse.loaders.intake.declaring import batch, order, orders, source
from tests.warehouse.loaders.intake.tiny_project import TinyProject
from warehouse.loaders.intake.intake import Intake

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
