"""Quoting of identifiers: the only way a name may enter generated SQL.

Belongs here: `quote`. Does not belong: values, which are always bound parameters.
"""

from __future__ import annotations

from warehouse.client.errors import WarehouseError

# Postgres cuts names beyond NAMEDATALEN - 1 off in silence, so two names could become one.
MAX_BYTES = {"postgres": 63, "bigquery": 300}


def quote(*parts: str, dialect: str = "postgres") -> str:
    """`quote("core", "dim_date")` → `"core"."dim_date"`; for BigQuery in backticks.

    Raises WarehouseError for no part, or a part that is no text, empty, too long for the engine (63 bytes in
    Postgres), holds a NUL, or (BigQuery) a backtick, backslash or line break.
    """
    if not parts:
        raise WarehouseError("Quoting an identifier failed: no name given. Pass one to three names.")
    return ".".join(_quoted(part, dialect) for part in parts)


def _quoted(part: str, dialect: str) -> str:
    limit = MAX_BYTES[dialect]
    forbidden = "\0" if dialect == "postgres" else "\0`\\\n\r"
    is_usable = isinstance(part, str) and part and not set(part) & set(forbidden)
    if not is_usable or len(part.encode("utf-8")) > limit:
        raise WarehouseError(
            f"Quoting an identifier failed: {part!r} is no usable name. "
            f"Allowed is text of 1 to {limit} bytes without {' '.join(map(repr, forbidden))}. "
            "Use a shorter or another name."
        )
    return f"`{part}`" if dialect == "bigquery" else '"' + part.replace('"', '""') + '"'
