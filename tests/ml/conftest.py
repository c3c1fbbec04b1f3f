"""One database for all the tests of a module: each makes tables of its own, or replaces the last ones.

Belongs here: fixtures that several folders of ML tests share. Does not belong here: rows and assertions.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.conftest import create_database, drop_database
from warehouse.client import Settings, Warehouse, open_warehouse


@pytest.fixture(scope="module")
def rows_wh(server: Settings) -> Iterator[Warehouse]:
    """An open warehouse that the tests of one module share."""
    own = replace(server, database=f"t_{uuid.uuid4().hex[:12]}")
    create_database(server, own.database)
    with open_warehouse(own) as warehouse:
        yield warehouse
    drop_database(server, own.database)
