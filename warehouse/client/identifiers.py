"""Quoting of identifiers: the only way a name may enter generated SQL.

Belongs here: `quote`. Does not belong: values, which are always bound parameters.
"""

from __future__ import annotations

from warehouse.client.errors import WarehouseError

MAX_BYTES = 63  # NAMEDATALEN - 1: Postgres cuts longer names off in silence, so two names could become one


def quote(*parts: str) -> str:
    """`quote("core", "dim_date")` → `"core"."dim_date"`.

    Raises WarehouseError for no part, or a part that is no text, empty, longer than 63 bytes or holds a NUL.
    """
    if not parts:
        raise WarehouseError("Quoting an identifier failed: no name given. Pass one to three names.")
    return ".".join(_quoted(part) for part in parts)


def _quoted(part: str) -> str:
    if not isinstance(part, str) or not part or "\0" in part or len(part.encode("utf-8")) > MAX_BYTES:
        raise WarehouseError(
            f"Quoting an identifier failed: {part!r} is no usable name. "
            f"Allowed is text of 1 to {MAX_BYTES} bytes without NUL. Use a shorter or another name."
        )
    return '"' + part.replace('"', '""') + '"'
