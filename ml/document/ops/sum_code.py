"""Sums as Python functions: what makes the answer to one row of a linear model, clusters or layers quick.

A sum becomes straight lines of source, so that CPython adds the terms without a loop over them. Only finite
numbers of a checked document enter the source, written by `repr`, and places counted here; no text of a
document does. Belongs here: the source. Does not belong here: what a sum means (`ml.document.ops.linear`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

LINE_TERMS = 50
"""A longer expression is closed and goes on in the next line: Python's compiler recurses once a term."""


def weighted_sum(start: float, weights: Sequence[float]) -> Callable[..., float]:
    """start + w0·x0 + w1·x1 + …, from the left."""
    terms = [f" + {float(weight)!r} * x{place}" for place, weight in enumerate(weights)]
    lines = [f"total = {float(start)!r}"]
    for first in range(0, len(terms), LINE_TERMS):
        lines.append(f"total = total{''.join(terms[first : first + LINE_TERMS])}")
    return _function(len(weights), lines)


def squares_sum(
    start: float, centers: Sequence[float], factors: Sequence[float] | None, tiny: float
) -> Callable[..., float]:
    """start + (x0 - c0)² + …, or with factors start - (x0 - c0)²·f0 - …, from the left; a difference under
    `tiny` counts as 0.
    """
    lines = [f"total = {float(start)!r}"]
    for place, center in enumerate(centers):
        square = f"(0.0 if {-tiny!r} < d < {tiny!r} else d * d)"
        term = f"+ {square}" if factors is None else f"- {square} * {float(factors[place])!r}"
        lines += [f"d = x{place} - {float(center)!r}", f"total = total {term}"]
    return _function(len(centers), lines)


def _function(operands: int, lines: Sequence[str]) -> Callable[..., float]:
    body = "\n    ".join([*lines, "return total"])
    source = f"def total_of({', '.join(f'x{place}' for place in range(operands))}):\n    {body}"
    names: dict[str, object] = {"__builtins__": {}}
    exec(compile(source, "<a sum of a model document>", "exec"), names)
    return names["total_of"]  # type: ignore[return-value]
