"""Score: the champion's predictions for the flights of the run's window, into `ml.prd_<model>`.

Only what changed since the last scoring is scored, in the warehouse or in a stream as the measured plan says;
choice, reason and bytes stand in the metadata. Does not belong here: how a score is computed
(`ml.score`).
"""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from ml.spec import ModelSpec
from orchestration.dbt_translator import follow_upstream
from orchestration.stages.house import STAGE_TAG, House, run_window, teller
from orchestration.stages.model_keys import champion_key, owner_of, prediction_key
from orchestration.svg import bars
from warehouse.client import Warehouse, quote

ENGINE_TAG = "starhouse/score_engine"  # warehouse, stream or auto: overrides the declaration


def score_assets(spec: ModelSpec) -> list[dg.AssetsDefinition]:
    """The predictions of one model."""
    features = [dg.AssetKey(table.split(".")) for table in spec.feature_tables]

    @dg.asset(
        key=prediction_key(spec.name),
        deps=[champion_key(spec.name), *features],
        group_name="predictions",
        owners=[owner_of(spec.owner)],
        kinds={"postgres"},
        op_tags={STAGE_TAG: "score"},
        automation_condition=follow_upstream(),
        description=f"One row per scored {spec.entity}: what the champion of {spec.name} predicted.",
    )
    def predictions(context: dg.AssetExecutionContext, house: House) -> dg.MaterializeResult:
        from ml.score import score

        start, end = run_window(context) or (None, None)
        with house.locked(f"score:{spec.name}", context.run_id) as wh:
            result = score(
                wh, spec, start=start, end=end, progress=teller(context),
                engine=context.run.tags.get(ENGINE_TAG),
            )  # fmt: skip
            metadata = _metadata(wh, spec)
        return dg.MaterializeResult(metadata=metadata | _of_run(result) | _lineage(spec))

    return [predictions]


def _of_run(result: Any) -> dict[str, Any]:
    """What was scored and how, beside what the plan expected."""
    plan = result.plan
    expected = {"warehouse": plan.warehouse_seconds, "stream": plan.stream_seconds}[plan.engine]
    return {
        "version": result.version,
        "window_rows": result.rows,
        "scored_rows": result.scored_rows,
        "removed_rows": result.removed_rows,
        "engine": plan.engine,
        "reason": plan.reason,
        "engine_seconds": result.engine_seconds,
        "bytes_out": result.bytes_out,
        "bytes_in": result.bytes_in,
        **({} if expected is None else {"estimated_seconds": expected}),
    }


def _lineage(spec: ModelSpec) -> dict[str, Any]:
    """Every answer depends on every declared feature."""
    features = [
        dg.TableColumnDep(dg.AssetKey(feature.table.split(".")), feature.name) for feature in spec.features
    ]
    columns = dict.fromkeys(("margin", "score", "is_positive"), features)
    return {"dagster/column_lineage": dg.TableColumnLineage(deps_by_column=columns)}


def champion_lineage(props: Mapping[str, Any]) -> dict[str, Any]:
    """The column lineage of a champion's view, from the declaration: its SQL is too long to be traced."""
    from ml.spec import load_specs

    spec = load_specs().get(props["name"].removeprefix("scr_"))
    return _lineage(spec) if spec else {}


def _metadata(wh: Warehouse, spec: ModelSpec) -> dict[str, Any]:
    table = quote(*prediction_key(spec.name).path)
    total = wh.scalar(f"select count(*) from {table}")
    rows = wh.query(
        f"""with ends as (select min(score) as low, max(score) as high from {table})
            select least(floor(20 * (score - low) / nullif(high - low, 0)), 19)::int as bin,
                   min(score) as lowest, count(*) as rows
            from {table} cross join ends group by 1 order by 1"""
    )
    drawn = bars(
        "Scores: how many of each size",
        [f"{row['lowest']:.2f}" for row in rows],
        [row["rows"] for row in rows],
    )
    return {"dagster/row_count": int(total), "scores": dg.MetadataValue.md(drawn)}
