"""Rows that try to tell two evaluators of one document apart.

Belongs here: making rows, from the document alone or with a sample. Does not belong here: answering and
comparing them (`ml.document.parity`), or where the thresholds come from (`ml.document.thresholds`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ml.document.thresholds import texts, thresholds
from ml.document.tree_paths import path_rows

if TYPE_CHECKING:
    import pyarrow as pa

    from ml.document.schema import Document, Input

MISSING = None
NUMBERS: tuple[float | None, ...] = (
    MISSING, math.nan, math.inf, -math.inf, 1e308, -1e308, 5e-324, -5e-324, 0.0, -0.0, 1.0, -1.0, 1e-100,
    -1e-100, 1e100, -1e100, 1e-300, 1e300, 2.0**24 + 1, 2.0**31, 2.0**53, -(2.0**53), 1.7e9,
    1700000000.5, 0.1, math.nextafter(1e100, math.inf), math.nextafter(1e-100, 0.0), math.nextafter(0.1, 1.0),
    2.2250738585072014e-308,
)  # fmt: skip
"""Each number input meets each of these: missing both ways, the ends of a double, what arithmetic bounds,
numbers that a float32 cannot hold, epoch seconds.
"""

TEXTS = ("", " ", "no such category", "it's", 'double "quotes"', "back\\slash", "e'\\n", "line\nbreak",
         "tab\t", "Zoë", "名前", "🦆", "NULL", "null", "NaN", "a,b;c", "%s {0} :x", "--", "$$")  # fmt: skip
"""Each category input meets each of these: unknown text that quoting, escaping or matching may spoil."""

CAP = 5_000
MIXED_SHARE = 0.1
"""The share of rows in which every input is special at once: sums and products of extremes."""


def adversarial_rows(document: Document, seed: int = 0, *, sample: Any = None, cap: int = CAP) -> pa.Table:
    """`cap` rows, the same for the same arguments.

    Each has one special value (one of `NUMBERS`, a threshold or its neighbours, any text or truth value) in a
    row that is otherwise ordinary: drawn from `sample` (an Arrow table of the inputs), or from thresholds.
    A part of the rows leads to one node of a tree and stands at its threshold; a part is special throughout.

    Raises:
        DocumentError: the sample lacks an input.
    """
    random = np.random.default_rng(seed)
    pools = special_values(document)
    single = [(item.name, value) for item in document.inputs for value in _always(document, item)]
    rest = [(name, value) for name, pool in pools.items() for value in pool]
    together = [dict.fromkeys(document.input_names, value) for value in NUMBERS]
    leading = path_rows(document, random, cap // 3)
    room = max(cap - len(leading) - len(together) - int(cap * MIXED_SHARE), 0)
    chosen = [*_drawn(single, room, random)]
    chosen += _drawn(rest, room - len(chosen), random)
    chosen += [_one(rest, random) for _ in range(room - len(chosen))]  # again, in other rows
    mixed = [{n: _one(pool, random) for n, pool in pools.items()} for _ in range(int(cap * MIXED_SHARE))]
    changes = [*({name: value} for name, value in chosen), *leading, *together, *mixed][:cap]
    return _changed(document, random_rows(document, sample, len(changes), seed), changes)


def random_rows(document: Document, sample: Any, rows: int, seed: int = 0) -> pa.Table:
    """`rows` ordinary rows: drawn from `sample` with all their inputs, or without one, each input by itself
    around the document's thresholds.

    Raises:
        DocumentError: the sample lacks an input.
    """
    import pyarrow as pa

    from ml.document.schema import DocumentError

    random = np.random.default_rng([seed, 1])
    if sample is not None and sample.num_rows:
        lacking = [name for name in document.input_names if name not in sample.column_names]
        if lacking:
            raise DocumentError(f"the sample lacks the inputs {lacking}; it holds {sample.column_names}.")
        drawn = sample.take(pa.array(random.integers(0, sample.num_rows, rows)))
        return table_of(document, {n: drawn.column(n).cast(_type(i)) for n, i in _by_name(document).items()})
    pools = _ordinary(document)
    return table_of(document, {n: [_one(pool, random) for _ in range(rows)] for n, pool in pools.items()})


def special_values(document: Document) -> dict[str, list[Any]]:
    """By input: everything that can be special about it, without repetition of bits."""
    found = {item.name: list(_always(document, item)) for item in document.inputs}
    for name, values in thresholds(document).items():
        found[name] += [near for value in values for near in neighbours(value)]
    return {name: _distinct(values) for name, values in found.items()}


def neighbours(value: float) -> list[float]:
    """The value with two doubles to each side."""
    above, below = np.nextafter(value, math.inf), np.nextafter(value, -math.inf)
    near = [value, above, below, np.nextafter(above, math.inf), np.nextafter(below, -math.inf)]
    return [float(one) for one in near]


def table_of(document: Document, columns: dict[str, Any]) -> pa.Table:
    """An Arrow table of the inputs: float64, bool, text; NULL and NaN stay apart."""
    import pyarrow as pa

    made = {}
    for name, item in _by_name(document).items():
        column = columns[name]
        made[name] = column if hasattr(column, "type") else pa.array(column, _type(item), from_pandas=False)
    return pa.table(made)


def _by_name(document: Document) -> dict[str, Input]:
    return {item.name: item for item in document.inputs}


def _type(item: Input) -> Any:
    import pyarrow as pa

    return {"number": pa.float64(), "boolean": pa.bool_(), "category": pa.string()}[item.kind]


def _always(document: Document, item: Input) -> Sequence[Any]:
    """The special values that do not depend on how many thresholds there are."""
    if item.kind == "boolean":
        return (None, True, False)
    if item.kind == "number":
        return NUMBERS
    known = texts(document)[item.name]
    near = [one for text in known[:50] for one in (text + " ", " " + text, text.upper(), text.lower())]
    return list(dict.fromkeys([None, *known, *near, *TEXTS]))


def _ordinary(document: Document) -> dict[str, list[Any]]:
    """By input: what it may be in an ordinary row when there is no sample."""
    pools: dict[str, list[Any]] = {i.name: [True, False, None] for i in document.inputs}
    for name, known in texts(document).items():
        pools[name] = [*known, "no such category", None]
    for name, found in thresholds(document).items():
        moderate = [value for value in found if abs(value) < 1e90] or [0.0]
        spread = np.quantile(moderate, np.linspace(0.0, 1.0, min(len(moderate), 200))).tolist()
        pools[name] = [*spread, *(value + step for value in spread for step in (-1.0, 0.3, 1.7)), None]
    return pools


def _changed(document: Document, ordinary: pa.Table, changes: list[dict[str, Any]]) -> pa.Table:
    columns = {name: ordinary.column(name).to_pylist() for name in document.input_names}
    kinds = {item.name: item.kind for item in document.inputs}
    for row, change in enumerate(changes):
        for name, value in change.items():
            if kinds[name] == "number" or not isinstance(value, float):
                columns[name][row] = value
    return table_of(document, columns)


def _drawn(items: list[Any], count: int, random: Any) -> list[Any]:
    if count >= len(items):
        return items
    return [items[place] for place in sorted(random.choice(len(items), max(count, 0), replace=False))]


def _one(pool: list[Any], random: Any) -> Any:
    return pool[int(random.integers(len(pool)))]


def _distinct(values: list[Any]) -> list[Any]:
    return list({(type(value), repr(value)): value for value in values}.values())
