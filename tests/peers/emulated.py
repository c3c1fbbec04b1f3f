"""Fixtures of a warehouse on BigQuery: the emulator, started once a session, and an empty place on it; or,
where STARHOUSE_TEST_BIGQUERY_URL names one, an empty place in a real project.

Belongs here: what tests of several folders share. Does not belong here: the emulator's process.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.peers.bqemulator import REQUIREMENTS, BqEmulator
from tests.peers.environment import peer_or_skip
from tests.process_environment import environment
from warehouse.client import Settings, Warehouse, load_settings, open_warehouse

REAL_PROJECT = "STARHOUSE_TEST_BIGQUERY_URL"
"""Off by default: `bigquery://project/dataset` of a project that tests may make datasets in, at its cost."""


@pytest.fixture(scope="session")
def emulator() -> Iterator[BqEmulator]:
    """BigQuery's interface over another engine."""
    with BqEmulator(peer_or_skip("bqemulator", REQUIREMENTS)) as engine:
        yield engine


@pytest.fixture
def bigquery(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    """Settings of an empty warehouse: a prefix of datasets that nobody else uses. In a real project they are
    deleted after the test.
    """
    real = os.environ.get(REAL_PROJECT)
    with environment():  # commands put their warehouse into it
        if not real:
            yield _settings_on(request.getfixturevalue("emulator"), tmp_path)
            return
        settings = load_settings(env="test", home=tmp_path, database=_prefix(), warehouse_url=real)
        yield settings
        _delete_datasets(settings)


@pytest.fixture
def emulated(emulator: BqEmulator, tmp_path: Path) -> Iterator[Settings]:
    """Settings of an empty warehouse on the emulator, also where a real project is named: for what is said of
    the emulator alone.
    """
    with environment():  # commands put their warehouse into it
        yield _settings_on(emulator, tmp_path)


def _settings_on(emulator: BqEmulator, home: Path) -> Settings:
    prefix = _prefix()
    url = f"bigquery://{emulator.project}/{prefix}?endpoint={emulator.rest_url}"
    url += f"&storage_endpoint={emulator.grpc_address}"
    return load_settings(env="test", home=home, database=prefix, warehouse_url=url)


def _prefix() -> str:
    return f"t_{uuid.uuid4().hex[:12]}"


def _delete_datasets(settings: Settings) -> None:
    with open_warehouse(settings) as warehouse:
        client = warehouse.google_client
        for dataset in client.list_datasets():
            if dataset.dataset_id.startswith(f"{settings.database}_"):
                client.delete_dataset(dataset.reference, delete_contents=True, not_found_ok=True)


@pytest.fixture
def bigquery_wh(bigquery: Settings) -> Iterator[Warehouse]:
    """An open warehouse on it."""
    with open_warehouse(bigquery) as warehouse:
        yield warehouse
