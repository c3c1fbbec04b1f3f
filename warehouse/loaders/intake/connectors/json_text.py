"""JSON objects from their bytes: by orjson where it reads what Python's own parser reads, else by that.

orjson takes a third of the time. It refuses NaN, numbers beyond a double and half surrogate pairs, and makes
a double of a whole number that 64 bits do not hold; Python's parser reads these. Belongs here: one text. Does
not belong here: lines and messages.
"""

from __future__ import annotations

import json
import re
from typing import Any

_LONG_NUMBER = re.compile(rb"\d{19}")
_DOUBTFUL = 2.0**63
"""From here on a double may have been a whole number in the text."""


def object_of(text: bytes) -> dict[str, Any]:
    """The object, as `json.loads` reads it.

    Raises:
        ValueError: it is no JSON, or no object. RecursionError: it is nested too deeply.
    """
    import orjson

    found: Any
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError(f"it is {type(found).__name__}, not an object")
    for value in found.values():
        kind = type(value)
        if kind is dict or kind is list or (kind is float and not -_DOUBTFUL < value < _DOUBTFUL):
            return json.loads(text) if _LONG_NUMBER.search(text) else found
    return found
