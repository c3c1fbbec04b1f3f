"""What the registry already holds for a model: read only, for the stages and the summary to decide and to
show.

Does not belong here: writing to the registry (`ml.registry` does that in transactions of its own).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ml.spec import ModelSpec
    from warehouse.client import Warehouse


@dataclass(frozen=True)
class Standing:
    """A registered version, as far as a run needs to know it."""

    model_name: str
    version: int
    artifact_sha256: str
    algorithm: str
    train_start: Any
    train_end: Any
    test_start: Any
    test_end: Any
    seconds: float
    bytes_out: int


COLUMNS = ", ".join(field.name for field in fields(Standing))


def newest_version(wh: Warehouse, model: str) -> Standing | None:
    """The newest registered version of `model`."""
    rows = wh.query(
        f"select {COLUMNS} from ml.model_version where model_name = %(model)s order by version desc limit 1",
        {"model": model},
    )
    return Standing(**rows[0]) if rows else None


def candidate_version(wh: Warehouse, model: str) -> Standing | None:
    """The version that a promotion is about: the winner of the newest contest, or the declared contender's
    where none won; a version that was registered after that contest by other means.
    """
    from ml.registry_contest import last_contest

    newest, contest = newest_version(wh, model), last_contest(wh, model)
    entered = [row["version"] for row in contest if row["version"] is not None]
    if newest is None or not entered or newest.version > max(entered):
        return newest
    chosen = next((row["version"] for row in contest if row["is_winner"]), entered[0])
    rows = wh.query(
        f"select {COLUMNS} from ml.model_version where model_name = %(model)s and version = %(version)s",
        {"model": model, "version": chosen},
    )
    return Standing(**rows[0])


def selection_value(wh: Warehouse, model: str, version: int) -> float | None:
    """The mean out of fold of the metric by which a version's parameters were chosen."""
    tried = wh.scalar(
        "select cv_results from ml.model_version where model_name = %(model)s and version = %(version)s",
        {"model": model, "version": version},
    )
    chosen = [one["mean"] for one in tried or () if one.get("is_chosen")]
    return float(chosen[0]) if chosen and chosen[0] is not None else None


def training_of(wh: Warehouse, model: str, version: int) -> dict[str, Any] | None:
    """How the warehouse fitted a version; None where a library did."""
    return wh.scalar(
        "select training from ml.model_version where model_name = %(model)s and version = %(version)s",
        {"model": model, "version": version},
    )


def same_version(wh: Warehouse, spec: ModelSpec, training_set_sha256: str, code: str) -> Standing | None:
    """The newest version fitted on the same rows, from the same declaration and code; None where there is
    none.

    A version without a verdict (its run died before the gates) does not count.
    """
    rows = wh.query(
        f"""select {COLUMNS}, spec from ml.model_version as v
            where model_name = %(model)s and training_set_sha256 = %(rows)s and code_version = %(code)s
              and exists (select 1 from ml.gate_result as g
                          where g.model_name = v.model_name and g.version = v.version)
            order by version desc""",
        {"model": spec.name, "rows": training_set_sha256, "code": code},
    )
    declared = json.loads(json.dumps(spec.model_dump(mode="json")))
    same = [row for row in rows if row.pop("spec") == declared]
    return Standing(**same[0]) if same else None


def gates_of(wh: Warehouse, model: str, version: int) -> list[dict[str, Any]]:
    """Gate, metric, criterion, threshold, value, is_passed and reason of each gate of a version."""
    return wh.query(
        """select gate, metric, criterion, threshold, value, is_passed, reason from ml.gate_result
           where model_name = %(model)s and version = %(version)s order by gate_number""",
        {"model": model, "version": version},
    )


def metrics_of(wh: Warehouse, model: str, version: int) -> list[dict[str, Any]]:
    """Split, subject, metric, value and 95 % interval of each measured number of a version."""
    return wh.query(
        """select split, subject, metric, value, ci_low, ci_high from ml.model_metric
           where model_name = %(model)s and version = %(version)s order by split, metric, subject""",
        {"model": model, "version": version},
    )


def curve_of(wh: Warehouse, model: str, version: int, curve: str) -> list[dict[str, float]]:
    """Points of one curve of a version, in order."""
    rows = wh.query(
        """select coordinates from ml.model_curve
           where model_name = %(model)s and version = %(version)s and curve = %(curve)s order by point""",
        {"model": model, "version": version, "curve": curve},
    )
    return [row["coordinates"] for row in rows]


def was_promoted(wh: Warehouse, model: str, version: int) -> bool:
    """Whether this version was ever champion: someone may have rolled it back, and a run must not undo
    that.
    """
    return bool(
        wh.scalar(
            "select exists (select from ml.promotion_event "
            "where model_name = %(model)s and to_version = %(version)s)",
            {"model": model, "version": version},
        )
    )
