"""The small star on the database of a module, for tests of trainers.

Belongs here: the fixture. Does not belong here: rows and assertions.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ml.warehouse_star import WarehouseStar
from warehouse.client import Warehouse


@pytest.fixture(scope="module")
def star(rows_wh: Warehouse, tmp_path_factory: pytest.TempPathFactory) -> WarehouseStar:
    """Built once for a module."""
    folder: Path = tmp_path_factory.mktemp("star")
    return WarehouseStar(rows_wh, folder)
