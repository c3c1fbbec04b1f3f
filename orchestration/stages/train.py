"""Train: for each declared model its training set, a fitted version with its verdict, and the champion.

One op builds the training set and fits every contender on it (`stages.contenders`), with the gates of the
one that is put up as a blocking check: versions that fail are registered and kept, but nothing downstream of
them runs, so the champion that stands is not touched.
Promotion is an op of its own and asks the registry, which refuses what its gates refused. Does not belong
here: statistics, or SQL of the registry.
"""

import hashlib
from collections.abc import Iterator
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import dagster as dg

from ml.spec import ModelSpec
from orchestration.dbt_translator import follow_upstream
from orchestration.stages.contenders import Outcome, train_contenders
from orchestration.stages.house import STAGE_TAG, House, is_forced, teller
from orchestration.stages.model_keys import champion_key, fitted_key, owner_of, training_key
from orchestration.stages.model_pages import fitted_metadata, gate_table, gate_text
from orchestration.stages.retraining import rolled_split
from orchestration.stages.standing import candidate_version, was_promoted

PARITY_TEXT = (
    "The model document gives the same 64 bits as SQL, in NumPy, row by row in Python and over HTTP, on "
    "stored, random and adversarial rows: thresholds and neighbours, missing, infinite, denormal numbers."
)
UNTIL_TAG = "starhouse/train_until"  # last day of the test window of a rolled split
GATES = "gates"
PARITY = "parity"


@cache
def code_version() -> str:
    """The package's version and a hash of the code a fitted model comes from."""
    import ml

    digest = hashlib.sha256()
    for file in sorted(Path(ml.__file__).parent.rglob("*.py")):
        digest.update(file.read_bytes())
    from importlib.metadata import version

    return f"{version('starhouse')}+{digest.hexdigest()[:12]}"


def train_assets(spec: ModelSpec) -> list[dg.AssetsDefinition]:
    """The assets of one model up to its champion."""
    return [_training(spec), _promotion(spec)]


def _training(spec: ModelSpec) -> dg.AssetsDefinition:
    trn, mdl = _training_specs(spec)
    checks = [
        dg.AssetCheckSpec(GATES, asset=mdl.key, blocking=True, description=gate_text(spec)),
        dg.AssetCheckSpec(PARITY, asset=mdl.key, blocking=True, description=PARITY_TEXT),
    ]

    @dg.multi_asset(
        name=f"train_{spec.name}", specs=[trn, mdl], check_specs=checks, op_tags={STAGE_TAG: "train"}
    )
    def training(context: dg.AssetExecutionContext, house: House) -> Iterator[Any]:
        declared, until = spec, context.run.tags.get(UNTIL_TAG)
        if until:
            declared = spec.model_copy(update={"split": rolled_split(spec, date.fromisoformat(until))})
        with house.locked(f"train:{spec.name}", context.run_id) as wh:
            outcome = train_contenders(wh, declared, is_forced(context), code_version(), teller(context))
            page = fitted_metadata(wh, declared, outcome.version, outcome.is_reused, outcome.contest)
        yield dg.MaterializeResult(asset_key=trn.key, metadata=_training_metadata(outcome.training_set))
        yield dg.MaterializeResult(asset_key=mdl.key, metadata=page)
        yield _verdict(mdl.key, outcome)
        yield _parity(mdl.key, outcome)

    return training


def _training_specs(spec: ModelSpec) -> tuple[dg.AssetSpec, dg.AssetSpec]:
    """The training set and the fitted version."""
    features = [dg.AssetKey(table.split(".")) for table in spec.feature_tables]
    owners = [owner_of(spec.owner)]
    trn = dg.AssetSpec(
        training_key(spec.name),
        deps=[*features, dg.AssetKey(spec.label.table.split("."))],
        group_name="training",
        owners=owners,
        kinds={"postgres"},
        description=f"One row per labelled {spec.entity} of the model {spec.name}: features as known "
        f"{spec.prediction_point}, the label, and whether the row trains or tests.",
    )
    mdl = dg.AssetSpec(
        fitted_key(spec.name),
        deps=[trn.key],
        group_name="models",
        owners=owners,
        kinds={"scikitlearn", "postgres"},
        description=f"The fitted version of {spec.name} that is put up for promotion. {spec.description}",
    )
    return trn, mdl


def _verdict(key: dg.AssetKey, outcome: Outcome) -> dg.AssetCheckResult:
    failed = [gate["reason"] for gate in outcome.gates if not gate["is_passed"]]
    return dg.AssetCheckResult(
        check_name=GATES,
        asset_key=key,
        passed=outcome.is_passed,
        severity=dg.AssetCheckSeverity.ERROR,
        metadata={"gates": dg.MetadataValue.md(gate_table(outcome.gates)), "version": outcome.version},
        description="; ".join(failed) or "Every gate passed.",
    )


def _parity(key: dg.AssetKey, outcome: Outcome) -> dg.AssetCheckResult:
    from ml.registry_parity import differences

    rows = {f"rows_{row['surface']}": row["rows_compared"] for row in outcome.parity}
    return dg.AssetCheckResult(
        check_name=PARITY,
        asset_key=key,
        passed=outcome.is_equal,
        severity=dg.AssetCheckSeverity.ERROR,
        metadata={"version": outcome.version, **rows},
        description=differences(outcome.parity) or "The same 64 bits on every surface.",
    )


def _training_metadata(training_set: Any) -> dict[str, Any]:
    return {
        "dagster/row_count": training_set.rows,
        "train_rows": training_set.train_rows,
        "test_rows": training_set.test_rows,
        "content_sha256": training_set.content_sha256,
        "window": f"{training_set.window_start} to {training_set.window_end}",
        "left_out": dg.MetadataValue.json(training_set.excluded),
    }


def _promotion(spec: ModelSpec) -> dg.AssetsDefinition:
    @dg.asset(
        key=champion_key(spec.name),
        deps=[fitted_key(spec.name)],
        group_name="models",
        owners=[owner_of(spec.owner)],
        kinds={"postgres"},
        op_tags={STAGE_TAG: "train"},
        automation_condition=follow_upstream(),
        description=f"The version of {spec.name} that scores and is served: the newest put up that passed.",
    )
    def promotion(context: dg.AssetExecutionContext, house: House) -> dg.MaterializeResult:
        from ml import registry

        with house.locked(f"train:{spec.name}", context.run_id) as wh:
            newest = candidate_version(wh, spec.name)
            if newest is None:
                raise dg.Failure(
                    f"{spec.name} has no version to promote. Run `starhouse train {spec.name}` first."
                )
            standing = registry.champion(wh, spec.name)
            won = next((row for row in registry.last_contest(wh, spec.name) if row["is_winner"]), None)
            if was_promoted(wh, spec.name, newest.version):
                teller(context)(
                    f"{spec.name}: version {newest.version} was promoted before; what stands stays"
                )
            else:
                registry.promote(
                    wh,
                    spec.name,
                    newest.version,
                    actor=f"run {context.run.run_id[:8]}",
                    reason=_reason(newest.version, won),
                )
                teller(context)(f"{spec.name}: version {newest.version} is the champion")
            champion = registry.champion(wh, spec.name)
        return dg.MaterializeResult(
            metadata={
                "version": champion.version,
                "artifact_sha256": champion.artifact_sha256,
                "previous_version": str(standing.version) if standing else "none",
            }
        )

    return promotion


def _reason(version: int, won: dict[str, Any] | None) -> str:
    """Why a run promotes a version."""
    if won is None or won["version"] != version:
        return "passed all its gates"
    return f"passed all its gates; {won['contender']} ({won['algorithm']}): {won['reason']}"
