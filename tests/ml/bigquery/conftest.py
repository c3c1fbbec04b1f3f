"""The judge of BigQuery text as a warehouse, and rows in both warehouses.

Belongs here: loading. Does not belong here: a test.
"""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pytest

from tests.peers import zetasql
from warehouse.client import Warehouse
from warehouse.client.googlesql import TranslatedWarehouse

Load = Callable[[str, pa.Table], None]


@pytest.fixture
def judged(judge: zetasql.ZetaSql) -> TranslatedWarehouse:
    return TranslatedWarehouse(judge)


@pytest.fixture
def load(rows_wh: Warehouse, request: pytest.FixtureRequest) -> Load:
    """Put a table `s.<name>` into Postgres and into each peer that the test uses."""
    peers = [request.getfixturevalue(name) for name in ("judge", "emulator") if name in request.fixturenames]

    def loaded(name: str, table: pa.Table) -> None:
        rows_wh.execute("create schema if not exists s")
        rows_wh.load_arrow("s", name, table, "replace")
        for peer in peers:
            peer.load(f"s.{name}", table)

    return loaded
