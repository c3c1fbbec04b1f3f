"""Functions of texts, and texts put together.

Belongs here: what each becomes in BigQuery. Does not belong here: bytes and patterns of `~`
(`googlesql.binary`), casts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from warehouse.client.googlesql.casts import casted, written
from warehouse.client.googlesql.kinds import BOOL, INT, TEXT, Rewrite, TranslationError, Typed, needed
from warehouse.client.googlesql.windows import nulls_by_key, ordered

if TYPE_CHECKING:
    from sqlglot import exp


def joined(node: exp.GroupConcat, of: Rewrite, condition: Any = None) -> Typed:
    """`string_agg(x, separator [order by …])`; NULL is passed over by both engines."""
    from sqlglot import exp

    inner, keys = node.this, None
    if isinstance(inner, exp.Order):
        inner, keys = inner.this, ordered(inner, of)
    if isinstance(inner, exp.Distinct):
        raise TranslationError(f"{node.sql('postgres')[:80]} has no translation; allowed: without distinct.")
    given = needed(of(inner), "string_agg", "text", "bytes")
    separator = casted(of(node.args["separator"]), given.kind)
    text = given.sql.sql("bigquery")
    if condition is not None:
        text = f"IF({of(condition).sql.sql('bigquery')}, {text}, NULL)"
    order = "" if keys is None else f" {nulls_by_key(keys).sql('bigquery').strip()}"
    return Typed(written(f"STRING_AGG({text}, {separator.sql.sql('bigquery')}{order})"), given.kind)


def like(node: exp.Like, of: Rewrite) -> Typed:
    """`like`; both engines escape by a backslash."""
    one, two = (needed(of(part), "like", "text") for part in (node.this, node.expression))
    kept = {"negate": True} if node.args.get("negate") else {}
    return Typed(type(node)(this=one.sql, expression=two.sql, **kept), BOOL)


def end(node: Any, of: Rewrite) -> Typed:
    """`left` and `right` of a written count that is not negative: Postgres counts back from it."""
    count = node.expression
    if count.key != "literal" or count.is_string:
        raise TranslationError(f"{node.sql('postgres')[:80]} has no translation; allowed: a written count.")
    name, given = node.key.upper(), needed(of(node.this), node.key, "text")
    return Typed(written(f"{name}({{x}}, {count.this})", x=given.sql), TEXT)


def length(node: exp.Length, of: Rewrite) -> Typed:
    """`length`, in characters; of bytes in bytes."""
    given = needed(of(node.this), "length", "text", "bytes")
    return Typed(written("LENGTH({x})", x=given.sql), INT)


def trimmed(node: exp.Trim, of: Rewrite) -> Typed:
    """`trim`, `ltrim`, `rtrim`: Postgres takes blanks only, BigQuery all white space."""
    of_what = node.args.get("expression")
    names = {None: "TRIM", "": "TRIM", "BOTH": "TRIM", "LEADING": "LTRIM", "TRAILING": "RTRIM"}
    name = names[(node.args.get("position") or "").upper()]
    given = needed(of(node.this), "trim", "text")
    marks = written("' '") if of_what is None else needed(of(of_what), "trim", "text").sql
    return Typed(written(f"{name}({{x}}, {{m}})", x=given.sql, m=marks), TEXT)


def replaced(node: exp.Replace, of: Rewrite) -> Typed:
    given, old, new = (
        needed(of(node.args[key]), "replace", "text") for key in ("this", "expression", "replacement")
    )
    return Typed(written("REPLACE({x}, {a}, {b})", x=given.sql, a=old.sql, b=new.sql), TEXT)


def place_of(node: exp.StrPosition, of: Rewrite) -> Typed:
    given, inner = needed(of(node.this), "strpos", "text"), needed(of(node.args["substr"]), "strpos", "text")
    return Typed(written("STRPOS({x}, {y})", x=given.sql, y=inner.sql), INT)


def between_marks(node: exp.SplitPart, of: Rewrite) -> Typed:
    """`split_part`; beyond the last part Postgres gives an empty text."""
    mark, place = node.args["delimiter"], node.args["part_index"]
    if mark.key != "literal" or not mark.this or place.key != "literal":
        raise TranslationError(
            f"{node.sql('postgres')[:80]} has no translation; allowed: a written mark and place."
        )
    given = needed(of(node.this), "split_part", "text")
    text = f"IF({{x}} IS NULL, NULL, IFNULL(SPLIT({{x}}, {{m}})[SAFE_ORDINAL({place.this})], ''))"
    return Typed(written(text, x=given.sql, m=mark), TEXT)


def begins(node: exp.StartsWith, of: Rewrite) -> Typed:
    one, two = (needed(of(part), "starts_with", "text") for part in (node.this, node.expression))
    return Typed(written("STARTS_WITH({x}, {y})", x=one.sql, y=two.sql), BOOL)


def strung(node: exp.Concat, of: Rewrite) -> Typed:
    """`concat`: NULL is passed over, and whatever is not a text becomes one."""
    parts = [f"IFNULL({_output(of(one))}, '')" for one in node.expressions]
    return Typed(written(f"CONCAT({', '.join(parts)})"), TEXT)


def _output(given: Typed) -> str:
    """A value's text as `concat` has it, which shortens true and false."""
    if given.kind is BOOL:
        return f"CASE {given.sql.sql('bigquery')} WHEN TRUE THEN 't' WHEN FALSE THEN 'f' END"
    return casted(given, TEXT).sql.sql("bigquery")


def strung_between(node: exp.ConcatWs, of: Rewrite) -> Typed:
    """`concat_ws`: NULL is passed over, also its mark."""
    mark, *parts = [_output(of(one)) for one in node.expressions]
    return Typed(written(f"ARRAY_TO_STRING([{', '.join(parts)}], {mark})"), TEXT)


def texts() -> dict[type, Any]:
    """By sqlglot's class, who translates it."""
    from sqlglot import exp

    return {
        exp.GroupConcat: joined, exp.Like: like, exp.Left: end, exp.Right: end, exp.Length: length,
        exp.Trim: trimmed, exp.Replace: replaced, exp.StrPosition: place_of, exp.SplitPart: between_marks,
        exp.StartsWith: begins, exp.Concat: strung, exp.ConcatWs: strung_between,
    }  # fmt: skip
