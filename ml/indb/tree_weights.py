"""Row weights of trees as whole numbers of equal steps, so that sums of them are exact in any order.

A weight is read as what it says: a double as the shortest decimal that reads back to it, 0.1 as one tenth.
The steps are the coarsest tenth, hundredth, … or half, quarter, … that every weight is a whole number of.
Weights that lie on no such grid are refused, unless the steps are declared, which rounds to them.

Belongs here: finding the steps, a weight in steps as SQL and in memory, refusals of weights. Does not belong
here: what weights are multiplied with (`ml.indb.losses`), or weights of cofactors (`ml.indb.columns`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

import numpy as np

from ml.indb.columns import DOUBLE_WHOLE
from ml.indb.errors import InDatabaseError
from ml.indb.grouped_values import column
from ml.indb.labels import bits_for
from warehouse.client.dialect import POSTGRES

if TYPE_CHECKING:
    from ml.indb.tree_settings import TreeRows
    from warehouse.client import Warehouse

TENTHS = tuple(10**digits for digits in range(10))
HALVES = tuple(2**places for places in range(31))
GRIDS = {"decimals": TENTHS, "places": HALVES}
WHOLE = ("smallint", "integer", "bigint")
NONE_FITS = 99


@dataclass(frozen=True)
class RowWeights:
    """`steps` make a weight of 1; `sql` is a row's weight in steps, a bigint; `total`: the sum over rows."""

    steps: int
    sql: str
    total: int


def read_weights(wh: Warehouse, rows: TreeRows, type_name: str | None) -> RowWeights:
    """The weights of the relation, whose column is of the type `type_name`; one scan where they are whole
    numbers, else two.

    Raises:
        InDatabaseError: a weight is missing, negative or not finite; it lies on no grid; a declared step
            rounds it to none; none is above 0; they add up to more than a bigint of sums takes.
    """
    if rows.weight is None or type_name is None:
        return RowWeights(1, "1::bigint", int(wh.scalar(f"select count(*) from {rows.relation} as r")))
    one = _Column(rows.weight, column(rows.weight), type_name)
    found = wh.query(
        f"select count(*) filter (where ({one.is_weight}) is not true) as refused, "
        f"coalesce(sum(case when {one.is_weight} then trunc({one.x}::numeric) end), 0) as units, "
        f"{', '.join(_least(one, name) for name in GRIDS)} from {rows.relation} as r"
    )[0]
    if found["refused"]:
        one.refuse(wh, rows, f"({one.is_weight}) is not true", found["refused"])
    steps = rows.weight_steps or _steps(wh, rows, one, found)
    bits_for(int(found["units"]) * steps, rows.weight, steps)  # from here on none of them leaves a bigint
    if steps == 1 and rows.weight_steps is None:
        return RowWeights(1, f"{one.x}::bigint", _some(int(found["units"]), rows.weight))
    sql = one.in_steps(steps, is_rounded=rows.weight_steps is not None)
    summed = wh.query(
        f"select coalesce(sum({sql}), 0)::bigint as total, count(*) filter (where {one.x} > 0 and {sql} = 0) "
        f"as lost from {rows.relation} as r"
    )[0]
    if summed["lost"]:
        one.refuse(wh, rows, f"{one.x} > 0 and {sql} = 0", summed["lost"], f"round to none of {steps} steps")
    return RowWeights(steps, sql, _some(int(summed["total"]), rows.weight))


def weights_in_steps(values: np.ndarray, declared: int | None) -> tuple[int, np.ndarray]:
    """The steps in a weight of 1, and weights (rows,) of doubles as int64, as `read_weights` has them.

    Raises:
        InDatabaseError: they lie on no grid.
    """
    steps = declared
    if steps is None:
        fitting = [n for grid in GRIDS.values() for n in grid if np.all(np.rint(values * n) / n == values)]
        if not fitting:
            raise InDatabaseError(f"weights lie on no grid; allowed: {_ALLOWED}")
        steps = min(fitting)
    return steps, np.rint(values * steps).astype(np.int64)


_ALLOWED = (
    f"multiples of 1e-{len(TENTHS) - 1}, or of 2**-{len(HALVES) - 1}. Round them in the "
    "relation, or declare weight_steps, so many in a weight of 1, to round to."
)


@dataclass(frozen=True)
class _Column:
    name: str
    x: str
    type_name: str

    @property
    def is_weight(self) -> str:
        """NaN stands above infinity in Postgres; nothing beyond 2**53 can be trusted to be what it was."""
        return f"{self.x} between 0 and {DOUBLE_WHOLE}"

    @property
    def _double(self) -> str:
        return f"{self.x}::text::float8" if self.type_name == "real" else f"{self.x}::float8"

    def fits(self, steps: int) -> str:
        """Whether a weight is a whole number of steps: dividing what was rounded gives the double nearest to
        that many steps, which is the weight, or it is not.
        """
        if self.type_name in WHOLE:
            return "true"
        if self.type_name == "numeric":
            return f"trunc({self.x} * {steps}) = {self.x} * {steps}"
        many = POSTGRES.number(float(steps))
        return f"round({self._double} * {many}) / {many} = {self._double}"

    def in_steps(self, steps: int, *, is_rounded: bool) -> str:
        if self.type_name in WHOLE:
            return f"({self.x}::bigint * {steps})"
        if self.type_name == "numeric" and not is_rounded:
            return f"({self.x} * {steps})::bigint"
        return f"(round({self._double} * {POSTGRES.number(float(steps))}))::bigint"

    def refuse(
        self, wh: Warehouse, rows: TreeRows, where: str, count: int, how: str | None = None
    ) -> NoReturn:
        """Raise, with one of the weights."""
        such = wh.query(
            f"select {self.x}::text as value from {rows.relation} as r where {where} "
            f"order by {self.x} is not null, {self.x} limit 1"
        )
        value = such[0]["value"] if such and such[0]["value"] is not None else "missing"
        allowed = {
            None: "finite numbers from 0 to 2**53. Fill or filter them in the relation.",
            "lie on no grid": _ALLOWED,
        }.get(how, "0, or at least half a step. Declare more weight_steps.")
        raise InDatabaseError(
            f"weight {self.name!r}: {count} rows {how or 'hold none that counts'}, such as {value}; "
            f"allowed: {allowed}"
        )


def _least(one: _Column, name: str) -> str:
    """The place of the first of a family of grids that a weight lies on; the largest of all rows serves all,
    since each grid holds the one before.
    """
    whens = " ".join(f"when {one.fits(steps)} then {at}" for at, steps in enumerate(GRIDS[name]))
    return f"coalesce(max(case when {one.is_weight} then case {whens} else {NONE_FITS} end end), 0) as {name}"


def _steps(wh: Warehouse, rows: TreeRows, one: _Column, found: dict[str, int]) -> int:
    fitting = [grid[found[name]] for name, grid in GRIDS.items() if found[name] != NONE_FITS]
    if fitting:
        return min(fitting)
    # The first that lie on neither; where each lies on one, those that are no decimals.
    where = " and ".join(f"not ({one.fits(grid[-1])})" for grid in GRIDS.values())
    for refused in (where, f"not ({one.fits(TENTHS[-1])})"):
        count = int(wh.scalar(f"select count(*) from {rows.relation} as r where {refused}"))
        if count:
            one.refuse(wh, rows, refused, count, "lie on no grid")
    raise InDatabaseError(f"weight {one.name!r} changed while it was read. Train again.")


def _some(total: int, name: str) -> int:
    if not total:
        raise InDatabaseError(f"weight {name!r} is 0 in every row; allowed: some above 0. Widen the window.")
    return total
