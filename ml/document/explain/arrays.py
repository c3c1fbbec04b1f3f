"""Array literals of Postgres: much data in one constant, which the server reads in one go.

Belongs here: writing them. Does not belong here: what is in them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from warehouse.client.dialect import POSTGRES


def integers(values: Iterable[int]) -> str:
    return f"'{{{','.join(map(str, values))}}}'::int[]"


def numbers(values: Any) -> str:
    """Doubles with their very bits; infinities are allowed."""
    listed = np.asarray(values, dtype=np.float64).tolist()
    return f"'{{{','.join(map(repr, listed))}}}'::float8[]"


def truths(values: Any) -> str:
    return f"'{{{','.join('t' if value else 'f' for value in values)}}}'::bool[]"


def texts(values: Iterable[str]) -> str:
    return f"array[{', '.join(map(POSTGRES.text, values))}]::text[]"
