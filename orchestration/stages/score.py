"""Score: the champion's predictions for the flights of the run's window, into `ml.prd_<model>`.

A window scored again is replaced in one transaction. Does not belong here: how a score is computed
(`ml.score`).
"""

from typing import Any

import dagster as dg

from ml.spec import ModelSpec
from orchestration.dbt_translator import follow_upstream
from orchestration.stages.house import STAGE_TAG, House, run_window, teller
from orchestration.stages.model_keys import champion_key, owner_of, prediction_key
from orchestration.svg import bars
from warehouse.client import Warehouse, quote


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
        with house.locked(f"score:{spec.name}") as wh:
            result = score(wh, spec, start=start, end=end, progress=teller(context))
            metadata = _metadata(wh, spec)
        return dg.MaterializeResult(
            metadata=metadata
            | {
                "scored_rows": result.rows,
                "version": result.version,
                "bytes_out": result.bytes_out,
                "bytes_in": result.bytes_in,
            }
        )

    return [predictions]


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
