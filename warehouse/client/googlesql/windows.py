"""ORDER BY and windows: NaN and NULL in Postgres' places, named windows written out.

Belongs here: keys of order, partitions, frames. Does not belong here: the functions over them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from warehouse.client.googlesql.casts import written
from warehouse.client.googlesql.kinds import FLOAT, INT, Columns, Kind, Rewrite, TranslationError, Typed

if TYPE_CHECKING:
    from sqlglot import exp


def ordered(node: exp.Order, of: Rewrite, answers: Columns | None = None) -> Any:
    """Keys of order. NaN is above all other doubles in Postgres, and below them in BigQuery. A key may be the
    place of one of the `answers`.
    """
    from sqlglot import exp

    keys, named = [], list((answers or {}).items())
    for part in node.expressions:
        kept = {key: part.args[key] for key in ("desc", "nulls_first") if part.args.get(key) is not None}
        given = _answer(part.this, named) if part.this.key == "literal" else of(part.this)
        if given.kind is FLOAT:
            keys.append(exp.Ordered(this=exp.IsNan(this=given.sql.copy()), **kept))
        keys.append(exp.Ordered(this=given.sql, **kept))
    return exp.Order(expressions=keys)


def _answer(place: Any, named: Sequence[tuple[str, Kind]]) -> Typed:
    """The column at a place; doubles by name, as NaN needs a key of its own."""
    from sqlglot import exp

    at = int(place.this) if place.this.isdigit() else 0
    if 0 < at <= len(named) and named[at - 1][1] is FLOAT:
        return Typed(exp.column(named[at - 1][0], quoted=True), FLOAT)
    return Typed(place.copy(), INT)


def nulls_by_key(order: Any) -> Any:
    """Keys of a window or an array, NULL's place by a key of its own: BigQuery takes no NULLS LAST there."""
    from sqlglot import exp

    keys = []
    for key in order.expressions:
        is_down, nulls_first = bool(key.args.get("desc")), bool(key.args.get("nulls_first"))
        if nulls_first == is_down:  # the other way round than BigQuery's own
            keys.append(
                exp.Ordered(
                    this=exp.Is(this=key.this.copy(), expression=exp.Null()),
                    desc=nulls_first,
                    nulls_first=not nulls_first,
                )
            )
        keys.append(exp.Ordered(this=key.this, desc=is_down, nulls_first=not is_down))
    return exp.Order(expressions=keys)


def windowed(node: exp.Window, of: Rewrite) -> Typed:
    """`function over (…)`, or over a window that the SELECT names.

    Raises:
        TranslationError: a frame by values, which the two engines end differently.
    """
    from sqlglot import exp

    spec = _named(node) if node.args.get("alias") is not None else node
    frame = spec.args.get("spec")
    if frame is not None and frame.args["kind"].upper() != "ROWS":
        raise TranslationError(f"{node.sql('postgres')[:80]} has no translation; allowed: frames of rows.")
    parts: dict[str, Any] = {
        "partition_by": [parted(of(part)) for part in spec.args.get("partition_by") or []]
    }
    is_numbering = isinstance(node.this, (exp.RowNumber, exp.Rank, exp.DenseRank))
    given = Typed(node.this.copy(), INT) if is_numbering else of(node.this)
    if spec.args.get("order"):
        parts["order"] = nulls_by_key(ordered(spec.args["order"], of))
    if frame is not None:
        parts["spec"] = frame.copy()
    return Typed(_over(given.sql, parts), given.kind)


def _over(sql: Any, parts: dict[str, Any]) -> Any:
    """A function over a window; of an expression that several aggregates make, each over it."""
    from sqlglot import exp

    inner = [one for one in sql.find_all(exp.AggFunc) if one.find_ancestor(exp.AggFunc) is None]
    if not inner or sql in inner:
        return exp.Window(this=sql, over="OVER", **parts)
    for one in inner:
        kept = {
            key: [p.copy() for p in part] if isinstance(part, list) else part.copy()
            for key, part in parts.items()
        }
        one.replace(exp.Window(this=one.copy(), over="OVER", **kept))
    return sql


def beside(node: Any, of: Rewrite) -> Typed:
    """lead and lag."""
    given = of(node.this)
    kept = {key: of(node.args[key]).sql for key in ("offset",) if node.args.get(key) is not None}
    return Typed(type(node)(this=given.sql, **kept), given.kind)


def parted(given: Typed) -> Any:
    """A key of a partition: doubles by their texts, zeros of both signs as one."""
    return written("FORMAT('%.17g', {x} + 0.0)", x=given.sql) if given.kind is FLOAT else given.sql


def _named(node: exp.Window) -> Any:
    name = node.args["alias"].name.lower()
    for one in node.parent_select.args.get("windows") or []:
        if one.this.name.lower() == name:
            return one
    raise TranslationError(f"window {name} is not named in this SELECT.")
