"""What each way of training would cost: statistics times unit costs, in seconds and bytes.

Every number here is a count of steps; what a step takes was measured (`ml.indb.unit_costs`). Belongs here:
the formulas. Does not belong here: those of trees (`ml.indb.tree_costs`), reading statistics, or the choice
(`ml.indb.training_plan`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations

from ml.indb import tree_costs
from ml.indb.training_work import TrainingWork
from ml.indb.work_costs import WorkCosts, sums_of
from ml.indb.work_statistics import WorkStatistics


@dataclass(frozen=True)
class Estimate:
    """One way, and what it would take: wall seconds, bytes that leave the warehouse, bytes that are held in
    memory at once (0 where they do not grow with the rows).
    """

    way: str
    seconds: float
    bytes_out: int
    memory_bytes: int = 0


def estimates(work: TrainingWork, found: WorkStatistics, unit: Mapping[str, float]) -> list[Estimate]:
    """The ways of this work, in their order."""
    costs = WorkCosts(work, found, unit)
    by_way: dict[str, Callable[[WorkCosts], tuple[float, float]]] = {
        "factorised": _factorised,
        "joined": {"cofactors": _joined, "passes": _passes, "trees": tree_costs.rows_by_sql}[work.trainer],
        "cells": tree_costs.by_cells if work.trainer == "trees" else _patterns,
        "export": tree_costs.exported if work.trainer == "trees" else _export,
    }
    return [_estimate(way, *by_way[way](costs), costs) for way in work.ways]


def _estimate(way: str, seconds: float, bytes_out: float, costs: WorkCosts) -> Estimate:
    is_held = way == "export" and costs.work.trainer == "trees"
    return Estimate(way, seconds, round(bytes_out), tree_costs.held(costs) if is_held else 0)


def _joined(costs: WorkCosts) -> tuple[float, float]:
    work, found = costs.work, costs.found
    numbers, categories = len(work.numbers) + 1, len(work.categories)
    scans = costs.scans(numbers, categories)
    seconds = costs.statement(numbers) + (costs.source + costs.joins) * scans / costs.gain
    seconds += costs.sums(found.rows, numbers, found.wide) / costs.gain + costs.levels(numbers, categories)
    return seconds, _sum_bytes(costs, numbers)


def _sum_bytes(costs: WorkCosts, numbers: int) -> float:
    """Sums, products, and for each category its sums; of pairs of categories at most the observed ones."""
    levels = list(costs.found.levels.values())
    pairs = sum(min(one * two, costs.found.rows) for one, two in combinations(levels, 2))
    count = sums_of(numbers) + sum(levels) * (numbers + 1) + pairs
    return costs.work.folds * count * costs.unit["sum_bytes"]


def _factorised(costs: WorkCosts) -> tuple[float, float]:
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


def _passes(costs: WorkCosts) -> tuple[float, float]:
    seconds, size = _joined(costs)
    return costs.work.rounds * seconds, costs.work.rounds * size


def _patterns(costs: WorkCosts) -> tuple[float, float]:
    """Rows grouped once by all features, then passes over the groups."""
    work, found, unit = costs.work, costs.found, costs.unit
    cells = found.cells or found.rows
    made = costs.source + found.rows * len(work.features) * unit["group"] + cells * unit["new_group"]
    seconds, size = _passes(costs)
    return made + seconds * cells / found.rows, size


def _export(costs: WorkCosts) -> tuple[float, float]:
    """The rows as Arrow, then sums of them by matrix products, or a library on them."""
    work, found = costs.work, costs.found
    seconds, size = costs.begun_export, found.rows * found.row_bytes
    if work.trainer == "cofactors" and not found.wide:
        return seconds + found.rows * _exact(costs), size
    fits = 1 if work.folds == 1 else work.folds + 1
    return seconds + found.rows * costs.exported_row + fits * _library_fit(costs), size


def _exact(costs: WorkCosts) -> float:
    """Seconds of one row's values, products and levels, its way out among them."""
    work, unit = costs.work, costs.unit
    numbers, categories = len(work.numbers) + 1, len(work.categories)
    levels = categories * (numbers + categories / 2) * unit["exact_level"]
    texts = costs.found.text_bytes * unit["export_byte"]
    return (
        numbers * unit["exact_value"] + numbers * (numbers + 1) / 2 * unit["exact_product"] + levels + texts
    )


def _library_fit(costs: WorkCosts) -> float:
    work, rows, unit = costs.work, costs.found.rows, costs.unit
    columns = costs.one_hot
    if work.trainer == "passes":
        return rows * columns * unit["pass_value"]
    return rows * (columns * unit["fit_value"] + columns * (columns + 1) / 2 * unit["fit_product"])
