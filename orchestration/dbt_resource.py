"""dbt as the stages run it: one quiet subprocess, none of dagster-dbt's own look-ups.

dagster-dbt starts `dbt --version` before every command and opens its own database handle for metadata: 3.5
s and 1.1 s measured. The version is known from the installed package, and the metadata come from the
contracts of the project (`column_lineage`) and from our own connection. Both overrides are of private
members: a test holds them in place.
"""

from __future__ import annotations

import queue
import shutil
import threading
import uuid
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from dagster_dbt import DbtCliResource

from orchestration.dbt_manifest import DBT, manifest_dir
from warehouse.client import Settings, export_environment, write_profile

KEPT_TARGETS = 5


class QuietDbt(DbtCliResource):
    """`DbtCliResource` that asks neither dbt for its version nor the database for columns."""

    @cached_property
    def _cli_version(self) -> Any:
        from dagster_dbt.compat import DBT_PYTHON_VERSION

        return DBT_PYTHON_VERSION

    def _initialize_dbt_core_adapter(self, args: Sequence[str]) -> None:
        return None


def dbt_resource(settings: Settings) -> QuietDbt:
    """dbt for this house; writes its profile and sets the environment that dbt's process will inherit."""
    write_profile(settings)
    export_environment(settings)
    return QuietDbt(
        project_dir=str(settings.dbt_project_dir),
        profiles_dir=str(settings.profiles_dir),
        target=settings.env,
        dbt_executable=DBT,
    )


def fresh_target(settings: Settings) -> Path:
    """A target folder for one dbt command, holding the parsed project so that dbt does not parse it again."""
    runs = Path(settings.home) / "dbt" / "targets"
    runs.mkdir(parents=True, exist_ok=True)
    old = sorted((p for p in runs.iterdir() if p.is_dir()), key=lambda p: p.stat().st_mtime, reverse=True)
    for folder in old[KEPT_TARGETS:]:
        shutil.rmtree(folder, ignore_errors=True)
    target = runs / uuid.uuid4().hex[:12]
    target.mkdir()
    parsed = manifest_dir(settings) / "partial_parse.msgpack"
    if parsed.exists():
        shutil.copy(parsed, target / parsed.name)
    return target


def read_ahead(events: Iterator[Any]) -> Iterator[Any]:
    """The same events, read in a thread: dbt stops when nobody reads its output, and we look at each event
    a while.
    """
    done = object()
    waiting: queue.Queue[Any] = queue.Queue()

    def read() -> None:
        try:
            for event in events:
                waiting.put((event, None))
            waiting.put((done, None))
        except BaseException as error:  # handed to the reader below, which raises it
            waiting.put((done, error))

    threading.Thread(target=read, name="dbt-events", daemon=True).start()
    while True:
        event, error = waiting.get()
        if error is not None:
            raise error
        if event is done:
            return
        yield event
