"""The small star on both engines: the same rows, the same model registered and in charge.

Belongs here: what tests of scoring, drift and look-ups share. Does not belong here: assertions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ml import registry
from tests.ml.bigquery.small_star_on_both import build_both
from tests.ml.small_model import fitted_late, other_fit
from warehouse.client import Warehouse


@dataclass(frozen=True)
class TwoStars:
    """A warehouse on each engine."""

    postgres: Warehouse
    bigquery: Any

    def __iter__(self) -> Iterator[Any]:
        return iter((self.postgres, self.bigquery))

    def execute(self, sql: str) -> None:
        """A change of rows on both."""
        for wh in self:
            wh.execute(sql)

    def rows(self, sql: str) -> list[list[dict[str, Any]]]:
        """The answers of both, Postgres' first."""
        return [wh.query(sql) for wh in self]


def two_stars(postgres: Warehouse, bigquery: Any) -> TwoStars:
    """The star and a champion of three trees, on empty warehouses: the emulator takes long over more."""
    build_both(postgres, bigquery)
    fitted, training_set = fitted_late(postgres, is_built=True)
    small = other_fit(fitted)
    for wh in (postgres, bigquery):
        version = registry.register(wh, small, training_set, "code-0").version
        registry.judge_version(wh, "late", version)
        registry.promote(wh, "late", version, "tester", "first")
    return TwoStars(postgres, bigquery)
