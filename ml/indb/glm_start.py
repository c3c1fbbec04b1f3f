"""Where a fit begins: without any feature, or for many lines close to where it ends.

Of many lines a sample, chosen by a hash of their covariates, is fitted first. From there the gradient of all
lines, with the information of the sample, leads to the maximum in passes that cost a fraction of a full one
(the information learns from each: Broyden, Fletcher, Goldfarb and Shanno 1970); one full pass then ends the
fit. The end does not depend on the way: the gradient of all lines decides it.

Belongs here: beginnings. Does not belong here: Newton's method (`ml.indb.glm_newton`).
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn

import numpy as np

from ml.document.work_tables import WORK_SCHEMA, new_name
from ml.indb.errors import InDatabaseError
from ml.indb.fitting import dropped
from ml.indb.glm_newton import DONE, dependent, newton, solved
from ml.indb.glm_pass import GlmPass
from ml.indb.glm_sums import Sums
from warehouse.client import quote

if TYPE_CHECKING:
    from warehouse.client import Warehouse

MANY_LINES = 50_000
SAMPLE_LINES, LINES_A_COEFFICIENT = 10_000, 100
SAMPLE_DONE = 1e-6
"""A sample is fitted until predictors move by a thousandth, less than it is away from all lines."""

MOST_STEPS = 15
FALLS = 0.3
"""The decrement of each step with the sample's information must be at most this share of the last."""

SLOW = 3e-3
"""Above this share of the last, one full pass costs less than the passes it saves."""

Start = tuple[np.ndarray, float]
"""Coefficients (M, P) of the table's columns, and the peak there."""

Near = tuple[np.ndarray, float, np.ndarray]
"""The same, and the information (M P, M P) nearby, without the penalty."""


def started(run: GlmPass) -> tuple[np.ndarray, float, Sums]:
    """Coefficients where no feature counts, the peak there, and the sums."""
    start, peak = featureless(run)
    return start, peak, run(start, peak)


def featureless(run: GlmPass) -> Start:
    """Coefficients where no feature counts, and the peak there."""
    table = run.table
    start = np.zeros((run.family.margins, run.terms.count))
    start[:, 0] = run.family.start(table.weight, table.totals)
    return start, run.family.first_peak(table.weight, table.totals)


def near_start(wh: Warehouse, run: GlmPass, penalty: np.ndarray) -> Near | None:
    """A start from which one full pass ends the fit; None for few lines, or where the sample cannot be fitted
    as it is, so that all lines must tell why.
    """
    table, keys = run.table, [f"p.z{at}" for at in range(len(run.table.axes))]
    keys += [f"p.c{at}" for at in range(len(table.levels))]
    share = table.lines // max(SAMPLE_LINES, LINES_A_COEFFICIENT * run.terms.count * run.family.margins)
    if table.lines < MANY_LINES or share < 4:
        return None
    name = quote(WORK_SCHEMA, new_name("glm"))
    chosen = f"mod(hash_record_extended(row({', '.join(keys)}), 1), {share}) = 0"
    wh.execute(
        f"create unlogged table {name} as select p.* from {table.table} as p "
        f"where {chosen} and {run.condition}"
    )
    with dropped(wh, name):
        small = GlmPass(wh, replace(table, table=name, weight=table.weight / share), run.terms, run.family)
        try:
            return _from_sample(run, small, penalty, share)
        except InDatabaseError:
            return None
        finally:
            run.bytes_out += small.bytes_out


def _from_sample(run: GlmPass, small: GlmPass, penalty: np.ndarray, share: int) -> Near | None:
    start, peak = featureless(run)
    first = small(start, peak)
    if not penalty.any() and dependent(first.information[0, :, 0, :]):
        return None
    ended = newton(small, start, peak, penalty / share, _refuse, first, SAMPLE_DONE)
    return along(run, ended.theta, ended.sums.peak, ended.sums.information * share, penalty)


def _refuse(direction: np.ndarray) -> NoReturn:
    raise InDatabaseError("the sample goes on without an end")


def along(
    run: GlmPass, theta: np.ndarray, peak: float, information: np.ndarray, penalty: np.ndarray
) -> Near | None:
    """Steps by the gradient of all lines with `information` (M, P, M, P) of about the same, until what is
    left is as little as a last step leaves; None where that is not about the same.
    """
    before, slope, step, size = math.inf, None, None, theta.size
    information, is_slow, is_known = information.reshape(size, size) + penalty, False, False
    for _ in range(MOST_STEPS):
        now = run(theta, peak, is_light=not is_slow)
        if now.is_over:
            return None
        last, slope = slope, now.gradient.ravel() - penalty @ theta.ravel()
        if is_slow:
            information, is_slow, is_known = now.information.reshape(size, size) + penalty, False, True
        elif last is not None:
            information = _learned(information, step, last - slope)
        step = solved(information, slope)
        decrement = float(slope @ step)
        if not 0.0 <= decrement <= FALLS * before:
            return None
        ratio = FALLS if last is None else decrement / before
        is_slow = not is_known and last is not None and ratio > SLOW
        theta, peak = theta + step.reshape(theta.shape), now.peak
        before = decrement
        if decrement * ratio <= DONE * run.table.weight:  # the next would be a last step
            return theta, peak, information - penalty
    return None


def _learned(information: np.ndarray, step: np.ndarray, fall: np.ndarray) -> np.ndarray:
    """The information that turns the step into the fall of the gradient it caused."""
    along, known = float(fall @ step), information @ step
    if along <= 0.0:
        return information
    return information + np.outer(fall, fall) / along - np.outer(known, known) / float(step @ known)
