"""A dbt project of a few models in a folder of its own, with the macros of the house.

Belongs here: writing and running it. Does not belong: expectations.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.warehouse.dbt.conftest import environment, failures
from warehouse.client import Settings


class TinyProject:
    """dbt on `settings.database`; `models` are texts by path below models/."""

    def __init__(self, settings: Settings, folder: Path, models: Mapping[str, str]) -> None:
        self.settings, self.folder = settings, folder
        shutil.copytree(settings.dbt_project_dir / "macros", folder / "macros")
        project = yaml.safe_load((settings.dbt_project_dir / "dbt_project.yml").read_text())
        (folder / "dbt_project.yml").write_text(yaml.safe_dump({**project, "test-paths": ["data_tests"]}))
        for path, text in models.items():
            (folder / "models" / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / "models" / path).write_text(text)
        self._manifest: Any = None

    @property
    def staging(self) -> Path:
        return self.folder / "models" / "staging"

    def dbt(self, *arguments: str) -> Any:
        """Run dbt; fails where a node fails. The project is parsed once."""
        from dbt.cli.main import dbtRunner

        paths = ["--project-dir", str(self.folder), "--profiles-dir", str(self.settings.profiles_dir)]
        paths += ["--target-path", str(self.folder / "target"), "--log-path", str(self.folder / "logs")]
        with environment(STARHOUSE_DATABASE=self.settings.database):
            if self._manifest is None:
                parsed = dbtRunner().invoke(["--quiet", "parse", *paths])
                assert parsed.success, parsed.exception
                self._manifest = parsed.result
            done = dbtRunner(manifest=self._manifest).invoke(["--quiet", *arguments, *paths])
        assert done.success, failures(done)
        return done
