"""What dbt would run, as compiled SQL: the reads behind each model and snapshot, in the order of the graph.

Belongs here: compiling into a folder of its own, and steps of it to be estimated. Does not belong here:
running models (`orchestration.dbt_resource`), estimating (`warehouse.client.cost`).
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from graphlib import TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestration.dbt_manifest import DBT, read_manifest
from warehouse.client import Settings, WarehouseError, subprocess_env, write_profile
from warehouse.client.cost import Step

if TYPE_CHECKING:
    from warehouse.client import Warehouse

BUILT = ("model", "snapshot")
AFTER_SCORING = ("scoring", "reporting")
SHOWN = 2000
READ_AT_COMPILATION = {"macro.starhouse.champion_scores": ("ml", "champion_sql")}
"""Tables that a macro reads while dbt compiles, which no graph of dbt shows."""


def build_arguments(job: str, window: tuple[date, date] | None, is_forced: bool) -> list[str]:
    """What a run adds to dbt's command.

    dbt finds the days that were loaded anew by itself, so a run names days only where they are to be built
    again: other vars than last time make dbt parse the whole project, 4 s.
    """
    arguments = ["--full-refresh"] if is_forced and not window else []
    if window and (is_forced or job == "build"):
        arguments += ["--vars", json.dumps({"start_date": str(window[0]), "end_date": str(window[1])})]
    return arguments


def build_steps(wh: Warehouse, settings: Settings, arguments: Sequence[str] = ()) -> list[Step]:
    """A step a model and snapshot. Compiling asks the database which tables are there, so that an incremental
    model shows the rows that its next run reads; what reads a source that is not there yet is not compiled,
    and unknown. `arguments` are those of `build_arguments`.

    Raises:
        WarehouseError: the project does not compile; with dbt's own words.
    """
    parsed = read_manifest(settings)
    absent = _absent(wh, parsed)
    made = _compiled(settings, [parsed["nodes"][key]["name"] for key in absent], arguments)
    prefix = f"{settings.database}_" if settings.engine == "bigquery" else ""
    return [step_of(node, prefix, absent.get(key)) for key, node in _in_order(made["nodes"])]


def _absent(wh: Warehouse, manifest: Mapping[str, Any]) -> dict[str, str]:
    """By model the first of its sources that is not in the warehouse."""
    sources = {key: (one["schema"], one["identifier"]) for key, one in manifest["sources"].items()}
    missing = {key: ".".join(place) for key, place in sources.items() if not wh.table_exists(*place)}
    chosen = {key: node for key, node in manifest["nodes"].items() if node["resource_type"] in BUILT}
    missing |= {key: ".".join(at) for key, at in READ_AT_COMPILATION.items() if not wh.table_exists(*at)}
    found = {}
    for key, node in chosen.items():
        reads = [*node["depends_on"]["nodes"], *node["depends_on"]["macros"]]
        first = next((one for one in reads if one in missing), None)
        if first is not None:
            found[key] = missing[first]
    return found


def _compiled(settings: Settings, without: Sequence[str], arguments: Sequence[str]) -> dict[str, Any]:
    """The manifest of a compilation of all models but some."""
    write_profile(settings)
    exclude = ["--exclude", *without] if without else []
    with tempfile.TemporaryDirectory(prefix="starhouse-compile-") as folder:
        env = subprocess_env(settings) | {"DBT_TARGET_PATH": folder, "DBT_LOG_PATH": folder}
        done = subprocess.run(
            [DBT, "compile", "--quiet", "--target", settings.env, *arguments, *exclude],
            cwd=settings.dbt_project_dir, env=env, capture_output=True, text=True, check=False,
        )  # fmt: skip
        manifest = Path(folder) / "manifest.json"
        if done.returncode or not manifest.exists():
            raise WarehouseError(
                f"The dbt project does not compile (exit {done.returncode}):\n{done.stdout[-SHOWN:]}"
                f"{done.stderr[-SHOWN:]}\nMend the file it names; check with `dbt compile` inside warehouse/."
            )
        return json.loads(manifest.read_text(encoding="utf-8"))


def step_of(node: Mapping[str, Any], prefix: str = "", absent: str | None = None) -> Step:
    """The step of one node of a manifest; `prefix` is what its schema has before the house's name of it,
    `absent` a source that is not there yet.
    """
    name = f"build {node['schema'].removeprefix(prefix)}.{node.get('alias') or node['name']}"
    kind = node["config"].get("materialized", "table")
    is_after_scoring = node["fqn"][1] in AFTER_SCORING or node["fqn"][1:3] == ["staging", "ml"]
    stage = "score" if is_after_scoring else "build"
    if absent is not None:
        return Step(stage, name, unknown=f"until {absent} is built")
    if kind == "view":
        return Step(stage, name, note="a view")
    note = "what is new, as of now" if kind in ("incremental", "snapshot") else ""
    return Step(stage, name, node["compiled_code"], note=note, is_own=True)


def _in_order(nodes: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Models and snapshots by key, each behind what it reads; of equals by name."""
    chosen = {
        key: node
        for key, node in sorted(nodes.items())
        if node["resource_type"] in BUILT and node["config"].get("materialized") != "ephemeral"
    }
    graph = {
        key: [one for one in node["depends_on"]["nodes"] if one in chosen] for key, node in chosen.items()
    }
    yield from ((key, chosen[key]) for key in TopologicalSorter(graph).static_order())
