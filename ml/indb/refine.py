"""Solutions of large systems of whole numbers to 30 digits, where exact elimination would take minutes.

A float64 inverse is proven to be near enough, then residuals taken in whole numbers correct the solution
until it no longer moves (iterative refinement, Higham 2002, chapter 12). Where the proof fails, because
columns follow from others or nearly do, there is no answer, and exact elimination decides.

Belongs here: that one way of solving. Does not belong here: when it is taken (`ml.indb.rational`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

BITS = 260
"""Solutions count in steps of 2^-BITS, with columns scaled to sizes near 1."""

EXACT_BITS = 110
"""Bits, of the largest number of each solution, that the last correction must leave alone: 33 digits."""

MOST_STEPS = 40


@dataclass(frozen=True)
class Refined:
    """`solutions` (p, k), whole numbers over `denominator`."""

    denominator: int
    solutions: np.ndarray


def refined(matrix: Sequence[Sequence[int]], right: Sequence[Sequence[int]]) -> Refined | None:
    """Solve `matrix` (p, p), symmetric with a diagonal above 0, for `right` (p, k); None without a proof that
    the solution is unique, or where it does not settle.
    """
    from threadpoolctl import threadpool_limits

    count = len(matrix)
    if any(matrix[at][at] <= 0 for at in range(count)):
        return None
    halves = [-(matrix[at][at].bit_length() // 2) for at in range(count)]
    scaled = np.array(
        [[_times_power(v, halves[i] + halves[j]) for j, v in enumerate(row)] for i, row in enumerate(matrix)]
    )
    with threadpool_limits(1, "blas"):
        try:
            inverse = np.linalg.inv(scaled)
        except np.linalg.LinAlgError:
            return None
        if not _is_proven(scaled, inverse):
            return None
        return _corrected(matrix, right, halves, inverse)


def _is_proven(scaled: np.ndarray, inverse: np.ndarray) -> bool:
    """Whether ‖1 - inverse · scaled‖ < ½, with all that rounding may have added: both are then regular."""
    count = len(scaled)
    off = np.abs(np.eye(count) - inverse @ scaled).sum(axis=1).max()
    # Rounding of the product, and of the scaled matrix itself, is at most this.
    rounding = (count + 2) * 2.0**-52 * (np.abs(inverse) @ np.abs(scaled)).sum(axis=1).max()
    return bool(np.isfinite(off) and off + rounding < 0.5)


def _corrected(
    matrix: Sequence[Sequence[int]], right: Sequence[Sequence[int]], halves: list[int], inverse: np.ndarray
) -> Refined | None:
    lowest, count = min(halves), len(halves)
    ups = np.array([2 ** (half - lowest) for half in halves], dtype=object)[:, None]
    whole = np.array(matrix, dtype=object)
    goal = np.array(right, dtype=object).reshape(count, -1) * 2 ** (BITS - lowest)
    steps = np.zeros(goal.shape, dtype=object)
    for _ in range(MOST_STEPS):
        left = goal - whole.dot(steps * ups)
        change = _change(left, halves, inverse, lowest)
        steps = steps + change
        sizes = [max(map(abs, column)).bit_length() for column in steps.T.tolist()]
        moves = [max(map(abs, column)).bit_length() for column in change.T.tolist()]
        if all(move <= max(size - EXACT_BITS, 1) for move, size in zip(moves, sizes, strict=True)):
            return Refined(2 ** (BITS - lowest), steps * ups)
    return None


def _change(left: np.ndarray, halves: list[int], inverse: np.ndarray, lowest: int) -> np.ndarray:
    """inverse · residual in steps: each residual column is brought to the size of 1 and back, since doubles
    end where whole numbers do not.
    """
    tall = [
        [value << (half - lowest) for value in row] for row, half in zip(left.tolist(), halves, strict=True)
    ]
    sizes = [max(abs(row[at]) for row in tall).bit_length() for at in range(left.shape[1])]
    unit = np.array([[_times_power(v, -size) for v, size in zip(row, sizes, strict=True)] for row in tall])
    found = inverse @ unit
    # A residual counts in steps of 2^(2 lowest), twice the power that the scaling took out.
    powers = [size + 2 * lowest for size in sizes]
    return np.array(
        [[_rounded(v, power) for v, power in zip(row, powers, strict=True)] for row in found.tolist()],
        dtype=object,
    )


def _times_power(value: int, power: int) -> float:
    """value · 2^power, nearest."""
    return value / 2**-power if power < 0 else float(value * 2**power)


def _rounded(value: float, power: int) -> int:
    """value · 2^power as a whole number."""
    fraction, exponent = math.frexp(value)
    shift = exponent + power - 53
    whole = int(math.ldexp(fraction, 53))
    return whole << shift if shift >= 0 else (whole + (1 << (-shift - 1))) >> -shift
