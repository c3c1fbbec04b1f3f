"""A load into BigQuery killed at any milestone and run again gives what one that was never killed gives.

BigQuery is the emulator: it shows changes before their commit, and undoes them when the session that was left
open is ended, as the next holder of the killed load's lock does.
"""

from __future__ import annotations

import pytest

from tests.warehouse.loaders.intake import shops
from tests.warehouse.loaders.intake.killing import shorten_leases
from tests.warehouse.loaders.intake.test_kills import SOME, trial
from warehouse.client import connection_urls, open_warehouse
from warehouse.client.bigquery import lease
from warehouse.loaders.intake.milestones import MILESTONES

WITHIN_A_BATCH = [name for name in MILESTONES if name not in ("deletions written", "finished")]


@pytest.fixture(autouse=True)
def short_leases(monkeypatch):
    """Set back after the test."""
    for name in ("LEASE_SECONDS", "RENEW_SECONDS"):
        monkeypatch.setattr(lease, name, getattr(lease, name))
    shorten_leases()


@pytest.mark.slow
def test_files(monkeypatch, bigquery, tmp_path):
    trial(monkeypatch, bigquery, shops.Files(tmp_path), ["versions written"])


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.slow
def test_files_at_every_milestone_of_both_batches(monkeypatch, bigquery, tmp_path):
    names = [name for milestone in WITHIN_A_BATCH for name in (milestone, milestone)]
    assert len(names) == 20
    trial(monkeypatch, bigquery, shops.Files(tmp_path), names)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_database_whose_deletions_are_followed(monkeypatch, bigquery, fresh_database):
    origin = fresh_database()
    with open_warehouse(origin) as opened:
        shop = shops.Postgres(opened, connection_urls(origin).libpq)
        trial(monkeypatch, bigquery, shop, [*SOME, "deletions written", "finished"] * 2)
