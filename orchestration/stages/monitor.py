"""Monitor: the drift of every feature and of the score against the training window, into `ml.mon_<model>`.

The check beside it warns where drift calls for training again; it blocks nothing, for predictions stay what
they are. Does not belong here: the statistics (`ml.drift`), or starting the retraining
(`stages.automation`).
"""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from ml.spec import ModelSpec
from orchestration.dbt_translator import follow_upstream
from orchestration.stages.house import STAGE_TAG, House, teller
from orchestration.stages.model_keys import monitor_key, owner_of, prediction_key
from orchestration.stages.model_pages import drift_metadata
from orchestration.stages.retraining import has_drifted

NO_ALERT = "no_drift_alert"


def monitor_assets(spec: ModelSpec) -> list[dg.AssetsDefinition]:
    """The drift of one model."""
    key = monitor_key(spec.name)
    check = dg.AssetCheckSpec(
        NO_ALERT,
        asset=key,
        blocking=False,
        description="Nothing that matters to the model has drifted in several windows, the calendar aside.",
    )

    @dg.asset(
        key=key,
        deps=[prediction_key(spec.name)],
        group_name="monitoring",
        owners=[owner_of(spec.owner)],
        kinds={"postgres"},
        op_tags={STAGE_TAG: "monitor"},
        check_specs=[check],
        automation_condition=follow_upstream(),
        description=f"One row per feature or score of {spec.name} and month: its shift since training.",
    )
    def drift(context: dg.AssetExecutionContext, house: House) -> Iterator[Any]:
        from ml.drift import monitor

        with house.locked(f"monitor:{spec.name}", context.run_id) as wh:
            result = monitor(wh, spec)
            metadata = drift_metadata(wh, spec.name)
            alerted = has_drifted(wh, spec)
        teller(context)(f"{spec.name}: {'drift calls for retraining' if alerted else 'no drift alert'}")
        yield dg.MaterializeResult(metadata=metadata | {"dagster/row_count": result.rows})
        yield dg.AssetCheckResult(
            check_name=NO_ALERT,
            passed=not alerted,
            severity=dg.AssetCheckSeverity.WARN,
            description="Drift calls for training again: the retraining sensor will ask for it."
            if alerted
            else "No alert.",
            metadata={"drifted": ", ".join(result.drifted_features) or "nothing"},
        )

    return [drift]
