"""How often a forest's tree draws a row: a hash of whole numbers that SQL and Python compute alike.

A row's key becomes the first 60 bits of the MD5 of its text, within 2**31 - 1; a tree mixes it by constants
of its own. Products of two numbers below 2**31 stay in a bigint. The hash falls among the cumulative
probabilities of a Poisson variable of mean 1, which is drawing with replacement from many rows.

Belongs here: the hash in both forms. Does not belong here: histograms.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable

import numpy as np

PRIME = 2**31 - 1
HEX_DIGITS = 15
MOST_TIMES = 8


def _cuts() -> list[int]:
    """The least hash that is drawn more than 0, 1, 2, … times."""
    sums, total = [], 0.0
    for times in range(MOST_TIMES):
        total += math.exp(-1.0) / math.factorial(times)
        sums.append(round(total * PRIME))
    return sums


CUTS = _cuts()


def _constants(seed: int, tree: int) -> list[int]:
    digest = hashlib.sha256(f"{seed}:{tree}".encode()).digest()
    return [int.from_bytes(digest[at : at + 8], "big") % (PRIME - 1) + 1 for at in range(0, 32, 8)]


def keys(values: Iterable[str]) -> np.ndarray:
    """Keys (rows,) int64 of texts."""
    digests = (hashlib.md5(value.encode(), usedforsecurity=False).hexdigest() for value in values)
    return np.array([int(digest[:HEX_DIGITS], 16) % PRIME for digest in digests], dtype=np.int64)


def key_sql(x: str) -> str:
    """The key of a column that SQL names `x`."""
    return f"mod(('x' || substr(md5({x}::text), 1, {HEX_DIGITS}))::bit(60)::bigint, {PRIME})"


def drawn(key: np.ndarray, seed: int, tree: int) -> np.ndarray:
    """How often the tree draws each row, (rows,) int64."""
    a, b, c, d = _constants(seed, tree)
    x = (key * a + b) % PRIME
    x = ((x ^ (x >> 15)) * c + d) % PRIME
    x = x ^ (x >> 13)
    return np.searchsorted(CUTS, x, side="right").astype(np.int64)


def drawn_sql(key: str, seed: int, tree: int) -> str:
    """The same in SQL."""
    a, b, c, d = _constants(seed, tree)
    x = f"mod({key} * {a} + {b}, {PRIME})"
    x = f"mod((({x}) # (({x}) >> 15)) * {c} + {d}, {PRIME})"
    cuts = ",".join(map(str, CUTS))
    return f"width_bucket(({x}) # (({x}) >> 13), '{{{cuts}}}'::bigint[])::bigint"


def features_of(seed: int, tree: int, count: int, most: int | None) -> Callable[[int], Iterable[int]]:
    """By node of a tree, the features it may choose from: the `most` of lowest hash, in order."""

    def chosen(node: int) -> list[int]:
        if most is None or most >= count:
            return list(range(count))
        hashed = {
            place: hashlib.sha256(f"{seed}:{tree}:{node}:{place}".encode()).digest() for place in range(count)
        }
        return sorted(sorted(hashed, key=hashed.__getitem__)[:most])

    return chosen
