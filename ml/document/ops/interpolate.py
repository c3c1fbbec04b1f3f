"""Piecewise linear functions: isotonic calibration.

Belongs here: `interpolate`. Does not belong here: fitting the knots.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ml.document.ops.constants import arity, factor, only, several

if TYPE_CHECKING:
    from warehouse.client.dialect import Dialect


class Interpolate:
    """y of x between the knots (xs rising, ys): y_i + slope_i · (x - x_i) on [x_i, x_i+1), the first y below
    the first knot and the last from the last on. Missing stays missing.

    The slopes are constants of the document, so that no evaluator divides.
    """

    name, takes = "interpolate", "number"

    def check(self, node: Any) -> None:
        arity(node, 1)
        only(node, "xs", "ys", "slopes")
        xs = several(node.params["xs"], "xs")
        several(node.params["ys"], "ys", len(xs))
        several(node.params["slopes"], "slopes", max(len(xs) - 1, 0), factor)
        if not xs or any(low >= high for low, high in zip(xs, xs[1:], strict=False)):
            raise ValueError("xs do not rise; allowed: at least one, strictly rising")

    def batch(self, node: Any, columns: list[np.ndarray]) -> np.ndarray:
        x = columns[0]
        xs, ys, slopes = (np.asarray(values, dtype=np.float64) for values in _knots(node))
        slopes = np.append(slopes, 0.0)
        place = np.clip(np.searchsorted(xs, x, side="right") - 1, 0, len(xs) - 1)
        difference = _without_tiny(x - xs[place])
        y = np.where(x < xs[0], ys[0], np.where(x >= xs[-1], ys[-1], ys[place] + slopes[place] * difference))
        return np.where(np.isnan(x), np.nan, y)

    def row(self, node: Any) -> Callable[..., float]:
        xs, ys, slopes = _knots(node)

        def interpolated(x: float) -> float:
            if x != x:
                return x
            if x < xs[0]:
                return ys[0]
            if x >= xs[-1]:
                return ys[-1]
            place = bisect_right(xs, x) - 1
            difference = x - xs[place]
            return ys[place] + slopes[place] * (0.0 if abs(difference) < 1e-100 else difference)

        return interpolated

    def sql(self, node: Any, operands: list[str], dialect: Dialect) -> str:
        x, number = operands[0], dialect.number
        xs, ys, slopes = _knots(node)
        branches = [f"when {x} < {number(xs[0])} then {number(ys[0])}"]
        for place, slope in enumerate(slopes):
            inside = number(ys[place])
            if slope:
                difference = f"({x} - {number(xs[place])})"
                tiny, zero = number(1e-100), number(0.0)
                inside += (
                    f" + {number(slope)} * "
                    f"case when abs({difference}) < {tiny} then {zero} else {difference} end"
                )
            branches.append(f"when {x} < {number(xs[place + 1])} then {inside}")
        branches.append(f"when {x} is not null then {number(ys[-1])}")
        return "case\n  " + "\n  ".join(branches) + " end"


def _knots(node: Any) -> tuple[list[float], list[float], list[float]]:
    """xs, ys and slopes. A negative zero among the ys is made 0, or it would depend on the slope's sign."""
    return list(node.params["xs"]), [y + 0.0 for y in node.params["ys"]], list(node.params["slopes"])


def _without_tiny(difference: np.ndarray) -> np.ndarray:
    return np.where(np.abs(difference) < 1e-100, 0.0, difference)


OPERATIONS = (Interpolate(),)
