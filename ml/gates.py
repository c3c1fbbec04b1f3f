"""The gates: a model's measured metrics against the success criteria of its declaration.

Belongs here: the judgement, pure, from metric rows to one result a gate. Does not belong here: measuring
(`ml.evaluate`), storing and promoting (`ml.registry`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ml.spec import Gate, ModelSpec


class Measured(Protocol):
    """What a metric row must have: `ml.evaluate.MetricRow`, or a row read back from the registry."""

    split: str
    subject: str
    metric: str
    value: float | None
    ci_low: float | None
    ci_high: float | None
    n: int


@dataclass(frozen=True)
class GateResult:
    """One gate, judged. `value` is what was compared with `threshold`: the estimate, the unfavourable end of
    its 95 % interval, or for `better_than` the paired improvement (positive = better than the rival,
    threshold 0). None: not measured.
    """

    gate: str
    metric: str
    split: str
    criterion: str
    threshold: float
    value: float | None
    is_passed: bool
    reason: str


def _criterion(gate: Gate) -> tuple[str, float, str]:
    """Criterion, threshold, and the subject whose row is judged."""
    if gate.at_least is not None:
        return "at_least", gate.at_least, "model"
    if gate.at_most is not None:
        return "at_most", gate.at_most, "model"
    return "better_than", 0.0, f"model_vs_{gate.better_than}"


def _name(gate: Gate) -> str:
    bound = next(b for b in (gate.at_least, gate.at_most, gate.better_than) if b is not None)
    text = bound if isinstance(bound, str) else f"{bound:g}"
    return f"{gate.metric} {_criterion(gate)[0].replace('_', ' ')} {text} ({gate.split}, by {gate.judged_by})"


def _is_number(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _passes(criterion: str, value: float, threshold: float) -> bool:
    if criterion == "at_least":
        return value >= threshold
    if criterion == "at_most":
        return value <= threshold
    return value > threshold


def _judge_one(gate: Gate, row: Measured | None) -> GateResult:
    criterion, threshold, subject = _criterion(gate)
    value, is_passed = None, False
    if row is None:
        reason = f"refused: {gate.metric} of {subject} was not measured on the {gate.split} rows"
    else:
        unfavourable = row.ci_high if criterion == "at_most" else row.ci_low
        judged = row.value if gate.judged_by == "value" else unfavourable
        span = f"{row.value} [{row.ci_low}, {row.ci_high}] on {row.n} rows"
        if not _is_number(judged) or row.n <= 0:
            reason = f"refused: no number to judge: {span}"
        else:
            value, is_passed = judged, _passes(criterion, judged, threshold)
            wanted = (
                f"above {threshold:g}"
                if criterion == "better_than"
                else f"{criterion.replace('_', ' ')} {threshold:g}"
            )
            what = "improvement" if criterion == "better_than" else gate.metric
            end = "estimate" if gate.judged_by == "value" else "unfavourable end of the 95 % interval"
            verdict = "passed" if is_passed else "refused"
            reason = f"{verdict}: {what} {value:.6g} ({end}), wanted {wanted}; measured {span}"
    return GateResult(_name(gate), gate.metric, gate.split, criterion, threshold, value, is_passed, reason)


def judge(spec: ModelSpec, metrics: Iterable[Measured]) -> list[GateResult]:
    """One result for every gate of the declaration, in its order. A metric that is absent, null, NaN or
    infinite is refused.
    """
    rows = {(row.split, row.subject, row.metric): row for row in metrics}
    return [_judge_one(gate, rows.get((gate.split, _criterion(gate)[2], gate.metric))) for gate in spec.gates]
