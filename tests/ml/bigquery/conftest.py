"""The two judges of BigQuery text as engines, started once for the session, and rows in both warehouses.

Belongs here: the peers' fixtures, loading. Does not belong here: a test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pyarrow as pa
import pytest

from tests.peers import zetasql
from tests.peers.environment import peer_or_skip
from warehouse.client import Warehouse
from warehouse.client.googlesql import TranslatedWarehouse

Load = Callable[[str, pa.Table], None]


@pytest.fixture(scope="session")
def judge() -> Iterator[zetasql.ZetaSql]:
    """Google's analyzer and evaluator."""
    with zetasql.ZetaSql(peer_or_skip("zetasql", zetasql.REQUIREMENTS)) as engine:
        yield engine


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
