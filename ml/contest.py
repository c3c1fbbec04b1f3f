"""Which of a model's contenders is put up for promotion.

A contender must have trained, passed its gates and the parity check; of those the one with the better
selection metric out of fold wins, the declared one on a tie. The test window has no say but through the
gates. Belongs here: the decision, pure. Does not belong here: training contenders (orchestration), keeping
the outcome (`ml.registry_contest`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ml.metrics import METRICS

PLACES = {"library": "", "warehouse": " in the warehouse", "bqml": " by BigQuery ML"}
"""Where a model was fitted, as people read it behind the algorithm."""


@dataclass(frozen=True)
class Contender:
    """One way that a model was fitted. `name`: declared or challenger. `value`: mean of `metric` out of fold.
    `version` is None where training failed; `obstacle`: what keeps it from promotion, empty where nothing.
    """

    name: str
    engine: str
    algorithm: str
    version: int | None
    metric: str
    value: float | None
    obstacle: str = ""

    @property
    def label(self) -> str:
        """As people read it."""
        return f"{self.algorithm}{PLACES.get(self.engine, '')}"

    @property
    def is_eligible(self) -> bool:
        known = self.value is not None and math.isfinite(self.value)
        return self.version is not None and not self.obstacle and known


@dataclass(frozen=True)
class Verdict:
    """A contender, whether it is put up, and why or why not."""

    contender: Contender
    is_winner: bool
    reason: str


def decide(contenders: Sequence[Contender]) -> list[Verdict]:
    """One verdict a contender, in their order; none wins where none is eligible."""
    eligible = [one for one in contenders if one.is_eligible]
    if not eligible:
        return [Verdict(one, False, _obstacle(one)) for one in contenders]
    sign = 1.0 if METRICS[eligible[0].metric].higher_is_better else -1.0
    winner = max(eligible, key=lambda one: sign * (one.value or 0.0))  # the first of equals
    return [_verdict(one, winner, eligible) for one in contenders]


def _verdict(one: Contender, winner: Contender, eligible: Sequence[Contender]) -> Verdict:
    if not one.is_eligible:
        return Verdict(one, False, _obstacle(one))
    if one is not winner:
        return Verdict(one, False, f"{_measured(one)}, {winner.label} has {winner.value:.4f}")
    others = [f"{other.label} has {other.value:.4f}" for other in eligible if other is not one]
    return Verdict(one, True, f"{_measured(one)}, {', '.join(others) or 'no other contender is eligible'}")


def _measured(one: Contender) -> str:
    return f"{one.metric} {one.value:.4f} out of fold"


def _obstacle(one: Contender) -> str:
    return one.obstacle or f"{one.metric} out of fold is not a number"
