"""Every statement that loads send to BigQuery is one that Google's analyzer takes, typed."""

from __future__ import annotations

import datetime as dt

import pyarrow as pa
import pytest

from tests.peers.recorded import judged, recording
from tests.warehouse.loaders.intake.declaring import orders, source
from tests.warehouse.loaders.intake.test_bigquery import AT, EVERY_KIND, full, known
from warehouse.loaders.intake import quarantine, watermarks
from warehouse.loaders.intake.intake import Intake
from warehouse.loaders.intake.loader import DeclaredLoader
from warehouse.loaders.intake.versions import day_hash


def everything(wh, history: str) -> None:
    """Two loads with rejects, an added column, deletions, a repair, a replay, and what is asked of them."""
    table = orders(
        columns=EVERY_KIND, history=history, event_at="placed_at", lateness_s=60.0, policy="evolve",
        known_at="placed_at" if history == "changes" else None, deletes=history == "snapshot",
    )  # fmt: skip
    shop = source(orders=table)
    keys = (lambda: pa.table({"order_id": [1, 2]})) if table.deletes else None
    rows = [full(1), full(2), full(2, customer="eve"), full("x")]
    Intake(wh, shop, table).run([known(rows, AT[:1] * 4, orders="4")], keys)
    Intake(wh, shop, table).run([known([full(1, extra={"a": 1}), full(3)], AT[1:2] * 2, orders="6")], keys)
    held, *_ = quarantine.held(wh, "shop__orders")
    quarantine.repair(wh, held.quarantine_id, {"order_id": 7})
    DeclaredLoader(shop).replay(wh, table)
    day_hash(wh, "shop__orders", table.key, dt.date(2013, 1, 2))
    assert watermarks.watermark(wh, "shop__orders")


@pytest.mark.slow
@pytest.mark.parametrize("history", ["snapshot", "events", "changes"])
def test_loads_of_declared_sources(bigquery_wh, judge, history):
    with recording(bigquery_wh) as kept:
        everything(bigquery_wh, history)
    count, wrong = judged(judge, kept)
    assert wrong == [] and count > 40
