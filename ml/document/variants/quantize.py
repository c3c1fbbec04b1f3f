"""Documents with fewer bits in their constants, each constant still an exact double.

Belongs here: rounding leaves, thresholds and weights; pure functions from a document to a document. Does not
belong here: leaving parts out (`prune`), whether the result is good enough (`non_inferiority`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ml.document.ops.constants import LIMIT, TINY
from ml.document.variants.derive import derived, flushed, with_params
from ml.document.variants.prune import spread_of
from ml.document.variants.tree_edit import collapsed

if TYPE_CHECKING:
    from ml.document.schema import Document, Node

FLOAT32_BITS = 24
START_BITS = 16
"""How many bits finer than the leaves the start of an ensemble is kept: its rounding moves every row."""

DIRECTIONS = ("float32_inputs", "down", "up", "nearest")
TABLES = {"lookup", "recode"}


def quantize(document: Document, bits: int) -> Document:
    """`leaves_to_bits`, `thresholds_to_float32` and `weights_to_bits`."""
    return weights_to_bits(thresholds_to_float32(leaves_to_bits(document, bits)), bits)


def leaves_to_bits(document: Document, bits: int) -> Document:
    """Each ensemble's leaves as multiples of a step, the power of two that is next above the spread of its
    leaves / 2^bits. Leaves that become equal beside one another are merged.

    A leaf changes by at most half a step. The start is rounded to a step 2^16 times finer. Sums of such
    numbers are exact as long as they stay under 2^53 finer steps, in whatever order they are added.

    Raises:
        ValueError: bits is not from 1 to 32.
    """
    _check_bits(bits, 1, 32)

    def change(node: Node) -> Node:
        spread = spread_of(node) if node.op == "trees" else 0.0
        if spread <= TINY:
            return node
        step = 2.0 ** math.ceil(math.log2(spread) - bits)
        trees = [_rounded_leaves(tree, step) for tree in node.params["trees"]]
        start = to_step(node.params["start"], step * 2.0**-START_BITS)
        if start == node.params["start"] and trees == node.params["trees"]:
            return node
        return with_params(node, trees=trees, start=start)

    return derived(document, change, f"leaves to {bits} bits")


def thresholds_to_float32(document: Document, direction: str = "float32_inputs") -> Document:
    """Each threshold with 24 significant bits, those of a float32, over the whole range of a double.

    `direction`: "down", "up", "nearest"; or "float32_inputs", which rounds down where x <= threshold is asked
    and up where x < threshold is: no x that itself has 24 bits changes sides, such as a whole number under
    2^24.

    Raises:
        ValueError: the direction is none of these.
    """
    if direction not in DIRECTIONS:
        raise ValueError(f"direction {direction!r}; allowed: {', '.join(DIRECTIONS)}.")

    def change(node: Node) -> Node:
        if node.op != "trees":
            return node
        trees = [_rounded_thresholds(tree, direction) for tree in node.params["trees"]]
        return node if trees == node.params["trees"] else with_params(node, trees=trees)

    return derived(document, change, f"thresholds to float32, {direction.replace('_', ' ')}")


def weights_to_bits(document: Document, bits: int) -> Document:
    """The weights and starts of weighted sums with `bits` significant bits (24 are those of a float32), and
    so the numbers of tables that only weighted sums read, into which weights of indicators were put.

    Raises:
        ValueError: bits is not from 2 to 53.
    """
    _check_bits(bits, 2, 53)
    readers: dict[str, set[str]] = {name: {"margin"} for name in document.margins}
    for node in document.nodes:
        for name in node.inputs:
            readers.setdefault(name, set()).add(node.op)

    def change(node: Node) -> Node:
        if node.op == "weighted":
            weights = [_rounded_weight(weight, bits) for weight in node.params["weights"]]
            params = {"weights": weights, "start": _rounded_weight(node.params["start"], bits)}
        elif node.op in TABLES and readers.get(node.id) == {"weighted"}:
            params = _rounded_table(node.params, bits)
        else:
            return node
        unchanged = all(params[name] == node.params[name] for name in params)
        return node if unchanged else with_params(node, **params)

    return derived(document, change, f"weights to {bits} bits")


def to_step(value: float, step: float) -> float:
    """The multiple of `step`, a power of two, that is nearest; of two the even one. Exact."""
    ratio = value / step
    if abs(ratio) >= 2.0**52:
        return value  # a multiple already: a double of this size has no finer bits
    return flushed(float(round(ratio)) * step)


def to_significant(value: float, bits: int, rounded: Callable[[float], int] = round) -> float:
    """The value with `bits` significant bits, rounded to whole units of the last by `rounded`; the value
    itself where the result would leave the range of a double.
    """
    fraction, exponent = math.frexp(value)
    try:
        result = math.ldexp(float(rounded(math.ldexp(fraction, bits))), exponent - bits)
    except OverflowError:
        return value
    return result if math.isfinite(result) else value


def _rounded_leaves(tree: Mapping[str, Any], step: float) -> Mapping[str, Any]:
    values = [
        to_step(value, step) if feature == -1 else value
        for feature, value in zip(tree["feature"], tree["value"], strict=True)
    ]
    return collapsed({**tree, "value": values}, 0.0)


def _rounded_thresholds(tree: Mapping[str, Any], direction: str) -> dict[str, Any]:
    ways = {"down": math.floor, "up": math.ceil, "nearest": round}
    by_test = {"<=": math.floor, "<": math.ceil} if direction == "float32_inputs" else {}
    thresholds = []
    for feature, test, threshold in zip(tree["feature"], tree["test"], tree["threshold"], strict=True):
        if feature != -1 and test in ("<=", "<"):
            way = by_test.get(test) or ways[direction]
            threshold = to_significant(float(threshold), FLOAT32_BITS, way)
        thresholds.append(threshold)
    return {**tree, "threshold": thresholds}


def _rounded_weight(value: float, bits: int) -> float:
    """Rounded, but for what would leave the sizes that a weight may have."""
    result = to_significant(float(value), bits)
    return result if not value or TINY <= abs(result) <= LIMIT else value


def _rounded_table(params: Mapping[str, Any], bits: int) -> dict[str, Any]:
    def number(value: float | None) -> float | None:
        return None if value is None else to_significant(float(value), bits)

    values = [[key, number(value)] for key, value in params["values"]]
    return {"values": values, "unknown": number(params["unknown"]), "missing": number(params["missing"])}


def _check_bits(bits: int, least: int, most: int) -> None:
    if isinstance(bits, bool) or not isinstance(bits, int) or not least <= bits <= most:
        raise ValueError(f"bits {bits!r}; allowed: a whole number from {least} to {most}.")
