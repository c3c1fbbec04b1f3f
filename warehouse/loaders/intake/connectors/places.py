"""Where a row stands in a source that has no lines or offsets: by its key.

The number of a row changes from read to read, and the same bad row would come into quarantine again and
again. Belongs here: the text. Does not belong here: files and streams, which have places of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def place_of(read: str, key: Sequence[str], values: Sequence[Any], number: str) -> str:
    """`orders: order_id 7`; by the `number` of the row where a value of the key is missing."""
    if None in values:
        return f"{read}: {number}"
    return f"{read}: " + ", ".join(f"{name} {value}" for name, value in zip(key, values, strict=True))
