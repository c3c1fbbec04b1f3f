"""A variant is a document like any other: SQL, one row and many rows give the same bits."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest

from ml.document import Evaluator
from ml.document.sql import scoring_sql
from ml.document.variants import GRID
from tests.ml.document.boosted import boosted, linear, rows

SPECIAL = [None, math.nan, math.inf, -math.inf, 1e308, -1e308, 5e-324, -5e-324, 0.0, -0.0, 1e-100, 1e100,
           0.1, 2.0**24 + 1, 1.5]  # fmt: skip


def bits(values) -> np.ndarray:
    found = np.asarray(values, dtype=np.float64)
    return np.where(np.isnan(found), np.uint64(0), found.view(np.uint64))


def asked(document) -> pa.Table:
    """Ordinary rows, and each special number in each column."""
    ordinary = rows(200)[0].to_pylist()
    random = np.random.default_rng(4)
    numbers = [item.name for item in document.inputs if item.kind == "number"]
    texts = [item.name for item in document.inputs if item.kind == "category"]
    given = []
    for place in range(len(numbers) * len(SPECIAL) + 150):
        source = ordinary[place % 200]
        row = {name: source.get(name, float(random.normal())) for name in numbers}
        row |= dict.fromkeys(texts, ("a", "b", "c", "other", None)[place % 5])
        if place < len(numbers) * len(SPECIAL):
            row[numbers[place % len(numbers)]] = SPECIAL[place // len(numbers)]
        given.append(row)
    types = {**dict.fromkeys(numbers, pa.float64()), **dict.fromkeys(texts, pa.string())}
    columns = {name: pa.array([row[name] for row in given], kind) for name, kind in types.items()}
    return pa.table({"id": pa.array(range(len(given)), pa.int64()), **columns})


@pytest.mark.parametrize(
    "full", [boosted([1.0, 0.3] * 10), boosted([1.0] * 12, divide=12.0), linear([0.4, -1 / 3, 0.01, 0.2])],
    ids=["boosted", "forest", "linear"],
)  # fmt: skip
def test_all_surfaces_give_the_same_bits_for_every_variant(wh, full):
    table = asked(full)
    wh.execute("create schema lab")
    wh.load_arrow("lab", "asked", table, "replace")
    variants = {variant.sha256: variant for variant in (recipe.make(full) for recipe in GRID)}
    assert len(variants) > 5
    for variant in variants.values():
        evaluator = Evaluator(variant)
        batch = evaluator.table(table)
        alone = [evaluator.row(row) for row in table.to_pylist()]
        answers = wh.fetch_arrow(scoring_sql(variant, "lab.asked", ["id"]) + " order by id")
        for column, of_batch, place in (("margin", batch.margins, 0), ("score", batch.scores, 1)):
            of_sql = answers.column(column).to_numpy()
            of_row = [answer[place][0] for answer in alone]
            assert (bits(of_sql) == bits(of_batch[:, 0])).all()
            assert (bits(of_row) == bits(of_batch[:, 0])).all()
