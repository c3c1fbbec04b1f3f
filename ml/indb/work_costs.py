"""What one scan of a training takes: statistics times unit costs, shared by the formulas of every way.

Belongs here: sizes and seconds of scans and sums. Does not belong here: what a way does with them
(`ml.indb.way_costs`, `ml.indb.tree_costs`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from ml.indb.cofactor_sql import AGGREGATES
from ml.indb.training_work import TrainingWork
from ml.indb.work_statistics import WorkStatistics


@dataclass(frozen=True)
class WorkCosts:
    """What is to be trained on, its statistics, and what one step of each kind takes in seconds."""

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

    @property
    def begun_export(self) -> float:
        """Seconds of an export beside what its rows take."""
        return self.unit["export"] + self.source + self.joins

    @property
    def exported_row(self) -> float:
        """Seconds of a row's way out: its numbers, the label among them, and its texts."""
        values, unit = len(self.work.numbers) + 1, self.unit
        texts = self.found.text_bytes * unit["export_byte"]
        return unit["export_row"] + values * unit["export_value"] + texts

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
        return math.ceil(sums_of(numbers) / AGGREGATES)

    def scans(self, numbers: int, categories: int) -> int:
        """Selects over the rows that one measurement makes."""
        return self.selects(numbers) + min(categories, 2)

    def statement(self, numbers: int) -> float:
        """Seconds of writing, planning and reading it, whatever the rows."""
        return self.unit["statement_sum"] * sums_of(numbers)


def sums_of(numbers: int) -> int:
    """How many sums so many numbers have: of values and of products."""
    return numbers * (numbers + 3) // 2
