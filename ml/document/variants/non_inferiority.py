"""Whether one set of scores is shown to be at most a declared margin worse than another.

Belongs here: the paired test of a loss on held-out days. Does not belong here: the metrics (`ml.metrics`),
what is compared (`offers`).

A non-inferiority test turns the burden of proof round: it assumes that the variant is worse by the margin or
more, and accepts it only when the one-sided upper confidence bound of its extra loss lies below the margin
(Blackwelder, Controlled Clinical Trials 3, 1982; Walker & Nowacki, J. Gen. Intern. Med. 26, 2011). Too little
data therefore refuses, where a test for a difference would find none and pass. The bound comes from a
bootstrap over whole days, as all intervals here do (`ml.metrics`), with the percentile moved outwards for a
small number of days (Hesterberg, The American Statistician 69, 2015: expanded percentile interval).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ml.metrics import METRICS, Sample, day_weights, interval

LOSSES = {"classification": ("log_loss", "brier"), "regression": ("mae", "rmse")}
"""Losses of each row, so that a difference is one of the rows' answers and not of their order; first the
default."""

REPLICATES = 2_000
MIN_DAYS = 10
"""Fewer days say too little about how days differ."""


@dataclass(frozen=True)
class Margin:
    """How much extra loss counts as none: a share of the full model's loss, or in the loss's own unit."""

    size: float = 0.005
    is_relative: bool = True

    def __post_init__(self) -> None:
        if not (math.isfinite(self.size) and self.size > 0.0):
            raise ValueError(f"margin {self.size!r}; allowed: a finite number above 0.")


@dataclass(frozen=True)
class Comparison:
    """A loss of the full model and of the variant over the same `n` rows of `days` days.

    `difference` is the variant's loss less the full model's, above 0 where the variant is worse, with a
    two-sided interval (`ci_low`, `ci_high`) at `confidence`. `bound` is its one-sided upper bound at the same
    confidence, in the unit of the margin: a share of the full model's loss where that is relative; NaN where
    it cannot be told.
    """

    metric: str
    full: float
    variant: float
    difference: float
    ci_low: float
    ci_high: float
    bound: float
    margin: Margin
    confidence: float
    n: int
    days: int

    @property
    def is_non_inferior(self) -> bool:
        """Whether the bound lies below the margin; an unknown bound does not."""
        return self.bound < self.margin.size

    def __str__(self) -> str:
        unit = f" of {self.full:.6g}" if self.margin.is_relative else ""
        bound, margin = (
            f"{value:+.3%}" if self.margin.is_relative else f"{value:+.6g}"
            for value in (self.bound, self.margin.size)
        )
        return (
            f"{self.metric} {self.full:.6g} full, {self.variant:.6g} variant: {self.difference:+.3g} "
            f"[{self.ci_low:+.3g}, {self.ci_high:+.3g}]; at most {bound}{unit} with {self.confidence:.0%} "
            f"confidence, margin {margin}"
        )


def compare_losses(
    metric: str,
    label: np.ndarray,
    full: np.ndarray,
    variant: np.ndarray,
    dates: np.ndarray,
    margin: Margin | None = None,
    *,
    confidence: float = 0.95,
    replicates: int = REPLICATES,
    seed: int = 0,
) -> Comparison:
    """Compare scores `full` and `variant` of the same rows, all (n,), by a loss in `LOSSES`.

    A relative margin is tested on the quotient of extra loss and full loss in each replicate, so that the
    full model's loss is not taken for known.

    Raises:
        ValueError: the metric is no such loss, or confidence is not between 0.5 and 1.
    """
    margin = margin or Margin()
    allowed = [name for names in LOSSES.values() for name in names]
    if metric not in allowed:
        raise ValueError(f"metric {metric!r}; allowed: {', '.join(allowed)}.")
    if not 0.5 < confidence < 1.0:
        raise ValueError(f"confidence {confidence!r}; allowed: between 0.5 and 1.")
    days, day = np.unique(dates, return_inverse=True)
    weights = day_weights(len(days), replicates, seed)
    losses = [METRICS[metric].of(Sample(label, score, day, len(days)), weights) for score in (full, variant)]
    extra = losses[1] - losses[0]
    low, high = _bounds(extra[1:], (1.0 - confidence) / 2, len(days))
    measured = _shares(extra, losses[0]) if margin.is_relative else extra
    _, bound = _bounds(measured[1:], 1.0 - confidence, len(days))
    values = (float(losses[0][0]), float(losses[1][0]), float(extra[0]))
    return Comparison(metric, *values, low, high, bound, margin, confidence, len(label), len(days))


def _shares(extra: np.ndarray, loss: np.ndarray) -> np.ndarray:
    """extra / loss; no extra loss is no share, even of nothing, and any other of nothing is unknown."""
    unknown = np.where(extra == 0.0, 0.0, np.nan)
    return np.divide(extra, loss, out=unknown, where=loss > 0.0)


def _bounds(replicates: np.ndarray, tail: float, days: int) -> tuple[float, float]:
    """The percentiles that leave `tail` on either side; unknown with few days or an undefined replicate."""
    if days < MIN_DAYS or not np.isfinite(replicates).all():
        return math.nan, math.nan
    return interval(replicates, level=1.0 - 2.0 * _expanded(tail, days))


def _expanded(tail: float, days: int) -> float:
    """Φ(√(n/(n-1)) · t(tail, n-1)): a percentile interval is narrower than Student's by √((n-1)/n) and by
    the normal's tail instead of t's; this takes both back.
    """
    from scipy.special import ndtr, stdtrit

    return float(ndtr(math.sqrt(days / (days - 1)) * stdtrit(days - 1, tail)))
