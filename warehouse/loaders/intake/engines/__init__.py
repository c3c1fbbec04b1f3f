"""What loads of declared sources do differently on each engine of the warehouse: one module an engine, with
the same functions, chosen by `engine_of(wh)`.

Postgres hashes rows itself, and takes rows within a transaction. BigQuery takes rows by load jobs alone,
which stand outside any transaction: what a batch needs (rows with the hash of their content, rejects, the
source's keys) is landed before it, and the transaction is statements only. Belongs here: those differences.
Does not belong here: the order of steps (`intake`), statements that both engines read alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from warehouse.client import quote

if TYPE_CHECKING:
    from warehouse.client import Warehouse

RAW, LANDING = "raw", "landing"
CONTENT, ORDER = "content_sha256", "landing_order"


@dataclass(frozen=True)
class Moment:
    """The one instant at which a transaction's rows are loaded: SQL, and the parameters it takes."""

    sql: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


def engine_of(wh: Warehouse) -> Any:
    """The module for a warehouse's engine."""
    from warehouse.loaders.intake.engines import bigquery, postgres

    return bigquery if wh.dialect == "bigquery" else postgres


def listed(names: Any, of: str = "") -> str:
    """Names in a list, each quoted, of the table called `of` where one is named."""
    return ", ".join(f"{of}.{quote(name)}" if of else quote(name) for name in names)


def same_key(key: Any, left: str, right: str) -> str:
    """The condition that two tables' rows have one key."""
    return " and ".join(f"{left}.{quote(name)} = {right}.{quote(name)}" for name in key)
