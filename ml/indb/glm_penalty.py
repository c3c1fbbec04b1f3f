"""The squared penalty of a generalised linear model, as a quadratic form of the table's coefficients.

Belongs here: the form, and the deviations it may count columns in. Does not belong here: fits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ml.indb.errors import InDatabaseError
from ml.indb.glm_pass import GlmPass
from ml.indb.glm_table import GlmTable, in_steps, steps_for
from ml.indb.glm_terms import raw_map
from warehouse.client.dialect import POSTGRES

if TYPE_CHECKING:
    from warehouse.client import Warehouse


STANDARDIZE = (False, True, "numbers")


def check_penalty(penalty: float) -> float:
    """
    Raises:
        InDatabaseError: it is below 0, or no number.
    """
    if not 0.0 <= penalty < 1e12:
        raise InDatabaseError(f"penalty is {penalty!r}; allowed: 0 (none) or more.")
    return float(penalty)


@dataclass(frozen=True)
class Spread:
    """Of rows: `means` and `variances` (A,) by axis of the table, of known values alone and of missing ones
    counted as their mean; `shares` (P,) of each category by its coefficient, 0 elsewhere.
    """

    means: np.ndarray
    variances: np.ndarray
    shares: np.ndarray


def check_standardize(standardize: bool | str) -> None:
    """
    Raises:
        InDatabaseError: it is none of the choices.
    """
    if standardize not in STANDARDIZE:
        raise InDatabaseError(
            f"standardize is {standardize!r}; allowed: {', '.join(map(repr, STANDARDIZE))}."
        )


def spread_of(wh: Warehouse, run: GlmPass) -> Spread:
    """One scan for numbers, and one for categories.

    Raises:
        WarehouseError: the statement fails.
    """
    table, terms, places = run.table, run.terms, _places(run)
    factor = steps_for(table.largest[0] * 4.0)  # centred numbers lie within ±2
    ys = [f"y{at}" for at in range(len(table.axes))]
    sums = [in_steps(f"n * {part}", factor) for y in ys for part in (y, f"{y} * {y}")]
    lines = f"({run.lines_sql(np.zeros((1, terms.count)), ['n', *places])} {POSTGRES.fence}) as s"
    first = wh.scalar(f"select array[{', '.join(f'{one}::text' for one in sums)}]::text[] from {lines}")
    values = np.array([int(text) / factor / table.weight for text in first]).reshape(-1, 2)
    found = []
    if places:
        sets = ", ".join(f"({name})" for name in places)
        which = " ".join(f"when grouping({name}) = 0 then {at}" for at, name in enumerate(places))
        place = " ".join(f"when grouping({name}) = 0 then {name}" for name in places)
        found = wh.query(
            f"select case {which} end as at, case {place} end as c, {in_steps('n', factor)}::text as n "
            f"from {lines} group by grouping sets ({sets})"
        )
    shares = np.zeros(terms.count)
    for row in found:
        level = terms.levels[row["at"]][row["c"] - 1]
        if level is not None:
            shares[level] = int(row["n"]) / factor / table.weight
    run.count += 1 + bool(places)
    run.bytes_out += sum(map(len, [*first, *(row["n"] for row in found)]))
    return Spread(*_of_known(table, values), shares)


def _of_known(table: GlmTable, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """From means and mean squares (A, 2) of z - axis.mean, where a missing value's z is 0."""
    known = {axis.column: 1.0 - axis.mean - y for axis, (y, _) in zip(table.axes, values, strict=True)
             if axis.kind == "missing"}  # fmt: skip
    means, variances = [], []
    for axis, (y, square) in zip(table.axes, values.tolist(), strict=True):
        share = known.get(axis.column, 1.0) if axis.kind == "number" else 1.0
        means.append((axis.mean + y) / share)
        square -= (1.0 - share) * axis.mean**2
        variances.append(max(square - share * (means[-1] - axis.mean) ** 2, 0.0))
    return np.array(means), np.array(variances)


def penalty_matrix(
    run: GlmPass, penalty: float, spread: Spread | None = None, *, levels: bool = True
) -> np.ndarray:
    """`penalty` / 2 · Σ b² of mean log-likelihood, as a quadratic form (M P, M P). Of several classes it is
    that of all classes' coefficients about their mean, which does not depend on the base.

    With `spread` each number counts in its deviation and a missing one as the mean, so that neither the unit
    nor the origin of a column matters; with `levels` categories count in their deviations too.
    """
    terms, margins = run.terms, run.family.margins
    if not penalty:
        return np.zeros((margins * terms.count, margins * terms.count))
    matrix, sizes = raw_map(terms, run.table)[1:], np.ones(terms.count - 1)
    if spread is not None:
        matrix = np.eye(terms.count)[1:]
        if levels:
            sizes = (spread.shares * (1.0 - spread.shares))[1:]
        else:
            sizes = np.where(spread.shares[1:] > 0.0, 1.0, 0.0)
        places = dict(zip(((a.column, a.kind) for a in run.table.axes), terms.axes, strict=True))
        for axis, mean, variance in zip(run.table.axes, spread.means, spread.variances, strict=True):
            at = places[axis.column, axis.kind]
            sizes[at - 1] = variance
            if axis.kind == "number" and (axis.column, "missing") in places:
                matrix[places[axis.column, "missing"] - 1, at] = -mean
    one = penalty * run.table.weight * (matrix.T * sizes) @ matrix
    between = np.eye(margins) - (1.0 / (margins + 1) if margins > 1 else 0.0)
    return np.kron(between, one)


def _places(run: GlmPass) -> list[str]:
    return [f"c{at}" for at in range(len(run.terms.levels))]
