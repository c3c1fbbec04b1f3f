"""A small star: crafted raw data in a database of its own, and dbt run on it within this process.

Belongs here: running dbt for the tests of this folder. Does not belong: expectations.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import create_database, drop_database
from tests.process_environment import environment
from tests.warehouse.dbt.small_raw import DAYS, FIRST_LOAD, create_raw, load_day, load_weather
from warehouse.client import Settings, Warehouse, open_warehouse

# What the star needs is below it; features and reporting have tests of their own.
NOT_THE_STAR = (
    "--exclude", "path:models/features", "path:models/scoring", "path:models/reporting",
    "path:models/staging/ml",
)  # fmt: skip


@dataclass
class SmallStar:
    """An open warehouse with a built star, and dbt on it."""

    wh: Warehouse
    settings: Settings
    folder: Path
    manifest: Any = None
    first: Any = None  # result of the first build

    def dbt(self, *arguments: str) -> Any:
        """Run dbt and return its result; parses the project at the first call only."""
        from dbt.cli.main import dbtRunner

        paths = ["--project-dir", str(self.settings.dbt_project_dir)]
        paths += ["--profiles-dir", str(self.settings.profiles_dir)]
        paths += ["--target-path", str(self.folder / "target"), "--log-path", str(self.folder / "logs")]
        with environment(STARHOUSE_DATABASE=self.settings.database):
            if self.manifest is None:
                parsed = dbtRunner().invoke(["--quiet", "parse", *paths])
                assert parsed.success, parsed.exception
                self.manifest = parsed.result
            return dbtRunner(manifest=self.manifest).invoke(["--quiet", *arguments, *paths])

    def build(self, *arguments: str) -> Any:
        """`dbt build` of the star; fails the test where a model or a test fails."""
        result = self.dbt("build", *(arguments or NOT_THE_STAR))
        assert result.success, failures(result)
        return result

    def run(self, *arguments: str) -> None:
        """`dbt run` of the star: the models without their tests."""
        result = self.dbt("run", *arguments, *NOT_THE_STAR)
        assert result.success, failures(result)

    def build_data(self, *arguments: str) -> Any:
        """The same without dbt's unit tests, which look at code only."""
        return self.build(*arguments, "--exclude-resource-type", "unit_test", *NOT_THE_STAR)


def failures(result: Any) -> str:
    if result.result is None:
        return str(result.exception)
    return "\n".join(
        f"{r.node.name}: {r.status} {r.message}" for r in result.result if r.status not in ("success", "pass")
    )


@pytest.fixture(scope="session")
def star(server: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallStar]:
    """The star built by plain `dbt build`, unit tests included, on two days of five flights. The tests
    that add days go on from what the ones before left; all others put back what they change.
    """
    own = replace(server, database="small_star")
    create_database(server, own.database)
    with open_warehouse(own) as wh:
        create_raw(wh)
        for day in DAYS[:2]:
            load_day(wh, day, FIRST_LOAD)
            load_weather(wh, day, FIRST_LOAD)
        made = SmallStar(wh, own, tmp_path_factory.mktemp("dbt"))
        made.first = made.build()
        yield made
    drop_database(server, own.database)
