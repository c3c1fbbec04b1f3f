"""What each way of training would cost: statistics times unit costs, in seconds and bytes.

Every number here is a count of steps; what a step takes was measured (`ml.indb.unit_costs`). Belongs here:
the formulas. Does not belong here: reading statistics, or the choice (`ml.indb.training_plan`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations

from ml.indb.binned_rows import FEW_CELLS
from ml.indb.cofactor_sql import AGGREGATES
from ml.indb.exported_rows import held_bytes
from ml.indb.training_work import TrainingWork
from ml.indb.work_statistics import WorkStatistics

CODE_BYTES, CELL_BYTES = 2, 33
"""A cell as Arrow: a code a feature; beside them four whole numbers and a truth value."""

HISTOGRAM_BYTES = 32
"""A bin with its count and two sums, as `ml.indb.histogram_sql` counts them."""


@dataclass(frozen=True)
class Estimate:
    """One way, and what it would take: wall seconds, bytes that leave the warehouse, bytes that are held in
    memory at once (0 where they do not grow with the rows).
    """

    way: str
    seconds: float
    bytes_out: int
    memory_bytes: int = 0


@dataclass(frozen=True)
class _Costs:
    work: TrainingWork
    found: WorkStatistics
    unit: Mapping[str, float]

    @property
    def gain(self) -> float:
        """Processes that share a scan, as Postgres decides: by the size of the table."""
        return self.unit["parallel_gain"] if self.found.is_parallel else 1.0

    @property
    def joins(self) -> float:
        """Seconds in which one scan of the relation joins its dimensions, where they are not joined yet."""
        star = self.work.star
        if star is None or self.work.relation != star.joined:
            return 0.0
        return len(star.dimensions) * self.found.rows * self.unit["join"]

    @property
    def one_hot(self) -> int:
        """Columns of a library's matrix: numbers, and one for each category."""
        return len(self.work.numbers) + sum(self.found.levels.values())

    @property
    def source(self) -> float:
        """Seconds in which the relation gives its rows once, to one process."""
        return max(self.found.scan_seconds, self.found.rows * self.unit["row"])

    def sums(self, rows: float, numbers: int, wide: int) -> float:
        """Seconds of one process for values and products of so many numbers, `wide` of them NUMERIC."""
        exact, unit = numbers - wide, self.unit
        products, narrow = numbers * (numbers + 1) / 2, exact * (exact + 1) / 2
        values = self.selects(numbers) * (exact * unit["value"] + wide * unit["wide_value"])
        return rows * (values + narrow * unit["product"] + (products - narrow) * unit["wide_product"])

    def levels(self, numbers: int, categories: int) -> float:
        """Seconds of grouping by categories and by their pairs; Postgres gives grouping sets one process."""
        sets = categories * (categories + 1) / 2
        return self.found.rows * (sets * self.unit["set"] + categories * numbers * self.unit["value"])

    def selects(self, numbers: int) -> int:
        """A select has so many sums at most; each computes all values."""
        return math.ceil(_sums(numbers) / AGGREGATES)

    def scans(self, numbers: int, categories: int) -> int:
        """Selects over the rows that one measurement makes."""
        return self.selects(numbers) + min(categories, 2)

    def statement(self, numbers: int) -> float:
        """Seconds of writing, planning and reading it, whatever the rows."""
        return self.unit["statement_sum"] * _sums(numbers)


def _sums(numbers: int) -> int:
    """Of values and of products."""
    return numbers * (numbers + 3) // 2


def estimates(work: TrainingWork, found: WorkStatistics, unit: Mapping[str, float]) -> list[Estimate]:
    """The ways of this work, in their order."""
    costs = _Costs(work, found, unit)
    by_way: dict[str, Callable[[_Costs], tuple[float, float]]] = {
        "factorised": _factorised,
        "joined": {"cofactors": _joined, "passes": _passes, "trees": _tree_rows}[work.trainer],
        "cells": _tree_cells if work.trainer == "trees" else _patterns,
        "export": _export,
    }
    return [_estimate(way, *by_way[way](costs), costs) for way in work.ways]


def _estimate(way: str, seconds: float, bytes_out: float, costs: _Costs) -> Estimate:
    is_held = way == "export" and costs.work.trainer == "trees"
    held = held_bytes(costs.found.rows, len(costs.work.features)) if is_held else 0
    return Estimate(way, seconds, round(bytes_out), held)


def _joined(costs: _Costs) -> tuple[float, float]:
    work, found = costs.work, costs.found
    numbers, categories = len(work.numbers) + 1, len(work.categories)
    scans = costs.scans(numbers, categories)
    seconds = costs.statement(numbers) + (costs.source + costs.joins) * scans / costs.gain
    seconds += costs.sums(found.rows, numbers, found.wide) / costs.gain + costs.levels(numbers, categories)
    return seconds, _sum_bytes(costs, numbers)


def _sum_bytes(costs: _Costs, numbers: int) -> float:
    """Sums, products, and for each category its sums; of pairs of categories at most the observed ones."""
    levels = list(costs.found.levels.values())
    pairs = sum(min(one * two, costs.found.rows) for one, two in combinations(levels, 2))
    count = _sums(numbers) + sum(levels) * (numbers + 1) + pairs
    return costs.work.folds * count * costs.unit["sum_bytes"]


def _factorised(costs: _Costs) -> tuple[float, float]:
    """A message a key, a count a pair of keys, and products once a key instead of once a row."""
    work, found, unit = costs.work, costs.found, costs.unit
    assert work.star is not None
    own = set(work.star.columns)
    numbers = sum(name in own for name in work.numbers) + 1
    categories = sum(name in own for name in work.categories)
    sizes = [len(set(one.columns) & set(work.numbers)) for one in work.star.dimensions]
    wide = min(found.wide, numbers)
    seconds = (
        costs.statement(len(work.numbers) + 1) + found.rows * len(sizes) * unit["join"] / costs.gain
    )  # the check of keys
    seconds += (costs.source + costs.sums(found.rows, numbers, wide)) / costs.gain
    grouped = unit["row"] + unit["group"] + numbers * unit["value"]
    seconds += (len(sizes) + categories) * found.rows * grouped / costs.gain
    seconds += categories * (categories - 1) / 2 * found.rows * unit["set"]
    keyed = [*sizes, *[0] * categories]
    for (one, two), pairs in found.pairs.items():
        if one < len(sizes):
            seconds += found.rows * (unit["row"] + 2 * unit["group"])
            pushed = min(keyed[one], keyed[two]) or max(keyed[one], keyed[two])
            # Each pair is made, kept, read, joined with one dimension and grouped by the other's key.
            made = unit["new_group"] + 2 * unit["row"] + unit["join"] + unit["group"]
            seconds += pairs * (made + pushed * unit["value"])
    other = sum(sizes) + numbers
    # Steps so large that a product of two still is a bigint leave none for the facts of a key.
    product = unit["wide_product" if work.is_rounded else "product"]
    for keys, size in zip(found.keys, sizes, strict=True):
        # A key's values are read, weighted by its facts, and kept beside its message.
        seconds += keys * (unit["new_group"] + unit["join"] + 2 * size * unit["value"])
        seconds += keys * size * (other - (size - 1) / 2) * product
    return seconds, _sum_bytes(costs, len(work.numbers) + 1)


def _passes(costs: _Costs) -> tuple[float, float]:
    seconds, size = _joined(costs)
    return costs.work.rounds * seconds, costs.work.rounds * size


def _patterns(costs: _Costs) -> tuple[float, float]:
    """Rows grouped once by all features, then passes over the groups."""
    work, found, unit = costs.work, costs.found, costs.unit
    cells = found.cells or found.rows
    made = costs.source + found.rows * len(work.features) * unit["group"] + cells * unit["new_group"]
    seconds, size = _passes(costs)
    return made + seconds * cells / found.rows, size


def _tree_rows(costs: _Costs) -> tuple[float, float]:
    seconds = costs.source + costs.found.rows * _code(costs)
    return seconds + _trees_by_sql(costs, costs.found.rows), _histogram_bytes(costs)


def _code(costs: _Costs) -> float:
    """Seconds in which a row gets its codes: numbers by quantiles, which sorts them, categories by a list."""
    work, unit = costs.work, costs.unit
    return len(work.numbers) * unit["bin"] + len(work.categories) * unit["code"]


def _trees_by_sql(costs: _Costs, rows: int) -> float:
    work, unit = costs.work, costs.unit
    levels = work.depth * len(work.features) * unit["histogram"] + unit["scored"]
    return work.rounds * (_tree(costs) + rows * levels)


def _tree(costs: _Costs) -> float:
    """What a tree costs beside its rows: a share for each leaf."""
    return costs.unit["tree_leaf"] * costs.work.leaves


def _histogram_bytes(costs: _Costs) -> float:
    """Of two sisters one is measured."""
    work = costs.work
    return work.rounds * work.leaves * len(work.features) * (work.most_bins + 1) * HISTOGRAM_BYTES


def _tree_cells(costs: _Costs) -> tuple[float, float]:
    work, found, unit = costs.work, costs.found, costs.unit
    cells, features = found.cells or found.rows, len(work.features)
    grouped = found.rows * features * unit["group"] + cells * unit["new_group"]
    made = costs.source + found.rows * _code(costs) + grouped
    is_small = found.rows <= work.memory_rows and held_bytes(cells, features) <= work.memory_bytes
    if cells > FEW_CELLS and not is_small:
        return made + _trees_by_sql(costs, cells), _histogram_bytes(costs)
    return made + _trees_in_memory(costs, cells), cells * (CODE_BYTES * features + CELL_BYTES)


def _trees_in_memory(costs: _Costs, cells: int) -> float:
    work = costs.work
    return work.rounds * (_tree(costs) + cells * work.depth * len(work.features) * costs.unit["cell"])


def _export(costs: _Costs) -> tuple[float, float]:
    """The rows as Arrow, then sums of them by matrix products, our own trees on them, or a library."""
    work, found, unit = costs.work, costs.found, costs.unit
    seconds, size = unit["export"] + costs.source + costs.joins, found.rows * found.row_bytes
    if work.trainer == "cofactors" and not found.wide:
        return seconds + found.rows * _exact(costs), size
    values = len(work.numbers) + 1
    row = unit["export_row"] + values * unit["export_value"] + found.text_bytes * unit["export_byte"]
    if work.trainer == "trees":
        row += len(work.numbers) * unit["array_bin"] + len(work.categories) * unit["array_code"]
        return seconds + found.rows * row + _trees_in_memory(costs, found.rows), size
    fits = 1 if work.folds == 1 else work.folds + 1
    return seconds + found.rows * row + fits * _library_fit(costs), size


def _exact(costs: _Costs) -> float:
    """Seconds of one row's values, products and levels, its way out among them."""
    work, unit = costs.work, costs.unit
    numbers, categories = len(work.numbers) + 1, len(work.categories)
    levels = categories * (numbers + categories / 2) * unit["exact_level"]
    texts = costs.found.text_bytes * unit["export_byte"]
    return (
        numbers * unit["exact_value"] + numbers * (numbers + 1) / 2 * unit["exact_product"] + levels + texts
    )


def _library_fit(costs: _Costs) -> float:
    work, rows, unit = costs.work, costs.found.rows, costs.unit
    columns = costs.one_hot
    if work.trainer == "passes":
        return rows * columns * unit["pass_value"]
    return rows * (columns * unit["fit_value"] + columns * (columns + 1) / 2 * unit["fit_product"])
