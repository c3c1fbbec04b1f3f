"""Trees as Python functions: what makes the answer to one row quick.

A tree becomes one conditional expression, and runs of trees one function, so that CPython's own interpreter
walks them: four times quicker than tuples walked by a loop. Only finite numbers of a checked document enter
the source, written by `repr`, and places counted here; no text of a document does. Belongs here: the source.
Does not belong here: what a tree means (`ml.document.ops.trees`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

MAX_DEPTH = 80
"""Python's parser takes 200 nested parentheses; deeper trees than this are not compiled."""

MAX_NODES = 200_000
"""A node costs about three microseconds of compiling; ensembles beyond this go to LightGBM, or are walked."""

FUNCTION_NODES = 1_000
"""A run of trees is closed after so many nodes: calls cost time, and so do the long jumps of large ones."""


def compiled(params: Mapping[str, Any], operands: int) -> Callable[..., float] | None:
    """The row form of a `trees` node as functions of Python; None where it is too deep or too large."""
    trees, sets = params["trees"], [frozenset(codes) for codes in params.get("sets", [])]
    if sum(len(tree["feature"]) for tree in trees) > MAX_NODES or any(_depth(t) > MAX_DEPTH for t in trees):
        return None
    parts = [_function(run, operands, sets) for run in _runs(trees)]
    start, divide = float(params["start"]), params.get("divide")
    if len(parts) == 1 and divide is None:
        (only,) = parts
        return lambda *xs: only(start, *xs)

    def ensemble(*xs: float) -> float:
        total = start
        for part in parts:
            total = part(total, *xs)
        return total if divide is None else total / divide

    return ensemble


def _runs(trees: Sequence[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    run: list[Mapping[str, Any]] = []
    size = 0
    for tree in trees:
        if run and size + len(tree["feature"]) > FUNCTION_NODES:
            yield run
            run, size = [], 0
        run.append(tree)
        size += len(tree["feature"])
    if run:
        yield run


def _function(trees: list[Mapping[str, Any]], operands: int, sets: list[frozenset]) -> Callable[..., float]:
    arguments = ", ".join(["total", *(f"x{place}" for place in range(operands))])
    lines = [f"def part({arguments}):", *(f"    total = total + {_expression(tree)}" for tree in trees)]
    lines.append("    return total")
    names: dict[str, Any] = {"__builtins__": {}, "sets": tuple(sets)}
    exec(compile("\n".join(lines), "<trees of a model document>", "exec"), names)
    return names["part"]


def _expression(tree: Mapping[str, Any]) -> str:
    """One tree; built from the last node to the first, since children stand behind their parents."""
    texts = [""] * len(tree["feature"])
    for place in range(len(texts) - 1, -1, -1):
        if tree["feature"][place] == -1:
            texts[place] = repr(float(tree["value"][place]))
            continue
        left, right = texts[tree["left"][place]], texts[tree["right"][place]]
        texts[place] = _branch(tree, place, left, right)
        texts[tree["left"][place]] = texts[tree["right"][place]] = ""
    return texts[0]


def _branch(tree: Mapping[str, Any], place: int, left: str, right: str) -> str:
    """A comparison with a missing x is false, so a node that sends it left is written the other way round."""
    x, test = f"x{int(tree['feature'][place])}", tree["test"][place]
    threshold, missing_left = float(tree["threshold"][place]), tree["missing_left"][place]
    if test == "known":
        return f"({left} if {x} == {x} else {left if missing_left else right})"
    if test == "in":
        goes_left = f"{x} in sets[{int(threshold)}]"
        if missing_left:
            goes_left = f"{x} != {x} or {goes_left}"
        return f"({left} if {goes_left} else {right})"
    if missing_left:
        return f"({right} if {x} {'>' if test == '<=' else '>='} {threshold!r} else {left})"
    return f"({left} if {x} {'<' if test == '<' else '<='} {threshold!r} else {right})"


def _depth(tree: Mapping[str, Any]) -> int:
    depth = [0] * len(tree["feature"])
    for place, feature in enumerate(tree["feature"]):
        if feature != -1:
            depth[tree["left"][place]] = depth[tree["right"][place]] = depth[place] + 1
    return max(depth)
