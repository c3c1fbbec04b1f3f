"""Where a document changes its mind: the values of each input at which some node behaves otherwise.

Belongs here: following thresholds back from the nodes to the inputs. Does not belong here: rows made of them
(`ml.document.adversarial`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ml.document.ops.constants import LIMIT, TINY
from ml.document.ops.missing import ZERO

if TYPE_CHECKING:
    from ml.document.schema import Document, Node


def thresholds(document: Document) -> dict[str, list[float]]:
    """By number input: the sorted finite values at which a node applied to it, directly or through others
    that can be undone, compares, clips or changes its slope. Undone arithmetic gives them to a few ulps.
    """
    wanted: dict[str, set[float]] = {item.name: set() for item in document.inputs if item.kind == "number"}
    for name in document.margins:
        wanted.setdefault(name, set()).add(document.head.cut or 0.0)
    for node in reversed(document.nodes):
        undo = _undo(node)
        own = _of_trees(node) if node.op == "trees" else {}
        for place, name in enumerate(node.inputs):
            found = wanted.setdefault(name, set())
            found.update(own[place] if own else _own(node, place))
            if undo is not None:
                found.update(filter(None.__ne__, (undo(value) for value in wanted.get(node.id, ()))))
    numbers = [item.name for item in document.inputs if item.kind == "number"]
    return {name: sorted(filter(math.isfinite, wanted[name])) for name in numbers}


def texts(document: Document) -> dict[str, list[str]]:
    """By category input: every text that a lookup names, in the document's order."""
    found: dict[str, dict[str, None]] = {i.name: {} for i in document.inputs if i.kind == "category"}
    for node in document.nodes:
        if node.op == "lookup":
            found[node.inputs[0]].update(dict.fromkeys(text for text, _ in node.params["values"]))
    return {name: list(known) for name, known in found.items()}


def _of_trees(node: Node) -> dict[int, set[float]]:
    """By operand: the thresholds and set members that the trees compare it with."""
    sets, found = node.params.get("sets", []), {place: set() for place in range(len(node.inputs))}
    for tree in node.params["trees"]:
        for feature, test, threshold in zip(tree["feature"], tree["test"], tree["threshold"], strict=True):
            if feature == -1 or test == "known":
                continue
            if test == "in":
                found[feature].update(sets[int(threshold)])
            else:
                found[feature].add(float(threshold))
    return found


def _own(node: Node, operand: int) -> Iterable[float]:
    """The values of one operand at which the node itself changes."""
    params = node.params
    if node.op == "bound":
        return (LIMIT, -LIMIT, TINY, -TINY)
    if node.op == "zero_is_missing":
        return (ZERO, -ZERO)
    if node.op in ("squared_distance", "gaussian"):
        return (params["center" if node.op == "squared_distance" else "means"][operand],)
    constants: Mapping[str, Callable[[], Iterable[float]]] = {
        "clip": lambda: params.values(),
        "bucket": lambda: params["edges"],
        "interpolate": lambda: params["xs"],
        "member": lambda: params["values"],
        "recode": lambda: [key for key, _ in params["values"]],
        "log": lambda: (-params.get("add", 0.0),),
        "affine": lambda: (params.get("subtract", 0.0),),
        "rectify": lambda: (0.0,),
    }
    return constants.get(node.op, tuple)()


SAME = {"bound", "impute", "clip", "zero_is_missing", "rectify"}


def _undo(node: Node) -> Callable[[float], float | None] | None:
    """The operand that gives the node this value, as near as arithmetic comes; None where there is no one."""
    params: Mapping[str, Any] = node.params
    if node.op in SAME:
        return lambda value: value
    if node.op == "truncate":
        return lambda value: value + 1.0 if value == math.trunc(value) and value > 0.0 else value
    if node.op == "log":
        return lambda value: math.exp(min(value, 700.0)) - params.get("add", 0.0)
    if node.op == "affine" and params.get("multiply") != 0.0:
        return lambda value: _undone_affine(params, value)
    if node.op == "weighted" and len(node.inputs) == 1 and params["weights"][0]:
        return lambda value: (value - params["start"]) / params["weights"][0]
    if node.op == "unshift":
        return lambda value: value * 2.0 ** params["shift"]
    return None


def _undone_affine(params: Mapping[str, Any], value: float) -> float | None:
    try:
        value = (value - params.get("add", 0.0)) / params.get("multiply", 1.0)
        return value * params.get("divide", 1.0) + params.get("subtract", 0.0)
    except OverflowError:
        return None
