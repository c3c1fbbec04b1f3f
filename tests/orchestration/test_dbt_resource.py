"""dbt without look-ups: the two private members that are overridden still are where dagster-dbt asks."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
from dagster_dbt import DbtCliResource

from orchestration.dbt_manifest import manifest_dir, project_hash
from orchestration.dbt_resource import QuietDbt, dbt_resource, fresh_target, read_ahead
from warehouse.client import Settings


def test_dagster_dbt_still_asks_the_two_overridden_members() -> None:
    for member in ("_cli_version", "_initialize_dbt_core_adapter"):
        assert member in vars(DbtCliResource), (
            f"dagster-dbt {version('dagster-dbt')} has no {member} any more"
        )
        assert member in vars(QuietDbt)


def test_the_version_is_the_installed_one(settings: Settings) -> None:
    assert str(dbt_resource(settings)._cli_version) == version("dbt-core")


def test_a_command_starts_dbt_alone(
    settings: Settings, server: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """dagster-dbt's own look-ups start a second dbt and an adapter first, which takes seconds."""
    resource, target = dbt_resource(settings), fresh_target(settings)
    started: list[list[str]] = []
    real = subprocess.Popen.__init__

    def noting(self, args, *rest, **named):
        started.append(list(args))
        real(self, args, *rest, **named)

    monkeypatch.setattr(subprocess.Popen, "__init__", noting)
    invocation = resource.cli(["--quiet", "list", "--select", "dim_date"], target_path=target)
    assert len(started) == 1 and "list" in started[0]
    assert invocation.adapter is None
    assert invocation.wait().process.returncode == 0


def test_the_project_is_parsed_once_for_each_state(settings: Settings) -> None:
    first = manifest_dir(settings)
    before = (first / "manifest.json").stat().st_mtime_ns
    assert manifest_dir(settings) == first
    assert (first / "manifest.json").stat().st_mtime_ns == before
    assert (fresh_target(settings) / "partial_parse.msgpack").exists()


def test_an_edit_changes_the_hash(settings: Settings, tmp_path: Path) -> None:
    from dataclasses import replace

    (tmp_path / "warehouse" / "models").mkdir(parents=True)
    (tmp_path / "warehouse" / "dbt_project.yml").write_text("name: x\n")
    model = tmp_path / "warehouse" / "models" / "a.sql"
    model.write_text("select 1")
    elsewhere = replace(settings, root=tmp_path)
    before = project_hash(elsewhere)
    model.write_text("select 2")
    assert project_hash(elsewhere) != before
    model.rename(model.with_name("b.sql"))
    assert project_hash(elsewhere) != before


def test_a_project_that_does_not_parse_says_so(settings: Settings, tmp_path: Path) -> None:
    from dataclasses import replace

    from warehouse.client import WarehouseError

    project = tmp_path / "warehouse"
    (project / "models").mkdir(parents=True)
    (project / "dbt_project.yml").write_text("name: broken\nprofile: starhouse\nconfig-version: 2\n")
    (project / "models" / "a.sql").write_text("select * from {{ ref('missing') }}")
    with pytest.raises(WarehouseError, match="missing"):
        manifest_dir(replace(settings, root=tmp_path))


def test_events_are_read_while_nobody_asks_for_them() -> None:
    read: list[int] = []

    def source() -> Iterator[int]:
        for number in range(5):
            read.append(number)
            yield number

    events = read_ahead(source())
    assert next(events) == 0
    deadline = time.monotonic() + 60
    while len(read) < 5 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert read == [0, 1, 2, 3, 4]
    assert list(events) == [1, 2, 3, 4]


def test_an_error_in_the_middle_reaches_the_reader() -> None:
    def source() -> Iterator[int]:
        yield 1
        raise ValueError("dbt ended with 2")

    events = read_ahead(source())
    assert next(events) == 1
    with pytest.raises(ValueError, match="dbt ended with 2"):
        next(events)
