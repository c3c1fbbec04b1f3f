"""Package: the endpoint of each champion, proven before anyone calls it.

The stored artifact is verified and loaded as the service will load it, and asked about flights that were
scored in the batch: it must give the same numbers, bit for bit. Does not belong here: the service
(`serving`).
"""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from ml.spec import ModelSpec
from orchestration.dbt_translator import follow_upstream
from orchestration.stages.house import STAGE_TAG, House
from orchestration.stages.model_keys import endpoint_key, owner_of, prediction_key
from warehouse.client import Warehouse, quote

ONE_ANSWER = "one_answer"
ASKED_ROWS = 200


def package_assets(spec: ModelSpec) -> list[dg.AssetsDefinition]:
    """The endpoint of one model."""
    key = endpoint_key(spec.name)
    check = dg.AssetCheckSpec(
        ONE_ANSWER,
        asset=key,
        blocking=True,
        description=f"The artifact gives for {ASKED_ROWS} flights what the batch stored, bit for bit.",
    )

    @dg.asset(
        key=key,
        deps=[prediction_key(spec.name)],
        group_name="serving",
        owners=[owner_of(spec.owner)],
        kinds={"bentoml"},
        op_tags={STAGE_TAG: "package"},
        check_specs=[check],
        automation_condition=follow_upstream(),
        description=f"POST /{spec.endpoint}/predict and /{spec.endpoint}/predict_by_flight.",
    )
    def endpoint(context: dg.AssetExecutionContext, house: House) -> Iterator[Any]:
        from ml.predictor import Predictor

        with house.locked(f"package:{spec.name}", context.run_id) as wh:
            predictor = Predictor.load(wh, spec)
            asked, different = compare_answers(wh, spec, predictor)
        yield dg.MaterializeResult(
            metadata={
                "paths": f"/{spec.endpoint}/predict, /{spec.endpoint}/predict_by_flight",
                "version": predictor.version,
                "artifact_sha256": predictor.sha256,
                "asked": asked,
                "start_with": "starhouse serve",
            }
        )
        yield one_answer(asked, different)

    return [endpoint]


def one_answer(asked: int, different: int) -> dg.AssetCheckResult:
    """The verdict: at least one flight was asked about, and no answer differs."""
    return dg.AssetCheckResult(
        check_name=ONE_ANSWER,
        passed=asked > 0 and different == 0,
        severity=dg.AssetCheckSeverity.ERROR,
        description=f"{asked - different} of {asked} answers equal the stored predictions.",
        metadata={"asked": asked, "different": different},
    )


def compare_answers(wh: Warehouse, spec: ModelSpec, predictor: Any) -> tuple[int, int]:
    """Number of flights asked about, and of those whose answer is not the stored score.

    The flights are the first by key, which is a hash: as good as drawn by chance, and the same every time.
    """
    from ml.feature_query import feature_sql

    stored = quote(*prediction_key(spec.name).path)
    key = quote(spec.key_column)
    rows = wh.fetch_arrow(
        f"select f.*, p.score as stored_score from ({feature_sql(spec)}) as f "
        f"join (select {key}, score from {stored} where model_version = {int(predictor.version)} "
        f"order by {key} limit {ASKED_ROWS}) as p using ({key})"
    )
    answers = predictor.predict(rows.drop_columns(["stored_score"])).column("score").to_pylist()
    expected = rows.column("stored_score").to_pylist()
    return len(expected), sum(one != other for one, other in zip(answers, expected, strict=True))
