"""Fixtures of a warehouse on BigQuery: the emulator, started once a session, and an empty place on it.

Belongs here: what several folders' tests share. Does not belong here: the emulator's process.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.peers.bqemulator import REQUIREMENTS, BqEmulator
from tests.peers.environment import peer_or_skip
from warehouse.client import Settings, Warehouse, load_settings, open_warehouse


@pytest.fixture(scope="session")
def emulator() -> Iterator[BqEmulator]:
    """BigQuery's interface over another engine."""
    with BqEmulator(peer_or_skip("bqemulator", REQUIREMENTS)) as engine:
        yield engine


@pytest.fixture
def bigquery(emulator: BqEmulator, tmp_path: Path) -> Settings:
    """Settings of an empty warehouse on the emulator: a prefix of datasets that nobody else uses."""
    prefix = f"t_{uuid.uuid4().hex[:12]}"
    url = f"bigquery://{emulator.project}/{prefix}?endpoint={emulator.rest_url}"
    return load_settings(env="test", home=tmp_path, database=prefix, warehouse_url=url)


@pytest.fixture
def bigquery_wh(bigquery: Settings) -> Iterator[Warehouse]:
    """An open warehouse on it."""
    with open_warehouse(bigquery) as warehouse:
        yield warehouse
