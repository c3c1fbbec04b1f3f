"""Which of a query's rows are given: `distinct on`, `limit`, `offset`.

Belongs here: those. Does not belong here: conditions, order.
"""

from __future__ import annotations

from typing import Any

from warehouse.client.googlesql.kinds import Rewrite, TranslationError
from warehouse.client.googlesql.windows import nulls_by_key, ordered, parted


def first_of_each(node: Any, of: Rewrite) -> Any:
    """`distinct on (keys)`: the first row of each in the query's order, as QUALIFY.

    Raises:
        TranslationError: the order does not begin with the keys, or goes by a name that the query gives.
    """
    from sqlglot import exp

    keys = node.args["distinct"].args["on"]
    keys = keys.expressions if isinstance(keys, exp.Tuple) else [keys]
    order = node.args.get("order")
    placed = [] if order is None else [part.this for part in order.expressions]
    aliases = (one for one in node.expressions if one.key == "alias")
    named = {one.alias.lower() for one in aliases if one.this.name != one.alias}
    is_named = any(
        one.key == "literal" or (one.key == "column" and not one.table and one.name.lower() in named)
        for one in (*keys, *placed)
    )
    if is_named or {one.sql() for one in placed[: len(keys)]} - {one.sql() for one in keys}:
        raise TranslationError(
            f"{node.sql('postgres')[:80]} has no translation; allowed: distinct on columns by which the "
            "order begins."
        )
    over: dict[str, Any] = {"partition_by": [parted(of(one)) for one in keys]}
    if order is not None:
        over["order"] = nulls_by_key(ordered(order, of))
    number = exp.Window(this=exp.RowNumber(), over="OVER", **over)
    return exp.Qualify(this=exp.EQ(this=number, expression=exp.Literal.number(1)))


def limited(node: Any, made: Any) -> Any:
    """With LIMIT and OFFSET of the original; `limit all`, which only fences a planner in, goes.

    Raises:
        TranslationError: they are no written numbers, or rows are locked.
    """
    from sqlglot import exp

    limit, offset = node.args.get("limit"), node.args.get("offset")
    count = None if limit is None else limit.args.get("count") or limit.args.get("expression")
    is_all = count is not None and (count.key == "null" or count.name.lower() == "all")
    if node.args.get("locks"):
        raise TranslationError("for update has no translation; leave it out: a statement sees one snapshot.")
    for part in (None if is_all else count, None if offset is None else offset.expression):
        if part is not None and (part.key != "literal" or part.is_string):
            raise TranslationError(
                f"limit {part.sql('postgres')[:40]} has no translation; allowed: a number."
            )
    if limit is not None and not is_all:
        made.set("limit", exp.Limit(expression=count.copy()))
    if offset is not None:
        if limit is None or is_all:  # BigQuery has no OFFSET without LIMIT
            made.set("limit", exp.Limit(expression=exp.Literal.number(2**63 - 1)))
        made.set("offset", offset.copy())
    return made
