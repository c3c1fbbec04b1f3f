"""Aggregates: sums without an end, least doubles beside NaN, arrays in one order.

Belongs here: what each becomes in BigQuery. Does not belong here: quantiles, which need the whole query
(`googlesql.quantiles`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from warehouse.client.googlesql.casts import casted, written
from warehouse.client.googlesql.kinds import BOOL, FLOAT, INT, Kind, Rewrite, TranslationError, Typed, needed
from warehouse.client.googlesql.texts import joined
from warehouse.client.googlesql.windows import beside, nulls_by_key, ordered

if TYPE_CHECKING:
    from sqlglot import exp


def least(node: exp.Min, of: Rewrite) -> Typed:
    """NaN is above all other doubles in Postgres; of BigQuery's MIN it is the answer wherever it occurs."""
    given = of(node.this)
    if given.kind is FLOAT:
        return Typed(written("COALESCE(MIN(IF(IS_NAN({x}), NULL, {x})), MIN({x}))", x=given.sql), FLOAT)
    return Typed(type(node)(this=given.sql), given.kind)


def counted(node: exp.Count, of: Rewrite) -> Typed:
    from sqlglot import exp

    inner = node.this
    if isinstance(inner, exp.Star):
        return Typed(exp.Count(this=exp.Star()), INT)
    if isinstance(inner, exp.Distinct):
        return Typed(exp.Count(this=exp.Distinct(expressions=[of(inner.expressions[0]).sql])), INT)
    return Typed(exp.Count(this=of(inner).sql), INT)


def total(node: exp.Sum, of: Rewrite) -> Typed:
    """A sum of whole numbers is NUMERIC in Postgres, and so has no end there."""
    from sqlglot import exp

    # BigQuery adds in an order of its own: doubles may differ in their last bits, as between its own runs.
    inner = node.this.this if isinstance(node.this, exp.Order) else node.this
    given = needed(of(inner), "a sum", "int", "float", "numeric")
    kind = Kind("numeric", 0) if given.kind.name == "int" else given.kind
    return Typed(exp.Sum(this=casted(given, kind).sql), kind)


def truth(node: Any, of: Rewrite) -> Typed:
    return Typed(type(node)(this=of(node.this).sql), BOOL)


def mean(node: exp.Avg, of: Rewrite) -> Typed:
    from sqlglot import exp

    return Typed(exp.Avg(this=needed(of(node.this), "a mean", "float").sql), FLOAT)


def gathered(node: exp.ArrayAgg, of: Rewrite) -> Typed:
    from sqlglot import exp

    if isinstance(node.this, exp.Order):
        given, keys = of(node.this.this), nulls_by_key(ordered(node.this, of)).expressions
        return Typed(exp.ArrayAgg(this=exp.Order(this=given.sql, expressions=keys)), _array_of(given))
    given, select = of(node.this), node.parent_select
    others = [] if select is None else [one.this for one in select.find_all(exp.ArrayAgg)]
    others = [one for one in others if one.parent_select is select]
    sql = given.sql
    if len(others) > 1:  # each array in the same order, which BigQuery does not promise
        order = exp.Order(expressions=[exp.Ordered(this=of(one).sql, nulls_first=True) for one in others])
        sql = exp.Order(this=sql, expressions=order.expressions)
    return Typed(exp.ArrayAgg(this=sql), _array_of(given))


def grouping(node: exp.Grouping, of: Rewrite) -> Typed:
    text = ", ".join(of(part).sql.sql("bigquery") for part in node.expressions)
    return Typed(written(f"GROUPING({text})"), INT)


def filtered(node: exp.Filter, of: Rewrite) -> Typed:
    """`aggregate(x) filter (where condition)`: aggregates pass NULLs over."""
    from sqlglot import exp

    aggregate, condition = node.this, node.expression.this
    if isinstance(aggregate, exp.GroupConcat):
        return joined(aggregate, of, condition)
    if isinstance(aggregate, exp.Anonymous):
        raise TranslationError(f"{node.sql('postgres')[:80]} has no translation; allowed: filter of a sum.")
    if isinstance(aggregate, exp.Count) and isinstance(aggregate.this, exp.Star):
        return Typed(written("COUNT(IF({c}, 1, NULL))", c=of(condition).sql), INT)
    inner, keys = aggregate.this, None
    if isinstance(inner, exp.Order):
        inner, keys = inner.this, inner.expressions
    kept = exp.Case(ifs=[exp.If(this=condition.copy(), true=inner.copy())])
    if isinstance(aggregate, exp.ArrayAgg):  # the one aggregate that would keep a NULL
        return _filtered_array(kept, keys, of)
    return of(type(aggregate)(this=kept))


def _filtered_array(kept: Any, keys: list[Any] | None, of: Rewrite) -> Typed:
    from sqlglot import exp

    given = of(kept)
    text = f"{given.sql.sql('bigquery')} IGNORE NULLS"
    if keys:
        order = ordered(exp.Order(expressions=[key.copy() for key in keys]), of)
        text += f" {nulls_by_key(order).sql('bigquery').strip()}"
    return Typed(written(f"ARRAY_AGG({text})"), _array_of(given))


def _array_of(given: Typed) -> Kind:
    return Kind("array", of=given.kind)


def aggregates() -> dict[type, Any]:
    """By sqlglot's class, who translates it."""
    from sqlglot import exp

    found: dict[type, Any] = {
        exp.Count: counted, exp.Sum: total, exp.Avg: mean, exp.Min: least, exp.ArrayAgg: gathered,
        exp.Grouping: grouping, exp.Filter: filtered, exp.Lead: beside, exp.Lag: beside,
    }  # fmt: skip
    return found | dict.fromkeys((exp.LogicalOr, exp.LogicalAnd), truth)
