"""Tables of one column in a weighted sum, read as one table from a value to its weight.

A one-hot encoder makes a column a category, of which at most one is 1, and a scaler behind it another number.
Their weighted sum is one number a category, so the sum needs one term for all of them.

Belongs here: finding neighbouring tables and adding up what they weigh. Does not belong here: the sum.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ml.document.ops.constants import LIMIT, TINY
from ml.document.schema import Node

TABLES = ("lookup", "recode")


def is_table(node: Node | None) -> bool:
    """Whether a node is a table whose numbers can be multiplied as they are: all missing, 0, or between
    1e-100 and 1e100 in size.
    """
    if node is None or node.op not in TABLES:
        return False
    numbers = {number for _, number in node.params["values"]}
    numbers |= {node.params["unknown"], node.params["missing"]}
    return all(number is None or number == 0.0 or TINY <= abs(number) <= LIMIT for number in numbers)


def through(node: Node, function: Callable[[float], float]) -> tuple[list[tuple[Any, Any]], Any, Any]:
    """Values, unknown and missing of a table whose numbers went through a function."""

    def of(number: float | None) -> float | None:
        return None if number is None else function(number)

    values = [(key, of(number)) for key, number in node.params["values"]]
    return values, of(node.params["unknown"]), of(node.params["missing"])


def fused(
    terms: Sequence[tuple[str, float]],
    node_of: Callable[[str], Node | None],
    table: Callable[..., str],
) -> list[tuple[str, float]]:
    """The terms (column, weight) with neighbouring tables of one column as one term of weight 1.

    `table(node, values, unknown, missing)` adds a table like the node's, with those constants.
    """
    result: list[tuple[str, float]] = []
    group: list[tuple[Node, float]] = []

    def close() -> None:
        if len(group) > 1:
            result.append((table(group[0][0], *merged(group)), 1.0))
        elif group:
            result.append((group[0][0].id, group[0][1]))
        group.clear()

    for x, weight in terms:
        node = node_of(x)
        if node is None or not is_table(node):
            close()
            result.append((x, weight))
            continue
        if group and (group[-1][0].op, group[-1][0].inputs) != (node.op, node.inputs):
            close()
        group.append((node, weight))
    close()
    return result


def merged(group: Sequence[tuple[Node, float]]) -> tuple[list[tuple[Any, float | None]], Any, Any]:
    """Values, unknown and missing of the weighted sum of tables, added from the left; missing where one of
    them is.
    """
    weights = [weight for _, weight in group]
    by_key: dict[Any, dict[int, float | None]] = {}
    for place, (node, _) in enumerate(group):
        for key, number in node.params["values"]:
            by_key.setdefault(key, {})[place] = number
    unknown, missing = (
        {place: node.params[what] for place, (node, _) in enumerate(group) if node.params[what] != 0.0}
        for what in ("unknown", "missing")
    )

    def total(numbers: dict[int, float | None]) -> float | None:
        if None in numbers.values():
            return None
        parts = [weights[place] * numbers[place] for place in sorted(numbers) if numbers[place]]
        return sum(parts[1:], start=parts[0]) if parts else 0.0

    values = [(key, total({**unknown, **numbers})) for key, numbers in by_key.items()]
    return values, total(unknown), total(missing)
