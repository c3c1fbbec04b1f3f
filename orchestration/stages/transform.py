"""Transform: the dbt project as assets, in two ops: all that leads to the features, then what comes back
from the models.

Row counts, column types and column lineage are put on every table built. dbt's data tests are asset checks,
blocking where their severity is error. dbt's unit tests are about code, not data: `make test` runs them, a
build does not. Does not belong here: SQL.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import dbt_assets
from dagster_dbt.errors import DagsterDbtCliRuntimeError

from orchestration.column_lineage import ColumnLineage
from orchestration.dbt_compiled import build_arguments
from orchestration.dbt_resource import dbt_resource, fresh_target, read_ahead
from orchestration.dbt_translator import HouseTranslator
from orchestration.stages.house import STAGE_TAG, House, is_forced, run_window
from orchestration.stages.pictures import model_pictures
from orchestration.stages.score import champion_lineage
from warehouse.client import Warehouse, quote

# By name, not by path: dagster-dbt would look for a path in whatever folder the process happens to be.
AFTER_SCORING = "fqn:starhouse.staging.ml.* fqn:starhouse.scoring.* fqn:starhouse.reporting.*"
Producers = Mapping[dg.AssetKey, Sequence[dg.AssetKey]]


def transform_assets(manifest: Mapping[str, Any], producers: Producers) -> list[dg.AssetsDefinition]:
    """Both halves of the dbt project."""
    translator = HouseTranslator(producers)

    @dbt_assets(
        manifest=manifest,
        name="build_warehouse",
        exclude=AFTER_SCORING,
        dagster_dbt_translator=translator,
        op_tags={STAGE_TAG: "build"},
    )
    def build_warehouse(context: dg.AssetExecutionContext, house: House) -> Iterator[Any]:
        """Staging, star schema, marts and features."""
        yield from run_dbt(context, house, manifest, producers)

    @dbt_assets(
        manifest=manifest,
        name="build_reporting",
        select=AFTER_SCORING,
        dagster_dbt_translator=translator,
        op_tags={STAGE_TAG: "report"},
    )
    def build_reporting(context: dg.AssetExecutionContext, house: House) -> Iterator[Any]:
        """Predictions, quality and drift of the models, joined to the star schema."""
        yield from run_dbt(context, house, manifest, producers)

    return [build_warehouse, build_reporting]


def run_dbt(
    context: dg.AssetExecutionContext, house: House, manifest: Mapping[str, Any], producers: Producers
) -> Iterator[Any]:
    """`dbt build` of the selected models and tests, its events made richer."""
    settings = house.settings
    dbt = dbt_resource(settings)
    target = fresh_target(settings)
    lineage = ColumnLineage(manifest, settings, producers)
    with house.locked("build", context.run_id) as wh:
        ensure_model_tables(wh)
        invocation = dbt.cli(dbt_arguments(context), context=context, target_path=target)
        _import_while_dbt_works(context)
        try:
            for event in read_ahead(iter(invocation.stream())):
                if isinstance(event, dg.Output):
                    event = event.with_metadata(
                        {**event.metadata, **_metadata(wh, manifest, target, lineage, event)}
                    )
                yield event
        except DagsterDbtCliRuntimeError as error:
            raise dg.Failure(failure_text(target) or str(error)) from None


def _import_while_dbt_works(context: dg.AssetExecutionContext) -> None:
    """Import what the run's suites need: 3.4 s in which dbt's process works and this one would only wait.

    Here and not in a thread: two threads importing libraries that import each other can see half of one.
    """
    if any(node.name.startswith("check_") for node in context.job_def.nodes):
        import great_expectations  # noqa: F401


def dbt_arguments(context: dg.AssetExecutionContext) -> list[str]:
    """Arguments of the build."""
    own = build_arguments(context.run.job_name, run_window(context), is_forced(context))
    return ["build", "--exclude-resource-type", "unit_test", *own]


def failure_text(target: Path) -> str | None:
    """What failed in a dbt command, one line a node; None where dbt came to no node at all."""
    file = target / "run_results.json"
    if not file.exists():
        return None
    failed = [
        f"{result['unique_id'].split('.')[2]}: {' '.join(str(result['message']).split())}"
        for result in json.loads(file.read_text(encoding="utf-8"))["results"]
        if result["status"] in ("error", "fail")
    ]
    if not failed:
        return None
    return (
        f"dbt failed at {len(failed)} of its nodes; what depends on them was not built.\n"
        + "\n".join(failed[:20])
        + "\nWhere a model's columns changed, `starhouse run build --force` builds every table anew."
    )


def ensure_model_tables(wh: Warehouse) -> None:
    """Make the tables of schema `ml` that dbt reads as sources, empty where no model was ever trained."""
    from ml import registry
    from ml.spec import load_specs

    registry.ensure_schema(wh)
    for name in load_specs():
        registry.ensure_model(wh, name)


def _metadata(
    wh: Warehouse, manifest: Mapping[str, Any], target: Path, lineage: ColumnLineage, event: dg.Output
) -> dict[str, Any]:
    unique_id = event.metadata["unique_id"].value
    props = manifest["nodes"][unique_id]
    found: dict[str, Any] = {}
    if props["config"]["materialized"] != "view":  # counting a view runs it
        relation = quote(props["schema"], props["alias"])
        found["dagster/row_count"] = int(wh.scalar(f"select count(*) from {relation}"))
    if props["schema"] == "scoring":
        return found | champion_lineage(props)
    compiled = target / "compiled" / props["package_name"] / props["original_file_path"]
    if compiled.exists():
        found |= lineage.metadata(unique_id, compiled.read_text(encoding="utf-8"))
    return found | model_pictures(wh, props["schema"], props["alias"])
