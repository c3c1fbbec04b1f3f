"""Intake: the tables of declared sources as assets, from nothing but their declaration.

Each table is one asset with two checks: its contract, which warns, or blocks where the policy is freeze; and
its account, which blocks: rows read are rows loaded, known or in quarantine. A stream has a sensor that loads
what came. Does not belong here: loading (`warehouse.loaders.intake`), or sources written in Python
(`stages.ingest`).
"""

from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg

from orchestration.dbt_translator import DEFAULT_OWNER
from orchestration.stages.house import STAGE_TAG, House, is_forced, teller
from warehouse.loaders.intake.connectors import STREAMS
from warehouse.loaders.intake.declared import DeclaredSource, DeclaredTable
from warehouse.loaders.intake.loader import DeclaredLoader

CONTRACT, ACCOUNT = "contract", "account"
STREAM_SECONDS = 30


def intake_assets(loaders: Mapping[str, DeclaredLoader]) -> list[dg.AssetsDefinition]:
    """One asset a declared table, keyed `[raw, <source>__<table>]` as dbt's source is."""
    return [_table(loader, table) for loader in loaders.values() for table in loader.source.tables]


def stream_sensors(loaders: Mapping[str, DeclaredLoader]) -> list[dg.SensorDefinition]:
    """One sensor a streaming source, stopped until someone starts it: it goes on where a load ended."""
    return [_sensor(loader.source) for loader in loaders.values() if loader.source.kind in STREAMS]


def intake_key(source: DeclaredSource, table: DeclaredTable) -> dg.AssetKey:
    return dg.AssetKey(["raw", source.relation(table)])


def _table(loader: DeclaredLoader, table: DeclaredTable) -> dg.AssetsDefinition:
    source = loader.source
    key = intake_key(source, table)
    spec = dg.AssetSpec(
        key,
        group_name="raw",
        owners=[DEFAULT_OWNER],
        kinds={source.kind, "postgres"},
        description=f"{table.description} Every version of every row, as {source.kind} gave it, with the "
        "instant from which it was known.".strip(),
    )
    checks = [
        dg.AssetCheckSpec(CONTRACT, asset=key, blocking=table.policy == "freeze",
                          description=f"The source keeps its declared columns; policy {table.policy}."),
        dg.AssetCheckSpec(ACCOUNT, asset=key, blocking=True,
                          description="Rows read = loaded + known already + in quarantine."),
    ]  # fmt: skip

    @dg.multi_asset(
        name=f"intake_{source.relation(table)}",
        specs=[spec],
        check_specs=checks,
        op_tags={STAGE_TAG: "load"},
    )
    def intake(context: dg.AssetExecutionContext, house: House) -> Iterator[Any]:
        (account,) = loader.load(house.settings, [table.name], teller(context), again=is_forced(context))
        yield dg.MaterializeResult(asset_key=key, metadata=_metadata(account))
        yield from _verdicts(key, table, account)

    return intake


def _verdicts(key: dg.AssetKey, table: DeclaredTable, account: Any) -> Iterator[dg.AssetCheckResult]:
    breaches = [verdict for verdict in account.verdicts if verdict.is_breach]
    severity = dg.AssetCheckSeverity.ERROR if table.policy == "freeze" else dg.AssetCheckSeverity.WARN
    yield dg.AssetCheckResult(
        check_name=CONTRACT,
        asset_key=key,
        passed=not breaches,
        severity=severity,
        metadata={"verdicts": dg.MetadataValue.md(_verdict_table(account))},
        description="; ".join(f"{v.subject} {v.finding}: {v.detail}" for v in breaches) or "Kept.",
    )
    yield dg.AssetCheckResult(
        check_name=ACCOUNT,
        asset_key=key,
        passed=account.read == account.loaded + account.known + account.quarantined,
        severity=dg.AssetCheckSeverity.ERROR,
        description=f"{account.read} read = {account.loaded} loaded + {account.known} known + "
        f"{account.quarantined} in quarantine.",
    )


def _metadata(account: Any) -> dict[str, Any]:
    return {
        "load_id": account.load_id,
        "read_rows": account.read,
        "loaded_rows": account.loaded,
        "known_rows": account.known,
        "quarantined_rows": account.quarantined,
        "deleted_keys": account.deleted,
        "batches": account.batches,
    }


def _verdict_table(account: Any) -> str:
    head = ["| subject | finding | detail |", "| --- | --- | --- |"]
    rows = [f"| {v.subject} | {v.finding} | {v.detail.replace('|', '/')} |" for v in account.verdicts]
    return "\n".join([*head, *rows])


def _sensor(source: DeclaredSource) -> dg.SensorDefinition:
    keys = [intake_key(source, table) for table in source.tables]

    @dg.sensor(
        name=f"stream_{source.name}",
        target=dg.AssetSelection.assets(*keys),
        minimum_interval_seconds=STREAM_SECONDS,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description=f"Loads what came to {source.name} since its last load, every {STREAM_SECONDS} s.",
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.RunRequest:
        return dg.RunRequest(asset_selection=keys)

    return sensor
