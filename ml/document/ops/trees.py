"""Sums of decision trees: one tree, a forest, boosting.

A tree is a mapping of equally long lists by node, the root first:

- `feature`: position among the operands, -1 for a leaf;
- `test`: how x is compared: "<=", "<" (with `threshold`), "in" (with `threshold` as position in `sets`),
  "known" (every x that is not missing);
- `left`, `right`: the next node where the test holds, and where not; each lies behind its parent;
- `missing_left`: where a missing x goes;
- `value`: what a leaf adds: 0, or a size between 1e-100 and 1e100, so that no sum leaves a double's range;
- `cover`: training rows (or their weight) that came by, for explanations.

The sum starts at `start` and adds the trees' leaves from the left; `divide` divides it at the end. Belongs
here: comparing and adding. Does not belong here: how a library's thresholds become these
(`ml.document.importers`), a row's form as Python's source (`tree_code`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ml.document.ops.constants import factor, finite, only, several
from ml.document.ops.tree_code import compiled

if TYPE_CHECKING:
    from warehouse.client.dialect import Dialect

TESTS = ("<=", "<", "in", "known")
LISTS = ("feature", "test", "threshold", "left", "right", "missing_left", "value", "cover")
PIECE_NODES, PIECE_TREES = 20_000, 500
"""A sum of trees goes on in another SQL expression after so many nodes or trees: Postgres' planner recurses
once a term, within a stack of 2 MB."""

PRETTY_LEAVES = 64
"""Up to so many leaves a tree is written one branch a line, for a person to read."""


class Trees:
    name, takes = "trees", "number"

    def check(self, node: Any) -> None:
        only(node, "start", "divide", "trees", "sets")
        factor(node.params["start"], "start")
        if "divide" in node.params and not factor(node.params["divide"], "divide"):
            raise ValueError("divide is 0; allowed: any other number")
        if not node.inputs:
            raise ValueError("no operands; allowed: at least one")
        for index, codes in enumerate(node.params.get("sets", [])):
            if not several(codes, f"sets[{index}]"):
                raise ValueError(f"sets[{index}] is empty; allowed: at least one number")
        for index, tree in enumerate(node.params["trees"]):
            try:
                _check_tree(tree, len(node.inputs), len(node.params.get("sets", [])))
            except (KeyError, TypeError, ValueError) as error:
                raise ValueError(f"trees[{index}]: {error}") from error

    def batch(self, node: Any, columns: list[np.ndarray]) -> np.ndarray:
        from ml.document.tree_engine import ensemble_sum

        total = ensemble_sum(node, columns)
        return total / node.params["divide"] if "divide" in node.params else total

    def row(self, node: Any) -> Callable[..., float]:
        return compiled(node.params, len(node.inputs)) or _large(node)

    def sql(self, node: Any, operands: list[str], dialect: Dialect) -> str:
        return self.sql_piece(node, None, 0, len(node.params["trees"]), operands, dialect)

    def pieces(self, node: Any, most: int) -> list[tuple[int, int]]:
        """Runs of trees, from and up to, that together have few enough nodes for one SQL expression, and for
        a statement of `most`.
        """
        runs, first, size, most = [], 0, 0, min(most, PIECE_NODES)
        for place, tree in enumerate(node.params["trees"]):
            if place > first and (size + len(tree["feature"]) > most or place - first >= PIECE_TREES):
                runs.append((first, place))
                first, size = place, 0
            size += len(tree["feature"])
        return [*runs, (first, len(node.params["trees"]))]

    def sql_piece(
        self, node: Any, before: str | None, first: int, last: int, operands: list[str], dialect: Dialect
    ) -> str:
        """The sum so far (`before`, or the start) plus the trees from `first` up to `last`, from the left."""
        sets = node.params.get("sets", [])
        start = dialect.number(node.params["start"]) if before is None else before
        terms = [tree_sql(tree, operands, sets, dialect) for tree in node.params["trees"][first:last]]
        total = "(" + "\n+ ".join([start, *terms]) + ")"
        if "divide" in node.params and last == len(node.params["trees"]):
            total = f"({total} / {dialect.number(node.params['divide'])})"
        return total


def _check_tree(tree: Mapping[str, Any], operands: int, sets: int) -> None:
    if set(tree) != set(LISTS) or len({len(tree[key]) for key in LISTS}) != 1 or not tree["feature"]:
        raise ValueError(f"its lists are {sorted(tree)}; allowed: {', '.join(LISTS)}, equally long")
    rows = zip(*(tree[key] for key in LISTS), strict=True)
    reached = {0}
    for place, (feature, test, threshold, left, right, missing_left, value, cover) in enumerate(rows):
        factor(value, f"value[{place}]")
        finite(cover, f"cover[{place}]")
        if feature == -1:
            continue
        if not 0 <= feature < operands or test not in TESTS or not isinstance(missing_left, bool):
            raise ValueError(
                f"node {place}: feature {feature!r}, test {test!r}, missing_left {missing_left!r}"
            )
        finite(threshold, f"threshold[{place}]")
        if test == "in" and threshold not in range(sets):
            raise ValueError(f"node {place}: set {threshold!r} of {sets}")
        for child in (left, right):
            if not place < child < len(tree["feature"]) or child in reached:
                raise ValueError(f"node {place}: child {child!r}; allowed: a later node, named once")
            reached.add(child)
    if len(reached) != len(tree["feature"]):
        raise ValueError(f"{len(tree['feature']) - len(reached)} nodes cannot be reached from the root")


def _large(node: Any) -> Callable[..., float]:
    """The row form for ensembles too deep or too large to compile."""
    from ml.document.tree_row import single_row

    divide = node.params.get("divide")
    total = single_row(node, lambda: _walked({**node.params, "divide": None}))
    if total is None:
        return _walked(node.params)
    return total if divide is None else lambda *xs: total(*xs) / divide


def _walked(params: Mapping[str, Any]) -> Callable[..., float]:
    """The row form that every ensemble has: a loop over tuples within tuples."""
    sets = [frozenset(codes) for codes in params.get("sets", [])]
    roots = [_nested(tree, sets) for tree in params["trees"]]
    start, divide = float(params["start"]), params.get("divide")

    def ensemble(*xs: float) -> float:
        total = start
        for branch in roots:
            while type(branch) is tuple:
                feature, threshold, left, right, (members, missing_left) = branch
                x = xs[feature]
                if x <= threshold:
                    branch = left
                elif x > threshold:
                    branch = right
                elif x != x:
                    branch = left if missing_left else right
                else:
                    branch = left if members is None or x in members else right
            total = total + branch
        return total if divide is None else total / divide

    return ensemble


def _nested(tree: Mapping[str, Any], sets: list[frozenset]) -> Any:
    """The tree as tuples within tuples, a leaf as its value; every comparison is <= with a threshold, which
    is NaN, and so never decides, where x is looked up or only has to be known. Built from the last node to
    the first, since children stand behind their parents.
    """
    ways = {way: (None, way) for way in (False, True)}
    built: list[Any] = [None] * len(tree["feature"])
    for index in range(len(built) - 1, -1, -1):
        if tree["feature"][index] == -1:
            built[index] = float(tree["value"][index])
            continue
        test, threshold = tree["test"][index], float(tree["threshold"][index])
        missing_left = tree["missing_left"][index]
        if test == "<":
            threshold = math.nextafter(threshold, -math.inf)
        built[index] = (
            tree["feature"][index],
            math.nan if test in ("in", "known") else threshold,
            built[tree["left"][index]],
            built[tree["right"][index]],
            (sets[int(threshold)], missing_left) if test == "in" else ways[missing_left],
        )
    return built[0]


def tree_sql(tree: Mapping[str, Any], operands: list[str], sets: list[list[float]], dialect: Dialect) -> str:
    """One tree as nested CASE. A missing value makes every comparison NULL and takes the else branch, so a
    node that sends it left is written the other way round.
    """
    leaves = tree["feature"].count(-1)
    pretty = leaves <= PRETTY_LEAVES
    depth, texts = [0] * len(tree["feature"]), [""] * len(tree["feature"])
    for place, feature in enumerate(tree["feature"]):
        if feature != -1:
            depth[tree["left"][place]] = depth[tree["right"][place]] = depth[place] + 1
    for place in range(len(texts) - 1, -1, -1):
        if tree["feature"][place] == -1:
            texts[place] = dialect.number(tree["value"][place])
            continue
        left, right = texts[tree["left"][place]], texts[tree["right"][place]]
        condition, when, otherwise = _branch(tree, place, operands, sets, dialect, left, right)
        pad = "\n" + "  " * (depth[place] + 1) if pretty else " "
        texts[place] = f"case when {condition}{pad}then {when}{pad}else {otherwise} end"
    return texts[0]


def _branch(
    tree: Mapping[str, Any], place: int, operands: list[str], sets: list[list[float]], dialect: Dialect,
    left: str, right: str,
) -> tuple[str, str, str]:  # fmt: skip
    x, test, threshold = (
        operands[tree["feature"][place]],
        tree["test"][place],
        tree["threshold"][place],
    )
    missing_left = tree["missing_left"][place]
    if test == "known":
        return f"{x} is not null", left, left if missing_left else right
    if test == "in":
        codes = ", ".join(dialect.number(code) for code in sets[int(threshold)])
        if missing_left:
            return f"{x} not in ({codes})", right, left
        return f"{x} in ({codes})", left, right
    number = dialect.number(threshold)
    if missing_left:
        return f"{x} {'>' if test == '<=' else '>='} {number}", right, left
    return f"{x} {test} {number}", left, right


OPERATIONS = (Trees(),)
