"""Changes of type: what rounds, and what is written, as Postgres does it.

Postgres rounds a double to a whole number with halves to even, BigQuery away from zero. Postgres writes a
double with the fewest digits that read back to it, BigQuery with 15 or with 17. A cast of a double's text to
NUMERIC is how this project makes it exact, so the digits are part of the result.

Belongs here: casts, and texts of numbers. Does not belong here: any other function.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from warehouse.client.googlesql.kinds import (
    EXACT_FACTOR,
    FLOAT,
    IN_BIGQUERY,
    INT,
    OF_POSTGRES,
    TEXT,
    Kind,
    Rewrite,
    TranslationError,
    Typed,
)
from warehouse.client.googlesql.literals import double, time_text

if TYPE_CHECKING:
    from sqlglot import exp

ENDLESS = {
    "-Infinity": "-578960446186580977117854925043439539266.34992332820282019728792003956564819968",
    "Infinity": "578960446186580977117854925043439539266.34992332820282019728792003956564819967",
}
"""A NUMERIC of BigQuery is never infinite; its ends stand in where Postgres compares with infinity."""


def cast(node: exp.Cast, of: Rewrite) -> Typed:
    """`x::type`."""
    from sqlglot import exp

    from warehouse.client.googlesql.binary import cast_specially

    if node.to.this == exp.DType.ARRAY:
        return _array(node, of)
    name = node.to.this.value
    special = cast_specially(node, of)
    if special is not None:
        return special
    if name not in OF_POSTGRES:
        raise TranslationError(f"cast to {name} has no translation; allowed: {', '.join(OF_POSTGRES)}.")
    goal = OF_POSTGRES[name]
    inner = _unwrapped(node.this)
    if goal.name == "int" and inner.key == "sum":
        given = of(inner.this)
        if given.kind.name == "int":  # the sum must fit into a bigint anyway
            return Typed(exp.Sum(this=given.sql), INT)
    if goal.name == "float" and inner.key == "avg":
        given = of(inner.this)
        if given.kind.name == "int":  # the double nearest to the exact mean
            return Typed(written("SAFE_DIVIDE(CAST(SUM({x}) AS FLOAT64), COUNT({x}))", x=given.sql), FLOAT)
    if goal.name == "text" and inner.key == "sum":
        return _text_of_sum(inner, of)
    return casted(of(node.this), goal)


def casted(given: Typed, goal: Kind) -> Typed:
    """A translated value in another kind."""
    kind = given.kind.name
    if kind == goal.name and goal.name != "numeric":
        return given
    if kind == "null" or (kind, goal.name) in SAME_MEANING or _is_literal(given):
        return _plainly(given, goal)
    made = _CASTS.get((kind, goal.name))
    if made is None:
        raise TranslationError(
            f"cast of {kind} to {goal.name} has no translation: {given.sql.sql('bigquery')[:80]}. Cast it in "
            "two steps, or leave it out."
        )
    return made(given)


SAME_MEANING = {
    ("int", "float"), ("int", "numeric"), ("int", "text"), ("bool", "int"), ("bool", "text"),
    ("numeric", "int"), ("numeric", "float"), ("numeric", "numeric"), ("numeric", "text"),
    ("text", "float"), ("text", "int"), ("text", "date"), ("text", "bool"), ("text", "timestamp"),
    ("text", "datetime"), ("date", "text"), ("date", "datetime"), ("date", "timestamp"),
    ("timestamp", "date"), ("datetime", "date"), ("timestamp", "datetime"), ("datetime", "timestamp"),
}  # fmt: skip
"""Casts that mean the same in both engines."""


def half_even(x: Any) -> Any:
    """A double rounded to a whole one, halves to even."""
    from sqlglot import exp

    return written(
        "CASE WHEN ABS({x} - TRUNC({x})) = 0.5 THEN 2.0 * ROUND({x} / 2.0) ELSE ROUND({x}) END",
        x=exp.paren(x),
    )


def shortest(x: Any) -> Any:
    """The text of a double with the fewest digits that read back to it."""
    from sqlglot import exp

    written_so = {15: "FORMAT('%.15g', {x})"}
    for digits in (16, 17):  # from 1e15 on Postgres writes an exponent, however many digits there are
        short, long = f"FORMAT('%.{digits}g', {{x}})", f"FORMAT('%.{digits - 1}e', {{x}})"
        written_so[digits] = f"IF(ABS({{x}}) < 1e15, {short}, {long})"
    tests = " ".join(
        f"WHEN SAFE_CAST({written_so[digits]} AS FLOAT64) = {{x}} THEN {written_so[digits]}"
        for digits in (15, 16)
    )
    return written(
        "CASE WHEN {x} IS NULL THEN NULL WHEN IS_NAN({x}) THEN 'NaN' WHEN IS_INF({x}) THEN "
        f"IF({{x}} > 0, 'Infinity', '-Infinity') {tests} ELSE {written_so[17]} END",
        x=exp.paren(x),
    )


def digits_behind_point(x: Any) -> Any:
    """How many digits a NUMERIC shows behind the point."""
    return written("IFNULL(LENGTH(SPLIT(CAST({x} AS STRING), '.')[SAFE_OFFSET(1)]), 0)", x=x)


def _array(node: exp.Cast, of: Rewrite) -> Typed:
    """An array given as a list, or as text between braces."""
    from sqlglot import exp

    element = OF_POSTGRES.get(node.to.expressions[0].this.value) if node.to.expressions else None
    if element is None:
        raise TranslationError(f"cast to {node.to.sql('postgres')} has no translation.")
    if isinstance(node.this, exp.Array):
        to = node.to.expressions[0]
        parts = [of(exp.Cast(this=part.copy(), to=to.copy())).sql for part in node.this.expressions]
    elif isinstance(node.this, exp.Literal) and element.is_number:
        texts = [text for text in node.this.this.strip("{}").split(",") if text]
        parts = [
            exp.Literal.number(repr(float(text)) if element is FLOAT else str(int(text))) for text in texts
        ]
    else:
        raise TranslationError(f"array {node.sql('postgres')[:80]} has no translation; allowed: lists.")
    listed = ", ".join(part.sql("bigquery") for part in parts)
    made = written(f"ARRAY<{IN_BIGQUERY[element.name]}>[{listed}]")
    made.meta["parts"] = parts
    return Typed(made, Kind("array", of=element))


def _text_of_sum(node: exp.Sum, of: Rewrite) -> Typed:
    """The text of a sum. Postgres shows a sum of NUMERIC with the digits of its finest value, on which
    readers rely; BigQuery would leave zeros at the end away.
    """
    from sqlglot import exp

    given = of(node.this)
    if given.kind.name == "float":
        return casted(of(node), TEXT)
    value = _plainly(given, Kind("numeric", given.kind.scale)).sql if given.kind.name == "int" else given.sql
    total = exp.Sum(this=value)
    if not given.kind.scale:
        return Typed(written("CAST({x} AS STRING)", x=total), TEXT)
    finest = exp.Max(this=digits_behind_point(value.copy()))
    return Typed(written("FORMAT('%.*f', {n}, {x})", n=finest, x=total), TEXT)


def _whole(given: Typed) -> Typed:
    is_whole = given.sql.meta.get("is_whole")
    return _plainly(Typed(given.sql if is_whole else half_even(given.sql), FLOAT), INT)


def _numeric_of_text(given: Typed) -> Typed:
    """Of a double's text the exact decimal; NULL, which counts as refused, where a product of two such
    numbers could not be exact in BigQuery.
    """
    x = given.sql.meta.get("double")
    if x is None:
        return _plainly(given, Kind("numeric", EXACT_FACTOR))
    text = "(SELECT IF(v = ROUND(v, {n}) AND CAST(CAST(v AS STRING) AS FLOAT64) = {x}, v, NULL) "
    text += "FROM UNNEST([SAFE_CAST({t} AS BIGNUMERIC)]) AS v)"
    made = written(text.replace("{n}", str(EXACT_FACTOR)), x=x, t=given.sql)
    return Typed(made, Kind("numeric", EXACT_FACTOR))


def _text_of_double(given: Typed) -> Typed:
    made = shortest(given.sql)
    made.meta["double"] = given.sql
    return Typed(made, TEXT)


def _numeric_of_double(given: Typed) -> Typed:
    """Postgres keeps 15 digits there."""
    text = written("CAST(FORMAT('%.15g', {x}) AS BIGNUMERIC)", x=given.sql)
    return Typed(text, Kind("numeric", 38))


def _text_of_time(given: Typed) -> Typed:
    """Postgres writes no zeros at the end of a second's fraction, BigQuery three digits or six."""
    text = "REGEXP_REPLACE(REPLACE(CAST({x} AS STRING), 'T', ' '), '([.][0-9]*[1-9])0+', '\\\\1')"
    return Typed(written(text, x=given.sql), TEXT)


_CASTS = {
    ("float", "int"): _whole,
    ("float", "text"): _text_of_double,
    ("float", "numeric"): _numeric_of_double,
    ("text", "numeric"): _numeric_of_text,
    ("datetime", "text"): _text_of_time,
    ("timestamp", "text"): _text_of_time,
}


def _plainly(given: Typed, goal: Kind) -> Typed:
    from sqlglot import exp

    sql, kind = given.sql, goal
    if goal.name == "float" and _is_literal(given) and (number := double(sql.this)) is not None:
        return Typed(number, FLOAT)
    if goal.name == "numeric":
        if _is_literal(given):
            sql = exp.Literal.string(ENDLESS.get(sql.this, sql.this))
            kind = Kind("numeric", len(sql.this.partition(".")[2]))
        else:
            kind = Kind("numeric", given.kind.scale)
            if given.kind.name == "numeric":
                return given
    elif goal.name in ("date", "datetime", "timestamp") and _is_literal(given):
        sql = exp.Literal.string(time_text(sql.this, goal.name))
    return Typed(exp.cast(sql, IN_BIGQUERY[goal.name], dialect="bigquery"), kind)


def _is_literal(given: Typed) -> bool:
    return given.sql.key == "literal" and given.sql.is_string


def _unwrapped(node: Any) -> Any:
    while node.key == "paren":
        node = node.this
    return node


def written(text: str, **parts: Any) -> Any:
    """An expression of BigQuery, parsed from text with the parts put in."""
    from sqlglot import exp, parse_one

    shown = {
        name: part.sql("bigquery") if isinstance(part, exp.Expression) else part
        for name, part in parts.items()
    }
    return parse_one(text.format(**shown) if shown else text, read="bigquery")
