"""Functions, by Postgres' name for them.

Belongs here: what each becomes in BigQuery. Does not belong here: aggregates (`googlesql.aggregates`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from warehouse.client.googlesql.binary import binaries, in_utf8, length_in_bytes
from warehouse.client.googlesql.casts import casted, digits_behind_point, half_even, written
from warehouse.client.googlesql.kinds import (
    FLOAT,
    IN_POSTGRES,
    INT,
    JSON,
    TEXT,
    TIMESTAMP,
    Kind,
    Rewrite,
    TranslationError,
    Typed,
    common,
    needed,
)
from warehouse.client.googlesql.literals import is_constant

if TYPE_CHECKING:
    from sqlglot import exp


MOST_BESIDE = 4
"""Arguments of greatest or least that may each be written beside every other."""


def rounded(node: exp.Round, of: Rewrite) -> Typed:
    """Of a double halves go to even, of a NUMERIC away from zero, which BigQuery's own does."""
    from sqlglot import exp

    given, digits = of(node.this), node.args.get("decimals")
    if given.kind is FLOAT and digits is None:
        made = exp.paren(half_even(given.sql))
        made.meta["is_whole"] = True
        return Typed(made, FLOAT)
    given = needed(given, "round", "numeric", "int")
    scale = int(digits.this) if digits is not None and digits.key == "literal" else 0
    parts = {} if digits is None else {"decimals": of(digits).sql}
    return Typed(exp.Round(this=given.sql, **parts), Kind("numeric", scale))


def same_kind(node: Any, of: Rewrite) -> Typed:
    """abs, sign, ceil, floor, trunc, max: of a number, or what is compared, the same kind."""
    given = of(node.this)
    made = type(node)(this=given.sql)
    if node.key in ("ceil", "floor", "trunc"):
        needed(given, node.key, "float", "numeric")
        made.meta["is_whole"] = True
        return Typed(made, FLOAT if given.kind is FLOAT else Kind("numeric", 0))
    return Typed(made, given.kind)


def of_doubles(node: Any, of: Rewrite) -> Typed:
    """exp, ln, sqrt, tanh: of doubles."""
    return Typed(type(node)(this=needed(of(node.this), node.key, "float").sql), FLOAT)


def power(node: exp.Pow, of: Rewrite) -> Typed:
    one, two = (needed(casted(of(part), FLOAT), "power", "float") for part in (node.this, node.expression))
    return Typed(written("POW({a}, {b})", a=one.sql, b=two.sql), FLOAT)


def extreme(node: Any, of: Rewrite) -> Typed:
    """greatest and least: Postgres passes NULLs over, BigQuery answers NULL."""
    from sqlglot import exp

    given = [of(part) for part in (node.this, *node.expressions)]
    kind = common([part.kind for part in given], node.key)
    texts = [part.sql.sql("bigquery") for part in given]
    name, every = node.key.upper(), ", ".join(texts)
    if len(texts) == 1:
        return given[0]
    if len(texts) > MOST_BESIDE and not node.find(exp.AggFunc):
        side = "MAX" if node.key == "greatest" else "MIN"
        known = f"(SELECT {side}(v) FROM UNNEST([{every}]) AS v)"
        return Typed(written(f"COALESCE({name}({every}), {known})"), kind)
    # A NULL among the arguments gives way to another one of them.
    filled = [
        text if is_constant(part.sql) else f"COALESCE({', '.join([text, *(o for o in texts if o != text)])})"
        for text, part in zip(texts, given, strict=True)
    ]
    return Typed(written(f"{name}({', '.join(filled)})"), kind)


def coalesce(node: exp.Coalesce, of: Rewrite) -> Typed:
    from sqlglot import exp

    given = [of(part) for part in (node.this, *node.expressions)]
    kind = common([part.kind for part in given], "coalesce")
    first, *rest = [part.sql for part in given]
    return Typed(exp.Coalesce(this=first, expressions=rest), kind)


def nullif(node: exp.Nullif, of: Rewrite) -> Typed:
    """NaN equals itself in Postgres alone."""
    one, two = of(node.this), of(node.expression)
    named = node.expression.this if node.expression.key == "cast" else node.expression
    if one.kind is FLOAT and named.key == "literal" and named.name.lower() == "nan":
        return Typed(written("IF(IS_NAN({x}), NULL, {x})", x=one.sql), FLOAT)
    if one.kind is not TEXT and two.sql.key == "literal" and two.sql.is_string:
        two = casted(two, one.kind)
    if FLOAT in (one.kind, two.kind):
        text = "IF({a} = {b} OR (IS_NAN({a}) AND IS_NAN({b})), NULL, {a})"
        return Typed(written(text, a=one.sql, b=two.sql), one.kind)
    return Typed(written("NULLIF({a}, {b})", a=one.sql, b=two.sql), one.kind)


def place_in_buckets(node: exp.WidthBucket, of: Rewrite) -> Typed:
    """`width_bucket(x, array)`: how many of the rising numbers lie at or below x."""
    array = node.args.get("threshold")
    if array is None:
        raise TranslationError("width_bucket of four arguments has no translation; allowed: of an array.")
    text = written("RANGE_BUCKET({x}, {a})", x=of(node.this).sql, a=of(array).sql)
    return Typed(text, INT)


def place_in_array(node: exp.ArrayPosition, of: Rewrite) -> Typed:
    """`array_position` of a list of values, from 1."""
    x, array = of(node.this), node.args["expression"]
    listed, value = (x, of(array)) if x.kind.name == "array" else (of(array), x)
    parts = listed.sql.meta.get("parts")
    if not parts:
        raise TranslationError("array_position has no translation here; allowed: in a list of values.")
    branches = " ".join(f"WHEN {part.sql('bigquery')} THEN {at}" for at, part in enumerate(parts, 1))
    return Typed(written(f"CASE {{x}} {branches} END", x=value.sql), INT)


def digest(node: exp.MD5, of: Rewrite) -> Typed:
    return Typed(written("TO_HEX(MD5({x}))", x=needed(of(node.this), "md5", "text").sql), TEXT)


def part_of_text(node: exp.Substring, of: Rewrite) -> Typed:
    parts = [
        of(node.args[key]).sql.sql("bigquery") for key in ("this", "start", "length") if node.args.get(key)
    ]
    return Typed(written(f"SUBSTR({', '.join(parts)})"), TEXT)


def listed_items(node: exp.Array, of: Rewrite) -> Typed:
    given = [of(part) for part in node.expressions]
    kind = common([part.kind for part in given], "an array")
    texts = ", ".join(part.sql.sql("bigquery") for part in given)
    return Typed(written(f"[{texts}]"), Kind("array", of=kind))


def named(node: exp.Anonymous, of: Rewrite) -> Typed:
    """Functions that the parser does not know."""
    name, given = node.name.lower(), node.expressions
    if name == "num_nulls":
        texts = [f"IF({of(part).sql.sql('bigquery')} IS NULL, 1, 0)" for part in given]
        return Typed(written(f"({' + '.join(texts)})"), INT)
    if name == "hash_record_extended":  # another hash, as good a one: it only estimates a count
        return Typed(written("FARM_FINGERPRINT({x})", x=of(given[0]).sql), INT)
    if name == "row":
        texts = ", ".join(of(part).sql.sql("bigquery") for part in given)
        return Typed(written(f"TO_JSON_STRING(STRUCT({texts}))"), TEXT)
    if name == "jsonb_build_object":
        return Typed(_object(given, of), JSON)
    if name == "pg_typeof":
        kind = of(given[0]).kind
        return Typed(written(f"'{IN_POSTGRES.get(kind.name, kind.name)}'"), TEXT)
    if name == "trim_scale":  # BigQuery shows no zeros at the end
        return of(given[0])
    if name in ("convert_to", "octet_length"):
        return (in_utf8 if name == "convert_to" else length_in_bytes)(given, of)
    if name == "clock_timestamp" and not given:
        return Typed(written("CURRENT_TIMESTAMP()"), TIMESTAMP)
    if name == "scale":
        return Typed(digits_behind_point(needed(of(given[0]), "scale", "numeric").sql), INT)
    raise TranslationError(
        f"function {name} has no translation. Use one that has, or add it to googlesql.functions."
    )


def _object(parts: list[Any], of: Rewrite) -> Any:
    """Names and values by turns, as the text of an object."""
    pairs = zip(parts[::2], parts[1::2], strict=True)
    listed = ", ".join(f"{of(value).sql.sql('bigquery')} AS `{key.this}`" for key, value in pairs)
    return written(f"TO_JSON_STRING(STRUCT({listed}))")


def functions() -> dict[type, Any]:
    """By sqlglot's class, who translates it."""
    from sqlglot import exp

    found: dict[type, Any] = {
        exp.Round: rounded, exp.Pow: power, exp.Coalesce: coalesce, exp.Nullif: nullif, exp.MD5: digest,
        exp.WidthBucket: place_in_buckets, exp.ArrayPosition: place_in_array, exp.Substring: part_of_text,
        exp.StddevSamp: of_doubles, exp.Array: listed_items, exp.Anonymous: named,
    }  # fmt: skip
    found |= dict.fromkeys((exp.Abs, exp.Sign, exp.Ceil, exp.Floor, exp.Trunc, exp.Max), same_kind)
    found |= dict.fromkeys((exp.Exp, exp.Ln, exp.Sqrt, exp.Tanh), of_doubles)
    found |= dict.fromkeys((exp.Greatest, exp.Least), extreme)
    return found | binaries()
