"""Which version is in charge: promotion through the gates, and the way back.

Belongs here: the champion's row and its history, changed together in one transaction under one lock a model.
Does not belong here: the judgement (`ml.gates`) and registering (`ml.registry`).
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml import champion_sql
from ml.registry_parity import differences, parity_of
from ml.registry_version import ModelVersion, champion, find_version

if TYPE_CHECKING:
    from warehouse.client import Warehouse


class PromotionError(RuntimeError):
    """The champion was not changed: says which gate, version or history stands in the way."""


@dataclass(frozen=True)
class PromotionEvent:
    """One row of ml.promotion_event: who put which version in place of which, when (UTC) and why."""

    event_id: int
    model_name: str
    action: str
    from_version: int | None
    to_version: int
    actor: str
    reason: str
    occurred_at: dt.datetime


def lock_model(wh: Warehouse, model_name: str) -> None:
    """Serialise all changes of one model until the transaction ends; needs an open transaction. On
    BigQuery, where no column counts, of all models: numbers of events and plans go through them all.
    """
    wh.lock_until_commit(f"ml.model.{model_name}" if wh.dialect == "postgres" else "ml.models")


def history(wh: Warehouse, model_name: str) -> list[PromotionEvent]:
    """Promotions and rollbacks of a model, oldest first; empty where there is no registry yet."""
    if not wh.table_exists("ml", "promotion_event"):
        return []
    columns = ", ".join(PromotionEvent.__dataclass_fields__)
    sql = f"select {columns} from ml.promotion_event where model_name = %(name)s order by event_id"
    return [PromotionEvent(**row) for row in wh.query(sql, {"name": model_name})]


def _check_actor(actor: str, reason: str) -> None:
    for name, value in (("actor", actor), ("reason", reason)):
        if not isinstance(value, str) or not value.strip():
            raise PromotionError(
                f"{name}: received {value!r}; a text is needed that tells who, or why. Give one."
            )


def _check_gates(wh: Warehouse, version: ModelVersion) -> None:
    label = f"{version.model_name} version {version.version}"
    rows = wh.query(
        "select gate, is_passed, reason from ml.gate_result "
        "where model_name = %(name)s and version = %(version)s order by gate_number",
        {"name": version.model_name, "version": version.version},
    )
    declared = len(version.declaration().gates)
    if len(rows) != declared:
        raise PromotionError(
            f"{label} is not promoted: {len(rows)} of its {declared} declared gates were judged. "
            "Judge it first."
        )
    failed = [f"{row['gate']}: {row['reason']}" for row in rows if not row["is_passed"]]
    if failed:
        raise PromotionError(
            f"{label} is not promoted: {len(failed)} of {declared} gates refused it. {'; '.join(failed)}. "
            "Train a better version; a gate is changed only in the model's file."
        )


def _check_parity(wh: Warehouse, version: ModelVersion) -> None:
    label = f"{version.model_name} version {version.version}"
    found = parity_of(wh, version.model_name, version.version)
    if not found:
        raise PromotionError(
            f"{label} is not promoted: whether its evaluators agree was not checked. Judge it first."
        )
    wrong = differences(found)
    if wrong:
        raise PromotionError(
            f"{label} is not promoted: its evaluators do not give the same bits. {wrong}. "
            "ml.parity_check shows rows; mend the evaluator, or train another model."
        )


def _check_artifact(wh: Warehouse, version: ModelVersion) -> None:
    sql = "select encode(sha256(content), 'hex') = sha256 from ml.artifact where sha256 = %(sha256)s"
    if not wh.scalar(sql, {"sha256": version.artifact_sha256}):
        raise PromotionError(
            f"{version.model_name} version {version.version}: its artifact {version.artifact_sha256} is "
            "missing or changed. Train the model again."
        )


def _put_in_charge(
    wh: Warehouse, to: ModelVersion, current: int | None, action: str, actor: str, reason: str
) -> None:
    row = {
        "name": to.model_name,
        "to": to.version,
        "from": current,
        "action": action,
        "actor": actor,
        "reason": reason,
    }
    wh.execute(
        "insert into ml.model_champion (model_name, version, promoted_at) values (%(name)s, %(to)s, now()) "
        "on conflict (model_name) do update "
        "set version = excluded.version, promoted_at = excluded.promoted_at",
        row,
    )
    wh.execute(
        "insert into ml.promotion_event (model_name, action, from_version, to_version, actor, reason) "
        "values (%(name)s, %(action)s, %(from)s, %(to)s, %(actor)s, %(reason)s)",
        row,
    )
    champion_sql.keep(wh, to)


def promote(wh: Warehouse, model_name: str, version: int, actor: str, reason: str) -> ModelVersion:
    """Make a version the champion; one transaction. A version that is champion already stays so, with no new
    event.

    Raises:
        PromotionError: a gate refused the version or was not judged, one bit differs between its evaluators
            or that was not checked, its artifact is damaged, or actor or reason is empty.
        RegistryError: there is no such version.
    """
    _check_actor(actor, reason)
    with wh.transaction():
        if wh.table_exists("ml", "model_champion"):
            lock_model(wh, model_name)
        candidate = find_version(wh, model_name, version)
        _check_gates(wh, candidate)
        _check_parity(wh, candidate)
        _check_artifact(wh, candidate)
        current = champion(wh, model_name)
        if current is None or current.version != version:
            _put_in_charge(wh, candidate, current and current.version, "promote", actor, reason)
        return candidate


def _line_of_champions(events: list[PromotionEvent]) -> list[int]:
    """The versions that stand behind the champion, the champion last: a promotion adds one, a rollback takes
    one away.
    """
    line: list[int] = []
    for event in events:
        if event.action == "rollback":
            line.pop()
        else:
            line.append(event.to_version)
    return line


def rollback(wh: Warehouse, model_name: str, actor: str, reason: str) -> ModelVersion:
    """Put the champion's predecessor back in charge; one transaction. Called twice it goes back twice, not to
    and fro.

    Raises:
        PromotionError: no champion, no predecessor, its artifact is damaged, or actor or reason is empty.
    """
    _check_actor(actor, reason)
    with wh.transaction():
        if wh.table_exists("ml", "model_champion"):
            lock_model(wh, model_name)
        line = _line_of_champions(history(wh, model_name))
        if not line:
            raise PromotionError(
                f"model {model_name!r} has no champion to roll back. Train it, then promote a version."
            )
        if len(line) == 1:
            raise PromotionError(
                f"model {model_name!r}: version {line[0]} is its first champion, there is none before it to "
                "go back to. Promote another version instead."
            )
        previous = find_version(wh, model_name, line[-2])
        _check_artifact(wh, previous)
        _put_in_charge(wh, previous, line[-1], "rollback", actor, reason)
        return previous
