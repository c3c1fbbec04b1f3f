"""The house of a few days, loaded and built once for the tests of this folder.

Belongs here: that fixture. Does not belong: what the tests do to the house.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.warehouse.features.feature_house import FeatureHouse, Rows
from warehouse.client import Settings


@pytest.fixture(scope="session")
def built_house(
    server: Settings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[FeatureHouse, dict[str, Rows]]]:
    """The house and its feature rows; its databases are dropped at the end of the session."""
    house = FeatureHouse(server, tmp_path_factory.mktemp("features"))
    house.load()
    house.build()
    rows = house.rows()
    house.keep()
    yield house, rows
    house.drop()


@pytest.fixture
def feature_house(built_house: tuple[FeatureHouse, dict[str, Rows]]) -> FeatureHouse:
    """The house as it was when built, whatever the test before did to it."""
    built_house[0].put_back()
    return built_house[0]


@pytest.fixture
def rows_as_built(built_house: tuple[FeatureHouse, dict[str, Rows]]) -> dict[str, Rows]:
    return built_house[1]
