"""Ridge, lasso and elastic net for a whole path of penalties, from one set of cofactors.

The objective is scikit-learn's ElasticNet's: 1/(2n) Σ (y - a - x·b)² + penalty · (ratio · Σ|b| +
(1 - ratio)/2 · Σ b²). Coordinate descent on the mean products (Friedman, Hastie, Tibshirani 2010) finds which
coefficients are not 0; their values are then the solution of a linear system (feature-sign search, Lee,
Battle, Raina, Ng 2006), so they are as good as float64 gives. A penalty is done when no derivative is off by
more than `TOLERANCE` of the largest.

Belongs here: the path. Does not belong here: choosing a penalty (`ml.indb.penalty_search`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from ml.indb.cofactors import Cofactors
from ml.indb.design import Design, Term, design_of, refuse_constant, terms_of
from ml.indb.errors import InDatabaseError
from ml.indb.linear import refuse_dependent
from ml.indb.moments import Moments, moments_of, refuse_near_dependent
from ml.indb.rational import solve

TOLERANCE = 1e-12
MOST_SWEEPS = 5_000
SMALLEST_RATIO = 1e-3
"""The path of a ridge starts where a net with this little of the lasso would: there is no penalty at which
all its coefficients are 0."""


@dataclass(frozen=True)
class PenaltyPath:
    """By penalty (a,), falling: `coefficients` (a, p) in the columns' own units and `intercepts` (a,)."""

    terms: tuple[Term, ...]
    target: str
    ratio: float
    penalties: np.ndarray
    coefficients: np.ndarray
    intercepts: np.ndarray

    @property
    def names(self) -> list[str]:
        return [term.name for term in self.terms]


def penalty_path(
    cofactors: Cofactors,
    features: Iterable[str],
    target: str,
    *,
    ratio: float = 0.5,
    penalties: Sequence[float] | int = 50,
    standardize: bool = False,
) -> PenaltyPath:
    """Fit every penalty; a number of them means that many from the smallest that makes all coefficients 0,
    down to a thousandth of it. `ratio` 0 is ridge, 1 is the lasso. Every category has a column and none is
    the reference, except for the lasso, which could not tell them apart. `standardize` divides each column
    by its deviation first, so that units do not matter.

    Raises:
        InDatabaseError: a ratio or penalty out of range, fewer than two rows, a constant column or target;
            for the lasso, a column made up by others; for all, columns that nearly are.
    """
    terms, _ = terms_of(cofactors, features, every_level=ratio < 1.0)
    design = design_of(cofactors, terms, target)
    check_design(design, ratio)
    moments = moments_of(design)
    falling = penalties_of(moments, ratio, penalties, standardize)
    with one_thread():
        refuse_near_dependent(design, moments, falling[-1] * (1.0 - ratio), standardize)
        return fitted_path(design, moments, ratio, falling, standardize)


def one_thread() -> Any:
    """Linear algebra in one thread: the systems are too small to share, and the bits do not depend on how
    many cores there are.
    """
    return _libraries().limit(limits=1, user_api="blas")


@cache
def _libraries() -> Any:
    """Looking the loaded libraries up takes as long as ten fits."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def check_design(design: Design, ratio: float) -> None:
    """
    Raises:
        InDatabaseError: a ratio outside [0, 1], fewer than two rows, a constant column; for the lasso, which
            could not tell them apart, columns that follow from others.
    """
    if not 0.0 <= ratio <= 1.0:
        raise InDatabaseError(f"ratio is {ratio!r}; allowed: 0 (ridge) to 1 (lasso).")
    if design.rows < 2:
        raise InDatabaseError(f"{design.rows} row to fit on; allowed: at least two. Widen the window.")
    refuse_constant(design)
    if ratio == 1.0:
        centred = [row[:-1] for row in design.centred()[:-1]]
        refuse_dependent(design, solve(centred, [], inverse=False).dependent, False)


def penalties_of(
    moments: Moments, ratio: float, penalties: Sequence[float] | int, standardize: bool
) -> np.ndarray:
    """The penalties (a,), falling.

    Raises:
        InDatabaseError: none, or one that is not above 0.
    """
    if isinstance(penalties, int):
        if penalties < 1:
            raise InDatabaseError(f"number of penalties is {penalties!r}; allowed: 1 or more.")
        with_target = np.abs(moments.with_target)
        if standardize:
            with_target = with_target / np.sqrt(np.diag(moments.cross))
        top = float(with_target.max()) / max(ratio, SMALLEST_RATIO)
        if not top:
            raise InDatabaseError(
                "no feature varies with the target: its products with all of them are 0. Give penalties "
                "yourself, or use other features."
            )
        return np.geomspace(top, top * 1e-3, penalties)
    given = np.array(sorted((float(value) for value in penalties), reverse=True))
    if not len(given) or not np.all(np.isfinite(given)) or given[-1] <= 0.0:
        raise InDatabaseError(f"penalties are {list(penalties)!r}; allowed: numbers above 0.")
    return given


def fitted_path(
    design: Design, moments: Moments, ratio: float, penalties: np.ndarray, standardize: bool
) -> PenaltyPath:
    """The coefficients of each penalty, each started from the one before. A column that does not vary in
    these rows gets 0.
    """
    deviation = np.sqrt(np.diag(moments.cross))
    scale = np.where(deviation > 0.0, deviation, 1.0) if standardize else np.ones(len(deviation))
    cross = moments.cross / np.outer(scale, scale)
    with_target = moments.with_target / scale
    values, rows = np.zeros(len(scale)), []
    for penalty in penalties.tolist():
        values = minimum(cross, with_target, penalty * ratio, penalty * (1.0 - ratio), values)
        rows.append(values / scale)
    coefficients = np.array(rows)
    intercepts = moments.target_mean - coefficients @ moments.means
    return PenaltyPath(design.terms, design.target, ratio, penalties, coefficients, intercepts)


def minimum(
    cross: np.ndarray, with_target: np.ndarray, absolute: float, square: float, start: np.ndarray
) -> np.ndarray:
    """The b (p,) that minimises ½ b·cross·b - with_target·b + absolute Σ|b| + square/2 Σ b².

    Raises:
        InDatabaseError: it does not settle.
    """
    varies = np.diag(cross) > 0.0
    if not absolute:
        values = np.zeros(len(start))
        values[varies] = _solved(cross[np.ix_(varies, varies)], with_target[varies], square)
        return values
    allowed = TOLERANCE * max(float(np.abs(with_target).max()), absolute)
    values, places = start.copy(), np.flatnonzero(varies).tolist()
    for _ in range(MOST_SWEEPS):
        # Along a path most penalties keep the coefficients of the one before: then no sweep is needed.
        _settle(cross, with_target, absolute, square, values)
        slope = with_target - cross @ values - square * values
        off = np.where(values != 0.0, np.abs(slope - absolute * np.sign(values)), np.abs(slope) - absolute)
        if (off[varies] <= allowed).all():
            return values
        _sweep(cross, with_target, absolute, square, values, places)
    raise InDatabaseError(
        f"the penalised fit did not settle in {MOST_SWEEPS} sweeps: columns nearly follow from one another. "
        "Leave some out, or use a ratio below 1."
    )


def _solved(cross: np.ndarray, right: np.ndarray, square: float) -> np.ndarray:
    matrix = cross.copy()
    matrix.reshape(-1)[:: len(right) + 1] += square
    return np.linalg.solve(matrix, right)


def _sweep(
    cross: np.ndarray, with_target: np.ndarray, absolute: float, square: float, values: np.ndarray,
    places: list[int],
) -> None:  # fmt: skip
    """Each coefficient in turn to its best value with the others as they are."""
    left = with_target - cross @ values
    for place in places:
        own, old = float(cross[place, place]), float(values[place])
        pull = float(left[place]) + own * old
        size = abs(pull) - absolute
        new = (size if pull > 0.0 else -size) / (own + square) if size > 0.0 else 0.0
        if new != old:
            left -= (new - old) * cross[place]
            values[place] = new


def _settle(
    cross: np.ndarray, with_target: np.ndarray, absolute: float, square: float, values: np.ndarray
) -> None:
    """The coefficients that are not 0 to their best values together. On the way there the first that would
    change its sign stops at 0, and the rest go on without it; the objective falls at each step.
    """
    while True:
        active = values.nonzero()[0]
        if not len(active):
            return
        now = values[active]
        signs = np.sign(now)
        part = cross if len(active) == len(values) else cross[active][:, active]
        try:
            best = _solved(part, with_target[active] - absolute * signs, square)
        except np.linalg.LinAlgError:
            return
        turns = best * signs <= 0.0
        if not turns.any():
            values[active] = best
            return
        shares = np.where(turns, now / np.where(turns, now - best, 1.0), np.inf)
        first = int(np.argmin(shares))
        values[active] = now + shares[first] * (best - now)
        values[active[first]] = 0.0
