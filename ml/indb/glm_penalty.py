"""The squared penalty of a generalised linear model, as a quadratic form of the table's coefficients.

Belongs here: the form, and the deviations it may count columns in. Does not belong here: fits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ml.document.dialect import POSTGRES
from ml.indb.errors import InDatabaseError
from ml.indb.glm_pass import GlmPass
from ml.indb.glm_table import in_steps, steps_for
from ml.indb.glm_terms import raw_map

if TYPE_CHECKING:
    from warehouse.client import Warehouse


def check_penalty(penalty: float) -> float:
    """
    Raises:
        InDatabaseError: it is below 0, or no number.
    """
    if not 0.0 <= penalty < 1e12:
        raise InDatabaseError(f"penalty is {penalty!r}; allowed: 0 (none) or more.")
    return float(penalty)


def variances(wh: Warehouse, run: GlmPass) -> np.ndarray:
    """The variance over rows of each of the table's columns but the intercept, (P - 1,): one scan.

    Raises:
        WarehouseError: the statement fails.
    """
    table, terms = run.table, run.terms
    factor = steps_for(table.largest[0] * 4.0)  # centred numbers lie within ±2
    ys = [f"y{at}" for at in range(len(table.axes))]
    sums = [in_steps(f"n * {part}", factor) for y in ys for part in (y, f"{y} * {y}")]
    lines = f"({run.lines_sql(np.zeros((1, terms.count)), ['n', *_places(run)])} {POSTGRES.fence}) as s"
    rows = wh.query(f"select -1 as at, null::int as c, array[{_texts(sums)}]::text[] as sums from {lines}")
    if terms.levels:
        sets = ", ".join(f"({name})" for name in _places(run))
        cases = " ".join(f"when grouping({name}) = 0 then {at}" for at, name in enumerate(_places(run)))
        place = " ".join(f"when grouping({name}) = 0 then {name}" for name in _places(run))
        rows += wh.query(
            f"select case {cases} end as at, case {place} end as c, array[{_texts([in_steps('n', factor)])}] "
            f"as sums from {lines} group by grouping sets ({sets})"
        )
    run.count += 1
    run.bytes_out += sum(len(text or "") for row in rows for text in row["sums"])
    found, weight = np.zeros(terms.count), table.weight
    for row in rows:
        values = [int(text) / factor / weight for text in row["sums"]]
        if row["at"] < 0:
            for place_of, mean, square in zip(terms.axes, values[::2], values[1::2], strict=True):
                found[place_of] = square - mean * mean
        elif (level := terms.levels[row["at"]][row["c"] - 1]) is not None:
            found[level] = values[0] * (1.0 - values[0])
    return np.maximum(found[1:], 0.0)


def penalty_matrix(run: GlmPass, penalty: float, spread: np.ndarray | None = None) -> np.ndarray:
    """`penalty` / 2 · Σ b² of mean log-likelihood, as a quadratic form (M P, M P). Of several classes it is
    that of all classes' coefficients about their mean, which does not depend on the base. With `spread`, the
    columns' variances, each column counts in its deviation.
    """
    terms, table, margins = run.terms, run.table, run.family.margins
    if not penalty:
        return np.zeros((margins * terms.count, margins * terms.count))
    matrix = raw_map(terms, table)[1:]
    sizes = np.ones(terms.count - 1)
    if spread is not None:
        sizes = spread / np.diag(matrix[:, 1:]) ** 2
    one = penalty * table.weight * (matrix.T * sizes) @ matrix
    between = np.eye(margins) - (1.0 / (margins + 1) if margins > 1 else 0.0)
    return np.kron(between, one)


def _places(run: GlmPass) -> list[str]:
    return [f"c{at}" for at in range(len(run.terms.levels))]


def _texts(sums: list[str]) -> str:
    return ", ".join(f"{one}::text" for one in sums)
