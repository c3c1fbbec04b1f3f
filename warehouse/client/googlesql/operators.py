"""Operators: arithmetic, comparisons, logic, CASE, and what columns and literals are.

Belongs here: expressions that are no function call and no cast. Does not belong here: which columns a query
has (`googlesql.queries`).
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from warehouse.client.googlesql.casts import casted, written
from warehouse.client.googlesql.instants import INTERVAL, SPAN, microseconds, of_times
from warehouse.client.googlesql.kinds import (
    BOOL,
    DATETIME,
    FLOAT,
    INT,
    MOST_DECIMALS,
    NULL,
    TEXT,
    TIMESTAMP,
    Kind,
    Rewrite,
    TranslationError,
    Typed,
    common,
    needed,
    promoted,
)
from warehouse.client.googlesql.literals import double

if TYPE_CHECKING:
    from sqlglot import exp

BIGINT = 2**63


def literal(node: exp.Literal, of: Rewrite) -> Typed:
    """A bare decimal is a NUMERIC in Postgres, and a double in BigQuery."""
    if node.is_string:
        return Typed(node.copy(), TEXT)
    if node.this.isdigit() and int(node.this) < BIGINT:
        return Typed(node.copy(), INT)
    whole, _, rest = format(Decimal(node.this), "f").partition(".")
    rest = rest.rstrip("0")
    text = f"{whole}.{rest}" if rest else whole
    if len(rest) > MOST_DECIMALS or len(whole) > MOST_DECIMALS:
        raise TranslationError(
            f"number {node.this} is no BIGNUMERIC; allowed: {MOST_DECIMALS} digits on each side."
        )
    return Typed(written(f"CAST('{text}' AS BIGNUMERIC)"), Kind("numeric", len(rest)))


def byte_string(node: exp.ByteString, of: Rewrite) -> Typed:
    """Postgres' `e'…'`, whose escapes the parser resolved."""
    from sqlglot import exp

    return Typed(exp.Literal.string(node.this), TEXT)


def constant(node: Any, of: Rewrite) -> Typed:
    return Typed(node.copy(), BOOL if node.key == "boolean" else NULL)


def paren(node: exp.Paren, of: Rewrite) -> Typed:
    from sqlglot import exp

    given = of(node.this)
    made = exp.Paren(this=given.sql)
    made.meta.update(given.sql.meta)
    return Typed(made, given.kind)


def negative(node: exp.Neg, of: Rewrite) -> Typed:
    given = needed(of(node.this), "the negative", "int", "float", "numeric")
    return Typed(type(node)(this=given.sql), given.kind)


def arithmetic(node: Any, of: Rewrite) -> Typed:
    """+, - and *; a product of NUMERIC only where BigQuery's digits hold it."""
    one, two = of(node.this), of(node.expression)
    timely = of_times(node, one, two)
    if timely is not None:
        return timely
    numbers = [needed(part, f"operator {node.key}", "int", "float", "numeric", "null") for part in (one, two)]
    kind = promoted([part.kind for part in numbers])
    one, two = (_double_beside(part, kind) for part in (one, two))
    if kind.name == "numeric" and node.key == "mul":
        kind = Kind("numeric", one.kind.scale + two.kind.scale)
        if kind.scale > MOST_DECIMALS:
            raise TranslationError(
                f"{node.sql('postgres')[:120]} multiplies numbers of {one.kind.scale} and {two.kind.scale} "
                f"digits behind the point; allowed on BigQuery: {MOST_DECIMALS} together."
            )
    return Typed(type(node)(this=one.sql, expression=two.sql), kind)


def _double_beside(given: Typed, kind: Kind) -> Typed:
    """A NUMERIC beside a double becomes one, as in both engines; mostly it is a literal."""
    if kind is not FLOAT or given.kind.name != "numeric":
        return given
    number = double(given.sql.this.this) if given.sql.key == "cast" and given.sql.this.is_string else None
    return casted(given, FLOAT) if number is None else Typed(number, FLOAT)


def division(node: exp.Div, of: Rewrite) -> Typed:
    """Of whole numbers Postgres gives a whole number."""
    from sqlglot import exp

    one, two = of(node.this), of(node.expression)
    kind = promoted([needed(part, "division", "int", "float", "numeric").kind for part in (one, two)])
    if kind is INT:
        return Typed(written("DIV({a}, {b})", a=one.sql, b=two.sql), INT)
    kind = kind if kind is FLOAT else Kind("numeric", MOST_DECIMALS)
    one, two = (_double_beside(part, kind) for part in (one, two))
    return Typed(exp.Div(this=one.sql, expression=two.sql, typed=False, safe=False), kind)


def remainder(node: exp.Mod, of: Rewrite) -> Typed:
    one, two = (needed(of(part), "mod", "int", "numeric") for part in (node.this, node.expression))
    return Typed(written("MOD({a}, {b})", a=one.sql, b=two.sql), promoted([one.kind, two.kind]))


def bitwise(node: Any, of: Rewrite) -> Typed:
    one, two = (needed(of(part), "bits", "int") for part in (node.this, node.expression))
    return Typed(type(node)(this=one.sql, expression=two.sql), INT)


def comparison(node: Any, of: Rewrite) -> Typed:
    """`=`, `<` and so on, and `=` to any of an array. NaN is above all numbers in Postgres and beside them in
    BigQuery: a column that may hold it is compared only after NaN was made NULL.
    """
    from sqlglot import exp

    one = of(node.this)
    if isinstance(node.expression, exp.Any):
        array = of(node.expression.this)
        text = "{x} IN UNNEST({a})" if node.key == "eq" else None
        if text is None:
            raise TranslationError(f"{node.sql('postgres')[:80]} has no translation; allowed: = any.")
        return Typed(written(text, x=one.sql, a=array.sql), BOOL)
    one, two = _alike(one, of(node.expression))
    if {one.kind, two.kind} & {SPAN, INTERVAL}:
        one, two = microseconds(one, "a comparison"), microseconds(two, "a comparison")
    return Typed(type(node)(this=one.sql, expression=two.sql), BOOL)


def _alike(one: Typed, two: Typed) -> tuple[Typed, Typed]:
    """Both sides of a comparison; a literal becomes what the other side is, as in Postgres."""
    for first, second in ((one, two), (two, one)):
        if second.sql.key == "literal" and second.sql.is_string and first.kind is not TEXT:
            second = casted(second, first.kind) if first.kind.name != "null" else second
            return (first, second) if first is one else (second, first)
    if {one.kind.name, two.kind.name} <= {"date", "datetime", "timestamp"} and one.kind != two.kind:
        later = TIMESTAMP if TIMESTAMP in (one.kind, two.kind) else DATETIME
        return casted(one, later), casted(two, later)
    if {one.kind, two.kind} <= {SPAN, INTERVAL}:
        return one, two
    common([one.kind, two.kind], "a comparison")
    return one, two


def between(node: exp.Between, of: Rewrite) -> Typed:
    x = of(node.this)
    low, high = (_alike(x, of(node.args[key]))[1].sql for key in ("low", "high"))
    return Typed(type(node)(this=x.sql, low=low, high=high), BOOL)


def member(node: exp.In, of: Rewrite) -> Typed:
    if node.args.get("query") is not None:
        x, query = of(node.this), of(node.args["query"])
        return Typed(type(node)(this=x.sql, query=query.sql), BOOL)
    if not node.expressions:
        raise TranslationError(f"{node.sql('postgres')[:80]} has no translation; allowed: in (…) of values.")
    x = of(node.this)
    values = [_alike(x, of(value))[1].sql for value in node.expressions]
    return Typed(type(node)(this=x.sql, expressions=values), BOOL)


def logical(node: Any, of: Rewrite) -> Typed:
    """and, or, not, is (not) null or true."""
    parts = {key: of(node.args[key]).sql for key in ("this", "expression") if node.args.get(key) is not None}
    kept = {"negate": True} if node.args.get("negate") else {}
    return Typed(type(node)(**parts, **kept), BOOL)


def concatenation(node: exp.DPipe, of: Rewrite) -> Typed:
    one, two = (needed(of(part), "||", "text") for part in (node.this, node.expression))
    return Typed(written("CONCAT({a}, {b})", a=one.sql, b=two.sql), TEXT)


def case(node: exp.Case, of: Rewrite) -> Typed:
    from sqlglot import exp

    subject = None if node.this is None else of(node.this)
    answers = [of(branch.args["true"]) for branch in node.args["ifs"]]
    default = None if node.args.get("default") is None else of(node.args["default"])
    kind = common([part.kind for part in (*answers, *([default] if default else []))], "a case")
    branches = []
    for branch, answer in zip(node.args["ifs"], answers, strict=True):
        condition = of(branch.this)
        if subject is not None:
            condition = _alike(subject, condition)[1]
        branches.append(exp.If(this=condition.sql, true=answer.sql))
    parts = {"this": subject.sql if subject else None, "default": default.sql if default else None}
    made = exp.Case(ifs=branches, **{key: part for key, part in parts.items() if part is not None})
    return Typed(made, kind)


def element(node: exp.Bracket, of: Rewrite) -> Typed:
    """`array[place]`, counted from 1; NULL beyond the ends."""
    array, place = needed(of(node.this), "[…]", "array"), node.expressions[0]
    place = of(place) if not node.args.get("offset") else _plus_one(of(place))
    return Typed(
        written("{a}[SAFE_ORDINAL({n})]", a=array.sql, n=needed(place, "a place", "int").sql), array.kind.of
    )


def _plus_one(place: Typed) -> Typed:
    """The parser counts from 0 where it could."""
    return Typed(written("{n} + 1", n=place.sql), place.kind)


def operators() -> dict[type, Any]:
    """By sqlglot's class, who translates it."""
    from sqlglot import exp

    found: dict[type, Any] = {
        exp.Literal: literal, exp.ByteString: byte_string, exp.Boolean: constant, exp.Null: constant,
        exp.Paren: paren, exp.Neg: negative, exp.Div: division, exp.Mod: remainder, exp.Between: between,
        exp.In: member, exp.DPipe: concatenation, exp.Case: case, exp.Bracket: element,
    }  # fmt: skip
    found |= dict.fromkeys((exp.Add, exp.Sub, exp.Mul), arithmetic)
    found |= dict.fromkeys((exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE), comparison)
    found |= dict.fromkeys((exp.NullSafeEQ, exp.NullSafeNEQ), comparison)
    found |= dict.fromkeys((exp.And, exp.Or, exp.Not, exp.Is), logical)
    shifts = (exp.BitwiseXor, exp.BitwiseAnd, exp.BitwiseOr, exp.BitwiseLeftShift, exp.BitwiseRightShift)
    return found | dict.fromkeys(shifts, bitwise)
