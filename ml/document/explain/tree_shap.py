"""Exact path-dependent Shapley values of a sum of trees, for many rows by NumPy.

Belongs here: rows against paths. Does not belong here: what the columns are (`ml.document.explain.plan`).

The values are those of Lundberg et al., "From local explanations to global understanding with explainable AI
for trees" (2020), algorithm 2: a column that is not known sends a row down both branches, by their covers.
For one leaf of value v, whose path tests columns with shares z, a row has o = 1 for a column whose conditions
it meets, else 0. Given the columns of a set S the leaf's expected part is v · Π_S o · Π_rest z, and its
Shapley values, as the mean over all orders of the columns, are

    φ_i = v · (o_i - z_i) · ∫₀¹ Π_{j≠i} (z_j + t · (o_j - z_j)) dt,

since a column stands before i with probability t where i's own place is t. The integrand is a polynomial of
degree k - 1, so Gauss-Legendre's rule on ⌈k/2⌉ points is exact but for rounding.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ml.document.explain.paths import Group, Paths

BLOCK = 1_000_000
"""Numbers in one array of a block of rows: about 8 MB each."""


def tree_values(paths: Paths, columns: np.ndarray, inputs: np.ndarray, count: int) -> np.ndarray:
    """The values (rows, count) of the inputs. `columns` (rows, operands) float64, NaN is missing; `inputs`
    (operands,) is the input of each operand, whose values are summed to it.
    """
    values = np.zeros((len(columns), count))
    codes = _code_places(paths, columns)
    for group in paths.groups:
        step = max(1, BLOCK // group.operand.size)
        for first in range(0, len(columns), step):
            rows = slice(first, first + step)
            found = _group_values(group, columns[rows], codes[rows], paths.masks)
            values[rows] += _by_input(found, inputs[group.operand], count)
    return values


@lru_cache(maxsize=64)
def gauss(points: int) -> tuple[np.ndarray, np.ndarray]:
    """Points and weights of Gauss-Legendre's rule on [0, 1]."""
    at, weight = np.polynomial.legendre.leggauss(points)
    return (at + 1.0) / 2.0, weight / 2.0


def _group_values(group: Group, columns: np.ndarray, codes: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """The values of every place of every path: (width, rows, leaves)."""
    share, gap = group.share[:, None, :], _met(group, columns, codes, masks) - group.share[:, None, :]
    total = np.zeros_like(gap)
    for at, weight in zip(*gauss(group.width // 2), strict=True):
        factors = share + at * gap
        product = factors[0].copy()
        for factor in factors[1:]:
            product *= factor
        # A factor is 0 only where share and gap are: the value of that place is 0 whatever stands here.
        factors[factors == 0.0] = 1.0
        total += weight * (product / factors)
    return total * gap * group.value


def _met(group: Group, columns: np.ndarray, codes: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Whether a row meets all conditions on a column: (width, rows, leaves) of bool."""
    met = np.empty((group.width, len(columns), len(group.value)), dtype=bool)
    for place, operand in enumerate(group.operand):
        x = columns[:, operand]
        met[place] = (x >= group.low[place]) & (x <= group.high[place])
        if group.mask[place].any():
            met[place] &= masks[group.mask[place], codes[:, operand]]
        met[place] |= np.isnan(x) & group.missing[place]
    return met


def _code_places(paths: Paths, columns: np.ndarray) -> np.ndarray:
    """Each value's place among its operand's codes; the place after them for all others."""
    places = np.zeros(columns.shape, dtype=np.intp)
    for operand, codes in enumerate(paths.codes):
        if len(codes):
            near = np.minimum(np.searchsorted(codes, columns[:, operand]), len(codes) - 1)
            places[:, operand] = np.where(codes[near] == columns[:, operand], near, len(codes))
    return places


def _by_input(found: np.ndarray, inputs: np.ndarray, count: int) -> np.ndarray:
    rows = found.shape[1]
    cells = inputs[:, None, :] + count * np.arange(rows)[None, :, None]
    return np.bincount(cells.ravel(), weights=found.ravel(), minlength=rows * count).reshape(rows, count)
