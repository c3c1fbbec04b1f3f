"""A load killed at any milestone and run again gives what one that was never killed gives."""

from __future__ import annotations

from tests.warehouse.loaders.intake import shops
from tests.warehouse.loaders.intake.killing import faults, killed_load
from warehouse.client import connection_urls, open_warehouse
from warehouse.loaders.intake.loader import DeclaredLoader
from warehouse.loaders.intake.milestones import MILESTONES

SOME = ("landed", "versions written", "accounted", "committed")
"""Before, within, at the end of and after a batch's transaction."""


def trial(monkeypatch, settings, shop, milestones):
    """One kill a milestone, each after something was added, and each healed by the next load."""
    for name, value in shop.environment.items():
        monkeypatch.setenv(name, value)
    loader = DeclaredLoader(shop.source)
    with open_warehouse(settings) as wh:
        for number, milestone in enumerate(milestones):
            shop.add()
            assert killed_load(settings, shop, milestone, nth=1 + number % 2 * (not shop.is_one_batch))
            loader.load(settings)
            assert faults(wh, shop) == [], f"after a kill at {milestone!r}"


def test_files(monkeypatch, fresh_database, tmp_path):
    names = [name for name in MILESTONES if name not in ("deletions written", "finished")]
    trial(monkeypatch, fresh_database(), shops.Files(tmp_path), names)


def test_a_database(monkeypatch, fresh_database):
    settings = fresh_database()
    origin = fresh_database()
    with open_warehouse(origin) as opened:
        shop = shops.Postgres(opened, connection_urls(origin).libpq)
        trial(monkeypatch, settings, shop, [*SOME, "deletions written", "finished"])


def test_a_broker(monkeypatch, fresh_database, broker):
    trial(monkeypatch, fresh_database(), shops.Kafka(broker), SOME)


def test_a_fault_would_be_seen(monkeypatch, fresh_database, tmp_path):
    settings, shop = fresh_database(), shops.Files(tmp_path)
    trial(monkeypatch, settings, shop, [])
    shop.add()
    DeclaredLoader(shop.source).load(settings)
    with open_warehouse(settings) as wh:
        assert faults(wh, shop) == []
        wh.execute("update raw.shop__orders set is_deleted = true where order_id = 1")
        names = "order_id, customer, event_at, known_at, content_sha256, source_position, loaded_at, load_id"
        wh.execute(
            f"insert into raw.shop__orders ({names}) select {names} from raw.shop__orders where order_id = 1"
        )
        wh.execute("delete from raw.shop__orders where order_id = 2")
        wh.execute("delete from raw.quarantine")
        assert len(faults(wh, shop)) == 3
