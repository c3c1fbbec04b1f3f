"""Newton's method on the log-likelihood, to where the gradient is 0 within what doubles tell.

For these families and links it is iteratively reweighted least squares (McCullagh and Nelder 1989, chapter
2.5), for gamma with observed weights. The gradient alone decides where it ends; the information decides how
soon, and the standard errors. A step that does not raise the likelihood is halved.

Belongs here: the iteration. Does not belong here: the sums (`ml.indb.glm_pass`), statistics (`ml.indb.glm`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ml.indb.errors import InDatabaseError
from ml.indb.glm_pass import GlmPass
from ml.indb.glm_sums import Sums

MOST_STEPS, MOST_HALVINGS = 60, 30
DONE = 1e-20
"""A step is the last where its squared length in standard errors (Newton's decrement, twice the gain in
likelihood that is left) is this share of the rows' weight: predictors then move by about 1e-10. Coefficients
are right to what doubles give afterwards, standard errors to about 1e-10."""

NOISE, STANDS = 1e-8, 0.6
"""A decrement below the first that stays above this share of the last is the rounding of doubles; without an
end it would fall to about e^-1 of the last."""

SLOW = 0.05
"""A decrement that stays above this share of the last after so many steps may be a fit without an end."""

STEPS_BEFORE_DOUBT = 5
LEAST_PIVOT = 1e-12


@dataclass(frozen=True)
class Newton:
    """Where it ended: `theta` (M, P), the sums before the last step, steps, and the last decrement."""

    theta: np.ndarray
    sums: Sums
    steps: int
    decrement: float


Doubt = Callable[[np.ndarray], None]
"""Told a direction (M, P) in which the likelihood may rise for ever; raises where it does."""


def newton(
    run: GlmPass, start: np.ndarray, peak: float, penalty: np.ndarray, doubt: Doubt,
    first: Sums | None = None, share: float = DONE,
) -> Newton:  # fmt: skip
    """The maximum of log-likelihood - ½ θ · `penalty` · θ, from `start` (M, P). `share` instead of `DONE`
    ends it sooner.

    Raises:
        InDatabaseError: it does not settle, or `doubt` finds that there is no maximum.
    """
    theta, now = start, first or run(start, peak)
    before, done = math.inf, share * run.table.weight
    for steps in range(1, MOST_STEPS + 1):
        step, decrement = step_of(theta, now.gradient, now.information, penalty)
        is_slow = steps > STEPS_BEFORE_DOUBT and decrement > SLOW * before
        if decrement <= done or (is_slow and decrement <= NOISE and decrement > STANDS * before):
            if is_slow:
                doubt(step)
            return Newton(theta + step, now, steps, decrement)
        if is_slow:
            doubt(step)
        moved = _moved(run, theta, now, step, decrement, penalty)
        if moved is None:
            doubt(step)
            raise InDatabaseError(
                f"no part of a step raised the likelihood, {now.kernel!r}: values of a column lie too far "
                "apart. Leave it out, or take its logarithm in the relation."
            )
        theta, now = moved
        before = decrement
    doubt(step)
    raise InDatabaseError(
        f"the fit did not settle in {MOST_STEPS} steps; the last had {decrement!r} squared standard errors. "
        "Columns nearly follow from others, or hold values a million deviations away: leave some out, or set "
        "a penalty."
    )


def step_of(
    theta: np.ndarray, gradient: np.ndarray, information: np.ndarray, penalty: np.ndarray
) -> tuple[np.ndarray, float]:
    """Newton's step (M, P) and its decrement.

    Raises:
        InDatabaseError: the information has no inverse in doubles.
    """
    size = theta.size
    slope = gradient.ravel() - penalty @ theta.ravel()
    step = solved(information.reshape(size, size) + penalty, slope)
    return step.reshape(theta.shape), float(slope @ step)


def solved(matrix: np.ndarray, right: np.ndarray) -> np.ndarray:
    """The solution of a symmetric system, each unknown scaled to the size of its own diagonal.

    Raises:
        InDatabaseError: there is none in doubles.
    """
    scale = 1.0 / np.sqrt(np.maximum(np.diag(matrix), np.finfo(float).tiny))
    wide = scale if right.ndim == 1 else scale[:, None]
    try:
        found = np.linalg.solve(matrix * scale * scale[:, None], right * wide) * wide
    except np.linalg.LinAlgError:
        found = np.full(right.shape, np.nan)
    if not np.isfinite(found).all():
        raise InDatabaseError(
            "the information of the coefficients has no inverse: columns nearly follow from others, or "
            "nearly all probabilities are 0 or 1. Leave some out, or set a penalty."
        )
    return found


def _moved(
    run: GlmPass, theta: np.ndarray, now: Sums, step: np.ndarray, decrement: float, penalty: np.ndarray
) -> tuple[np.ndarray, Sums] | None:
    """The step, or the first half, quarter, … of it that does not lower the objective; None without one."""
    value = _objective(theta, now, penalty)
    slack = 1e-10 * (1.0 + abs(value)) if decrement < 1e-4 else 1e-14 * (1.0 + abs(value))
    for halvings in range(MOST_HALVINGS):
        trial = theta + step * 0.5**halvings
        sums = run(trial, now.peak)
        if not sums.is_over and _objective(trial, sums, penalty) >= value - slack:
            return trial, sums
    return None


def _objective(theta: np.ndarray, now: Sums, penalty: np.ndarray) -> float:
    flat = theta.ravel()
    return now.kernel - 0.5 * float(flat @ penalty @ flat)


def dependent(information: np.ndarray) -> dict[int, dict[int, float]]:
    """Of weighted cross products (P, P), the intercept first: by place of a column that the columns before it
    make up within rounding, their weights.
    """
    work, found = information.copy(), {}
    sizes = np.diag(information).copy()
    used: list[int] = []
    for place in range(len(work)):
        noise = LEAST_PIVOT + 256 * np.finfo(float).eps
        if work[place, place] <= noise * sizes[place]:
            weights = _weights(information, used, place)
            found[place] = {at: w for at, w in zip(used, weights, strict=True) if abs(w) > 1e-7}
            continue
        used.append(place)
        row = work[place] / work[place, place]
        rest = np.arange(len(work)) > place
        work[rest] -= np.outer(work[rest, place], row)
    return found


def _weights(information: np.ndarray, used: list[int], place: int) -> list[float]:
    return solved(information[np.ix_(used, used)], information[used, place]).tolist()
