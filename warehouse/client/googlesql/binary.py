"""Bytes, their digests, and texts of whole rows.

Belongs here: bytea and what is made of it, patterns. Does not belong here: other functions
(`googlesql.functions`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from warehouse.client.googlesql.casts import casted, written
from warehouse.client.googlesql.kinds import (
    BOOL,
    BYTES,
    INT,
    JSON,
    TEXT,
    Rewrite,
    TranslationError,
    Typed,
    needed,
)

if TYPE_CHECKING:
    from sqlglot import exp

MARK = "starhouse:large:"
"""Begins the text that stands for bytes sent beside the statement."""

IN_QUOTES = r"""[\\s\\v(),"\\\\]"""
"""What Postgres puts an element of a row's text in quotes for."""


def cast_specially(node: exp.Cast, of: Rewrite) -> Typed | None:
    """A cast to bytea, of bits, to jsonb, or of a whole row to text; None for any other."""
    name = node.to.this.value
    if node.this.key == "cast" and node.this.to.this.value == "BIT":
        return of_hexadecimal(node.this, of)
    if name == "VARBINARY":
        return bytes_of(node, of)
    if name in ("JSON", "JSONB"):
        return Typed(needed(of(node.this), "a cast to jsonb", "text", "json", "null").sql, JSON)
    if name == "TEXT" and node.this.key == "anonymous" and node.this.name.lower() == "row":
        return text_of_row(node.this.expressions, of)
    return None


def bytes_of(node: exp.Cast, of: Rewrite) -> Typed:
    """`'\\x00ff'::bytea`, or a text without a backslash as its bytes.

    Raises:
        TranslationError: another text, whose escapes are not known.
    """
    from sqlglot import exp

    given = of(node.this)
    if given.kind.name in ("bytes", "null"):
        return Typed(given.sql, BYTES)
    if not isinstance(given.sql, exp.Literal) or not given.sql.is_string:
        raise TranslationError(
            "cast to bytea is translated of a literal alone; allowed: convert_to(x, 'UTF8')."
        )
    return bytes_of_literal(given)


def bytes_of_literal(given: Typed) -> Typed:
    """A text literal as the bytes that Postgres reads in it."""
    text = given.sql.this
    if text.startswith(MARK):
        return Typed(given.sql, BYTES)
    if text.startswith("\\x"):
        return Typed(written(f"FROM_HEX('{bytes.fromhex(text[2:]).hex()}')"), BYTES)
    if "\\" in text:
        raise TranslationError(f"bytea {text[:40]!r} has no translation; allowed: hexadecimal digits.")
    return Typed(written("CAST({x} AS BYTES)", x=given.sql), BYTES)


def of_hexadecimal(bits: exp.Cast, of: Rewrite) -> Typed:
    """`('x' || digits)::bit(60)::bigint`, the whole number of hexadecimal digits."""
    joined = bits.this.unnest()
    if joined.key != "dpipe" or joined.this.this != "x":
        raise TranslationError(f"cast to bits has no translation: {bits.sql('postgres')[:80]}.")
    return Typed(written("CAST(CONCAT('0x', {x}) AS INT64)", x=of(joined.expression).sql), INT)


def digest(node: exp.SHA2Digest, of: Rewrite) -> Typed:
    """`sha256(bytes)`."""
    length = node.args.get("length")
    if length is None or length.name != "256":
        raise TranslationError(f"{node.sql('postgres')[:80]} has no translation; allowed: sha256.")
    inner = node.this
    if inner.key == "anonymous" and inner.name.lower() == "convert_to":  # of a text it is that of its bytes
        in_utf8(inner.expressions, of)
        return Typed(written("SHA256({x})", x=of(inner.expressions[0]).sql), BYTES)
    return Typed(written("SHA256({x})", x=needed(of(inner), "sha256", "bytes").sql), BYTES)


def encoded(node: exp.Encode, of: Rewrite) -> Typed:
    """`encode(bytes, 'hex' | 'base64')`."""
    names = {"hex": "TO_HEX", "base64": "TO_BASE64"}
    return Typed(_by_format(node, of, names, "bytes"), TEXT)


def decoded(node: exp.Decode, of: Rewrite) -> Typed:
    """`decode(text, 'hex' | 'base64')`."""
    return Typed(_by_format(node, of, {"hex": "FROM_HEX", "base64": "FROM_BASE64"}, "text"), BYTES)


def _by_format(node: Any, of: Rewrite, names: dict[str, str], kind: str) -> Any:
    form = node.args["charset"].name.lower()
    if form not in names:
        raise TranslationError(f"{node.key} as {form!r} has no translation; allowed: {', '.join(names)}.")
    return written(f"{names[form]}({{x}})", x=needed(of(node.this), node.key, kind).sql)


def in_utf8(parts: list[Any], of: Rewrite) -> Typed:
    """`convert_to(text, 'UTF8')`."""
    if parts[1].name.upper() not in ("UTF8", "UTF-8"):
        raise TranslationError(f"convert_to {parts[1].name!r} has no translation; allowed: UTF8.")
    return Typed(written("CAST({x} AS BYTES)", x=needed(of(parts[0]), "convert_to", "text").sql), BYTES)


def length_in_bytes(parts: list[Any], of: Rewrite) -> Typed:
    """`octet_length(bytes or text)`."""
    return Typed(
        written("BYTE_LENGTH({x})", x=needed(of(parts[0]), "octet_length", "bytes", "text").sql), INT
    )


def matches(node: exp.RegexpLike, of: Rewrite) -> Typed:
    """`text ~ pattern`, of a pattern that both engines read alike.

    Raises:
        TranslationError: a pattern that is no literal, or has what engines read differently.
    """
    pattern = node.expression
    if pattern.key != "literal" or any(part in pattern.this for part in ("(?", "\\", "[[", "*?", "+?", "$)")):
        raise TranslationError(
            f"pattern {pattern.sql('postgres')[:80]} has no translation; allowed: plain ones."
        )
    text = written("REGEXP_CONTAINS({x}, {p})", x=needed(of(node.this), "~", "text").sql, p=pattern)
    return Typed(text, BOOL)


def text_of_row(parts: list[Any], of: Rewrite) -> Typed:
    """`row(a, b, …)::text`, as Postgres writes it: values between commas, in quotes where they hold what
    parts them, nothing for NULL.
    """
    listed = ", ',', ".join(_element(of(part)) for part in parts)
    return Typed(written(f"CONCAT('(', {listed}, ')')"), TEXT)


def _element(value: Typed) -> str:
    sql = value.sql.sql("bigquery")
    if value.kind.name == "bool":
        return f"CASE WHEN {sql} THEN 't' WHEN NOT {sql} THEN 'f' ELSE '' END"
    text = casted(value, TEXT).sql.sql("bigquery")
    if value.kind.name not in ("text", "timestamp", "datetime"):
        needed(value, "a row's text", "int", "float", "numeric", "date")
        return f"IFNULL({text}, '')"
    quoted = f"""CONCAT('"', REPLACE(REPLACE({text}, '\\\\', '\\\\\\\\'), '"', '""'), '"')"""
    parts = f"{text} = '' OR REGEXP_CONTAINS({text}, '{IN_QUOTES}')"
    return f"CASE WHEN {text} IS NULL THEN '' WHEN {parts} THEN {quoted} ELSE {text} END"


def binaries() -> dict[type, Any]:
    """By sqlglot's class, who translates it."""
    from sqlglot import exp

    return {
        exp.SHA2Digest: digest, exp.Encode: encoded, exp.Decode: decoded, exp.RegexpLike: matches,
    }  # fmt: skip
