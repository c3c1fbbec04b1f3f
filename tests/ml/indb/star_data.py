"""Random stars: a fact and up to three dimensions with every kind of column, in the warehouse.

Belongs here: the rows, what is declared of them, their loading. Does not belong here: assertions.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from ml.indb.columns import Category, Number
from ml.indb.star import Dimension, Star
from warehouse.client import Warehouse, quote

ODD = 'a "b" {c} %s'
"""A column name that must be quoted, and not formatted."""


@dataclass
class Made:
    """A star, its Arrow tables by relation, what is measured of it."""

    star: Star
    tables: dict[str, pa.Table]
    numbers: list[Number] = field(default_factory=list)
    categories: list[Category] = field(default_factory=list)


def made_star(seed: int, rows: int = 80) -> Made:
    """Dimensions share a relation now and then, as roles; keys are text or whole numbers."""
    random = np.random.default_rng(seed)
    fact = {
        "fold": pa.array(random.integers(0, 3, rows), pa.int32()),
        "y": pa.array(np.round(random.normal(0, 9, rows), 2)),
        "w": pa.array(np.random.default_rng(seed + 1).integers(0, 4, rows)),
        "day": pa.array([f"{day}.{'0' * int(zeros)}" for day, zeros in random.integers(1, 3, (rows, 2))]),
    }
    made = Made(Star("fact", (), (Dimension("none", "none", "k", ("k",)),)), {})
    own = _columns(random, made, "own", rows, int(random.integers(0, 3)))
    dimensions, roles = [], int(random.integers(1, 4))
    for at in range(roles):
        size, is_text = int(random.integers(1, 12)), bool(random.integers(2))
        keys = pa.array([f"k%{key}" for key in range(size)] if is_text else range(size))
        columns = _columns(random, made, f"d{at}", size, int(random.integers(1, 4)))
        made.tables[f"dim_{at}"] = pa.table({"key": keys, **columns})
        fact[f"key_{at}"] = keys.take(pa.array(random.integers(0, size, rows)))
        dimensions.append(Dimension(f"role {at}", f"dim_{at}", "key", tuple(columns), f"key_{at}"))
    made.tables["fact"] = pa.table({**fact, **own})
    made.numbers.append(Number("y", 2, 100.0))
    order = random.permutation(len(made.numbers))
    made.numbers = [made.numbers[at] for at in order]
    made.star = Star("fact", ("fold", "w", "day", "y", *own), tuple(dimensions))
    return made


def _columns(random: np.random.Generator, made: Made, prefix: str, rows: int, count: int) -> dict:
    found = {}
    for at in range(count):
        kind, name = (
            random.choice(["cents", "whole", "wide", "truth", "text", "code"]),
            f"{prefix} {at} {ODD}",
        )
        values: list = {
            "cents": lambda: np.round(random.normal(0, 5, rows), 2).tolist(),
            "whole": lambda: random.integers(-9, 9, rows).tolist(),
            "wide": lambda: (random.normal(0, 1, rows) * 10.0 ** random.integers(-3, 3, rows)).tolist(),
            "truth": lambda: (random.random(rows) < 0.5).tolist(),
            "text": lambda: random.choice(["", "it's", "é %s", "b"], rows).tolist(),
            "code": lambda: random.integers(0, 3, rows).tolist(),
        }[kind]()
        has_missing = bool(random.integers(2))
        if has_missing:
            values = [None if random.random() < 0.2 else value for value in values]
        types = {"cents": pa.float64(), "wide": pa.float64(), "truth": pa.bool_(), "text": pa.string()}
        found[name] = pa.array(values, types.get(kind, pa.int32()))
        if kind in ("text", "code"):
            made.categories.append(Category(name))
        else:
            missing = "indicator" if has_missing else "refuse"
            made.numbers.append(Number(name, 2 if kind == "cents" else None, missing=missing))
    return found


def load(wh: Warehouse, made: Made, schema: str = "public") -> None:
    """The tables, `day` as NUMERIC: 1.0 and 1.00 are one day."""
    for name, table in made.tables.items():
        wh.load_arrow(schema, name, table, "replace")
    day = quote("day")
    wh.execute(f"alter table {quote(schema, 'fact')} alter column {day} type numeric using {day}::numeric")
