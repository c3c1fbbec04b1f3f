"""Train: for each declared model its training set, a fitted version with its verdict, and the champion.

One op builds the training set and fits on it, with the gates as a blocking check: a version that fails is
registered and kept, but nothing downstream of it runs, so the champion that stands is not touched.
Promotion is an op of its own and asks the registry, which refuses what its gates refused. Does not belong
here: statistics, or SQL of the registry.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import dagster as dg

from ml.spec import ModelSpec
from orchestration.dbt_translator import follow_upstream
from orchestration.stages.house import STAGE_TAG, House, is_forced, teller
from orchestration.stages.model_keys import champion_key, fitted_key, owner_of, training_key
from orchestration.stages.model_pages import fitted_metadata, gate_table, gate_text
from orchestration.stages.retraining import rolled_split
from orchestration.stages.standing import gates_of, newest_version, same_version, was_promoted
from warehouse.client import Warehouse

PARITY_TEXT = (
    "The model document gives the same 64 bits as SQL, in NumPy, row by row in Python and over HTTP, on "
    "stored, random and adversarial rows: thresholds and neighbours, missing, infinite, denormal numbers."
)
UNTIL_TAG = "starhouse/train_until"  # last day of the test window of a rolled split
GATES = "gates"
PARITY = "parity"


@dataclass(frozen=True)
class Outcome:
    """What training a model came to: its training set, the version that stands for it, and the verdict."""

    training_set: Any
    version: int
    gates: list[dict[str, Any]]
    parity: list[dict[str, Any]]
    is_reused: bool

    @property
    def is_passed(self) -> bool:
        return bool(self.gates) and all(gate["is_passed"] for gate in self.gates)

    @property
    def is_equal(self) -> bool:
        return bool(self.parity) and all(surface["is_equal"] for surface in self.parity)


@cache
def code_version() -> str:
    """The package's version and a hash of the code a fitted model comes from."""
    import ml

    digest = hashlib.sha256()
    for file in sorted(Path(ml.__file__).parent.rglob("*.py")):
        digest.update(file.read_bytes())
    from importlib.metadata import version

    return f"{version('starhouse')}+{digest.hexdigest()[:12]}"


def train_model(wh: Warehouse, spec: ModelSpec, is_forced: bool, say: Callable[[str], None]) -> Outcome:
    """Build the training set, fit, register and judge; an unchanged model is not fitted again unless
    forced.
    """
    from ml import registry
    from ml.predictor import Predictor
    from ml.train import train
    from ml.training_set import build_training_set

    registry.ensure_schema(wh)
    training_set = build_training_set(wh, spec)
    say(f"{spec.name}: {training_set.train_rows:,} rows to train on, {training_set.test_rows:,} to test on")
    standing = None if is_forced else same_version(wh, spec, training_set.content_sha256, code_version())
    if standing is not None:
        say(f"{spec.name}: same rows, declaration and code as version {standing.version}: not fitted again")
        return _outcome(wh, spec, training_set, standing.version, is_reused=True)
    fitted = train(wh, spec, training_set, progress=say)
    registered = registry.register(wh, fitted, training_set, code_version())
    from serving.candidate import http_surface

    with http_surface(Predictor.load(wh, spec, registered.version)) as http:
        registry.judge_version(wh, spec.name, registered.version, fitted.sample, http)
    say(f"{spec.name}: gates judged, evaluators compared")
    return _outcome(wh, spec, training_set, registered.version, is_reused=False)


def _outcome(wh: Warehouse, spec: ModelSpec, training_set: Any, version: int, is_reused: bool) -> Outcome:
    from ml.registry import parity_of

    gates, parity = gates_of(wh, spec.name, version), parity_of(wh, spec.name, version)
    return Outcome(training_set, version, gates, parity, is_reused)


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
        with house.locked(f"train:{spec.name}") as wh:
            outcome = train_model(wh, declared, is_forced(context), teller(context))
            page = fitted_metadata(wh, declared, outcome.version, outcome.is_reused)
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
        description=f"The newest fitted version of {spec.name}. {spec.description}",
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
        description=f"The version of {spec.name} that scores and is served: the newest to pass its gates.",
    )
    def promotion(context: dg.AssetExecutionContext, house: House) -> dg.MaterializeResult:
        from ml import registry

        with house.locked(f"train:{spec.name}") as wh:
            newest = newest_version(wh, spec.name)
            if newest is None:
                raise dg.Failure(
                    f"{spec.name} has no version to promote. Run `starhouse train {spec.name}` first."
                )
            standing = registry.champion(wh, spec.name)
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
                    reason="passed all its gates",
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
